"""What the rules on log formats share."""

from collections.abc import Iterable, Iterator

from labspec.accesslog import AccessLog, Piece, access_log
from labspec.envoy.format import FormatProblem, check
from labspec.lab import Lab
from labspec.propagation._base import FIXED_SPAN, FIXED_TRACE, started
from labspec.rules._base import Hit
from labspec.rules._tracing import spoken, tracers


def log_of(lab: Lab) -> AccessLog:
    """The access log that the lab asks for."""
    return access_log(lab.spec.logs.format, lab.format(), lab.spec.istio.version)


def problems(lab: Lab, code: str) -> Iterator[Hit]:
    """What Envoy would refuse in the lab's format, where it is of the sort `code`."""
    for piece in log_of(lab).pieces:
        if piece.resolved is None:
            continue
        for problem in check(piece.text, lab.spec.istio.version):
            if problem.code == code:
                yield _hit(piece, problem)


def _hit(piece: Piece, problem: FormatProblem) -> Hit:
    start, width = place(piece, problem.start, problem.end)
    return Hit(("logs", *piece.path), problem.message, problem.help, start=start, width=width)


def senders_of(lab: Lab, headers: Iterable[str]) -> list[str]:
    """The services whose own tracer writes one of these headers."""
    wanted = set(headers)
    found = []
    for name, tracer in tracers(lab):
        written = started(spoken(lab, tracer), tracer.start, FIXED_TRACE, FIXED_SPAN)
        if not wanted.isdisjoint(written):
            found.append(name)
    return found


def place(piece: Piece, start: int, end: int) -> tuple[int | None, int]:
    """Where a part of a format stands in the text as written, and how wide it is there; None for a format that has a name."""
    if piece.resolved is None:
        return None, 1
    written = piece.resolved.written(start)
    return written, max(1, piece.resolved.written(end) - written)
