"""docs/verification.md: what the real tier compared, with which version of which tool, written by the run itself.

Tests call `record`. When the whole tier ran and passed, `disagreement` holds what they recorded against the document, or writes it
where LABSPEC_UPDATE=1. What the workers of a distributed run recorded comes back to it through `taken` and `add`. Nothing in it
depends on the time or on the machine.
"""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = ROOT / "docs" / "verification.md"
RENEW = "LABSPEC_UPDATE=1 python -m pytest -m real -n 2 --dist loadfile"

_HEAD = """\
<!-- written by `{renew}`, do not edit -->
# What was held against real tools

Each number counts comparisons that agreed. A comparison that disagrees fails the run, and so does a number that changes without
this file.

"""

_HONESTY = """
## What this does not show

**The control plane's code is that of Istio 1.31-dev**, whatever version a spec names: istio.io/istio v0.0.0-20260827124520-eed52ebb66ad,
master of 27 August 2026, is the one version of it to be had as a Go module with all its dependencies. It is told to claim the
spec's version (features that Pilot gates on the proxy's version follow), but charts, injection, validation and the generation of
listeners are those of master.

- **Istio 1.31**: 1.31.0 came out a week before this commit; what is on only one of master and the release's branch is not told apart.
- **Istio 1.30**: read against tag 1.30.3, Pilot's tracing.go, telemetry.go and telemetry_logging.go and the demo profile differ only in
  locking and in `spawnUpstreamSpan` of gateways, which 1.30 keeps behind a feature flag. Reports of the same program built from 1.30.3's
  sources were the same for two labs.
- **Istio 1.29**: its sources were not read line by line. What a spec may use there rests on its release notes, and on its Envoy.

**Envoy is the spec's**: 1.37 for Istio 1.29, 1.38 for 1.30, 1.39 for 1.31; 1.40, which no Istio has, stands here only for what it does
otherwise. It is upstream Envoy, not Istio's build of it: filters that
exist only in Istio's build (`istio.stats`, `istio.alpn`, `peer_metadata`, ...) are taken out before it judges.

**No container runs.** Pods of the API server are simulated; that an image listens on its port, forwards headers or stores a span is
not seen here.
"""


class Entry(NamedTuple):
    """What was compared, with what."""

    tool: str
    version: str
    what: str
    spec: str


_recorded: Counter[Entry] = Counter()
_passed: set[Path] = set()
_outcomes: Counter[str] = Counter()


def record(*, spec: str | None = None, tool: str, version: str, what: str, count: int = 1) -> None:
    """Adds `count` comparisons that agreed. `spec` is None for what concerns no single one; `what` is a phrase for a reader."""
    _recorded[Entry(tool, version, what, spec or "")] += count


def taken() -> list[tuple[str, str, str, str, int]]:
    """What this process recorded, as a worker hands it on."""
    return [(*entry, count) for entry, count in sorted(_recorded.items())]


def add(found: Iterable[tuple[str, str, str, str, int]]) -> None:
    """Adds what a worker recorded."""
    for *entry, count in found:
        _recorded[Entry(*entry)] += count


def saw(report: pytest.TestReport) -> None:
    """Takes note of the outcome of one phase of a test; for pytest_runtest_logreport."""
    _outcomes[report.outcome] += 1
    if report.when == "call" and report.outcome == "passed":
        _passed.add(ROOT / report.location[0])


def disagreement(config: pytest.Config) -> str | None:
    """Why docs/verification.md is not what this session saw; None where it is, was written, or less than the tier ran."""
    if not _whole(config):
        return None
    if _outcomes["skipped"]:
        return "a test was skipped: docs/verification.md was not checked" if os.environ.get("CI") else None
    text = rendered(_recorded)
    if os.environ.get("LABSPEC_UPDATE"):
        DOCUMENT.write_text(text, encoding="utf-8")
        return None
    old = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else ""
    if old == text:
        return None
    new = [line for line in text.splitlines() if line not in old.splitlines()]
    gone = [line for line in old.splitlines() if line not in text.splitlines()]
    changes = [*(f"- {line}" for line in gone), *(f"+ {line}" for line in new)]
    return "\n".join([f"docs/verification.md is not what this run saw; {RENEW} writes it", *changes])


def _whole(config: pytest.Config) -> bool:
    """Whether every file of the tier ran, unfiltered, and no test of it failed."""
    files = set((ROOT / "tests" / "real").glob("test_*.py"))
    filtered = config.option.keyword or any("::" in argument for argument in config.args)
    return not filtered and not _outcomes["failed"] and files <= _passed


def rendered(recorded: Counter[Entry]) -> str:
    """The document."""
    tools = sorted({entry.tool for entry in recorded if entry.spec}, key=str.lower)
    specs = sorted({entry.spec for entry in recorded if entry.spec})
    counts = {(spec, tool): _count(recorded, spec, tool) for spec in specs for tool in tools}
    matrix = [[spec, *(str(counts[spec, tool] or "-") for tool in tools)] for spec in specs]
    whats = sorted({entry._replace(spec="") for entry in recorded}, key=lambda entry: [*map(str.lower, entry)])
    rows = [[entry.tool, entry.version, entry.what, str(_total(recorded, entry))] for entry in whats]
    return (
        _HEAD.format(renew=RENEW)
        + "## Tools\n\n"
        + _table(["tool", "version", "what it was asked", "comparisons"], rows)
        + "\n## Specs\n\n"
        + _table(["spec", *tools], matrix)
        + _HONESTY
    )


def _count(recorded: Counter[Entry], spec: str, tool: str) -> int:
    return sum(count for entry, count in recorded.items() if (entry.spec, entry.tool) == (spec, tool))


def _total(recorded: Counter[Entry], wanted: Entry) -> int:
    return sum(count for entry, count in recorded.items() if entry[:3] == wanted[:3])


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Takes note of each test; where the run is distributed, in the process that distributes it."""
    saw(report)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Takes what a worker recorded."""
    output: dict[str, list[tuple[str, str, str, str, int]]] = getattr(node, "workeroutput", {})
    add(output.get("recorded", []))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hands on what a worker recorded; else holds it against the document."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["recorded"] = taken()
    elif difference := disagreement(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print(f"\n{difference}")  # noqa: T201  # there is no test whose failure it would be
