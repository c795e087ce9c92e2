"""What the command `rehearse` does."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from labspec.building import form_of, told
from labspec.errors import LabspecError, UsageError
from labspec.people import People
from labspec.plan import Plan
from labspec.shell import quote
from labspec.terminal_io import replace

if TYPE_CHECKING:
    from labspec.observe.judging import Report
    from labspec.observe.values import Observation
    from labspec.present.about import About
    from labspec.rehearse.binary import Envoy
    from labspec.rehearse.order import Progress
    from labspec.rehearse.places import Places

INTERRUPTED = 130
"""The exit status that shells give to what Ctrl-C ended."""

_NEEDED = ("aiohttp", "rich", "opentelemetry.proto.trace.v1.trace_pb2")

_UNCOVERED = (
    "mTLS and certificates: the sidecars speak plain HTTP with each other",
    "iptables, DNS and Kubernetes: each app is told where its sidecar is",
    "istiod: the sidecars' settings are labspec's own, made as Istio makes them",
    "Istio's own filters (metrics, peer metadata), and its build of Envoy",
    "images, probes and replicas: one pod of each service",
)

_STAGES = {
    "configuration": "Envoy reads the configuration",
    "start": "sidecars and apps start",
    "requests": "requests",
    "spans": "spans",
}


class Wanted(NamedTuple):
    """What the command was asked for."""

    spec: str
    variant: str | None
    rounds: int
    envoy: str | None
    report: str | None
    """The file of the page; None for none."""
    spans: str | None
    """The file of the spans in Zipkin's format; None for none."""
    as_json: bool
    keep: bool
    quiet: bool


def rehearse(wanted: Wanted, people: People, page: People) -> int:
    """Runs the lab on real Envoys and tells what they did; gives the exit status.

    0 where all was as predicted, 1 where not or where the spec is wrong, 130 after Ctrl-C; raises LabspecError where it could not run.
    """
    try:
        _needed()
        _one_for_stdout(wanted)
        compiled = told(wanted.spec, people)
        if compiled.plan is None:
            return 1
        plan = form_of(compiled.plan, wanted.variant)
        for path in (wanted.report, wanted.spans):
            _writable(path)
        text = compiled.content.decode("utf-8-sig")
        return _rehearsed(wanted, plan, text, people, page)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        people.tell("interrupted: no verdict")
        return INTERRUPTED


def _rehearsed(wanted: Wanted, plan: Plan, text: str, people: People, page: People) -> int:
    # Each needs the packages of the extra.
    from labspec.observe.judging import judged  # noqa: PLC0415
    from labspec.rehearse.binary import find_envoy  # noqa: PLC0415
    from labspec.rehearse.order import Order  # noqa: PLC0415
    from labspec.rehearse.run import rehearse as run  # noqa: PLC0415

    envoy = find_envoy(wanted.envoy, plan.istio_version)
    if not envoy.is_right:
        people.tell(f"{people.paint('warning', 'yellow')}: {envoy.difference(plan.istio_version)}")
    status = 0

    def seen(observation: "Observation", places: "Places") -> bool:
        nonlocal status
        report = judged(plan, observation)
        _tell(wanted, report, _about(wanted, plan, text, envoy, places), page, people)
        status = int(not report.passed)
        if wanted.keep:
            people.tell("\n".join(_staying(plan, places)))
        return wanted.keep

    with _progress(wanted) as progress:
        run(Order(plan, envoy.path, wanted.rounds, seen), progress)
    return status


def _tell(wanted: Wanted, report: "Report", about: "About", page: People, people: People) -> None:
    """Writes what was asked for, the verdict last."""
    if wanted.spans is not None:
        from labspec.rehearse.collector import as_zipkin  # noqa: PLC0415  # only then

        _write(wanted.spans, as_zipkin(report.observation.spans), people, page)
    if wanted.report is not None:
        from labspec.present.html import as_html  # noqa: PLC0415  # only then

        _write(wanted.report, as_html(report, about), people, page)
    if wanted.as_json:
        from labspec.present.machine import as_json  # noqa: PLC0415  # only then

        page.tell(as_json(report, about))
        return
    from labspec.present.terminal import as_terminal  # noqa: PLC0415  # only then

    if "-" in {wanted.report, wanted.spans}:
        people.mention(as_terminal(report, about, width=_width(), colour=people.colour).rstrip("\n"))
    elif not wanted.quiet or not report.passed:
        page.tell(as_terminal(report, about, width=_width(), colour=page.colour))


def _about(wanted: Wanted, plan: Plan, text: str, envoy: "Envoy", places: "Places") -> "About":
    from labspec.present.about import About  # noqa: PLC0415  # only a report needs it
    from labspec.rehearse.places import meanings  # noqa: PLC0415  # and so here

    form = [] if plan.is_base else ["--variant", plan.variant]
    words = ["labspec", "rehearse", wanted.spec, *form, "--requests", str(wanted.rounds)]
    played = [f"{each.name}: {each.stand_in.remark}" for each in plan.workloads if each.stand_in.remark]
    warning = [] if envoy.is_right else [envoy.difference(plan.istio_version).partition("\n")[0]]
    many = "s" if wanted.rounds != 1 else ""
    return About(
        title="rehearsal",
        command=" ".join(quote(word) for word in words),
        spec_name=plan.source,
        spec_text=text,
        facts=(
            ("Istio", plan.istio_version),
            ("Envoy", envoy.version),
            ("tracer", f"speaks {plan.propagation.name}" if plan.receiver else "none"),
            ("each request", f"{wanted.rounds} time{many}"),
        ),
        remarks=(*warning, *played),
        uncovered=_UNCOVERED,
        addresses=tuple(meanings(plan, places)),
    )


def _staying(plan: Plan, places: "Places") -> Iterator[str]:
    """What one can do while everything stays up."""
    from labspec.rehearse.places import meanings  # noqa: PLC0415  # not at every start

    yield "Everything stays up until Ctrl-C:"
    found = dict(meanings(plan, places))
    width = max(map(len, found))
    yield from (f"  {address:{width}}  {what}" for address, what in found.items())
    for (caller, callee), place in places.outbound.items():
        yield f"A request as {caller} sends it: curl -H 'Host: {callee}' http://{place.text}/"
        break


def _needed() -> None:
    """Raises UsageError where the packages of the extra are not there."""
    if sys.platform == "win32":
        raise UsageError("rehearse needs Linux or macOS: there is no Envoy for Windows that can be started so")
    try:
        for name in _NEEDED:
            import_module(name)
    except ImportError as error:
        raise UsageError(
            f"rehearse needs the package {error.name}, which is not here\n  help: install labspec with its extra: pip install 'labspec[rehearse]', in a checkout '.[rehearse]'"
        ) from None


def _one_for_stdout(wanted: Wanted) -> None:
    """Raises UsageError where two things were to go to stdout."""
    if [wanted.report, wanted.spans].count("-") + wanted.as_json > 1:
        raise UsageError("only one of --report, --spans and --format json can go to stdout")


def _writable(path: str | None) -> None:
    """Raises UsageError where a file cannot be written: better before the lab runs than after."""
    if path is None or path == "-":
        return
    folder = Path(path).parent
    if not folder.is_dir():
        raise UsageError(f"{path}: there is no folder {folder}")
    if Path(path).is_dir():
        raise UsageError(f"{path} is a folder")
    if not os.access(Path(path) if Path(path).exists() else folder, os.W_OK):
        raise UsageError(f"{path} may not be written")


def _write(path: str, text: str, people: People, page: People) -> None:
    """A whole file or none; - is stdout."""
    if path == "-":
        page.tell(text)
        return
    target = Path(path).resolve()
    try:
        if target.exists() and not target.is_file():
            # A device or a pipe: not to be replaced by a file.
            target.write_text(text, encoding="utf-8")
            return
        replace(target, text)
    except OSError as error:
        raise LabspecError(f"{path} cannot be written: {error.strerror or error}") from None
    people.mention(f"  + {path}")


def _width() -> int:
    return os.get_terminal_size().columns if sys.stdout.isatty() else 100


def _progress(wanted: Wanted) -> "AbstractContextManager[Progress]":
    """A bar on stderr while it runs, where a person looks at it."""
    if wanted.quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return nullcontext(lambda _: None)
    return _bar()


@contextmanager
def _bar() -> "Iterator[Progress]":
    from rich.console import Console  # noqa: PLC0415  # only for a person
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    from labspec.rehearse.order import Stage  # noqa: PLC0415

    console = Console(stderr=True, no_color=bool(os.environ.get("NO_COLOR")))
    columns = (TextColumn("{task.description:31}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("")
        last = 0.0

        def show(stage: Stage) -> None:
            nonlocal last
            now = time.monotonic()
            # The bar must not be what takes the time.
            if stage.name == "stay":
                bar.stop()
            elif stage.done == stage.total or now - last > 0.05:
                last = now
                bar.update(task, description=_STAGES[stage.name], completed=stage.done, total=max(1, stage.total))

        yield show
