"""A `${symbol}` in the log format that nothing stands behind."""

from collections.abc import Iterator

from labspec.accesslog import symbols
from labspec.finding import ERROR, alternatives
from labspec.lab import Lab
from labspec.rules._base import Hit, Rule
from labspec.rules._log import log_of


def _check(lab: Lab) -> Iterator[Hit]:
    resolved = log_of(lab).resolved
    known = sorted(symbols(lab.format()))
    for unknown in resolved.unknown if resolved else ():
        advice = f"known here: {', '.join(known)}; a literal ${{ is written $${{"
        message = f"no symbol ${{{unknown.name}}}{alternatives(unknown.name, known)}"
        yield Hit(("logs", "format"), message, advice, start=unknown.start, width=unknown.end - unknown.start)


RULE = Rule(
    id="unknown-symbol",
    severity=ERROR,
    summary="The log format holds a ${symbol} that labspec does not know.",
    why="Symbols stand for the operators of the sidecars' tracer. Envoy knows none of them: it would print the text as it is.",
    failing="logs: {format: 'traceID=${traceid}'}",
    mended="logs: {format: 'traceID=${trace_id}'}",
    source="the labspec language",
    on_lab=_check,
    needs=("propagation",),
)
