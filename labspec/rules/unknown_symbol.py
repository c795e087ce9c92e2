"""A `${symbol}` in the log format that nothing stands behind."""

from collections.abc import Iterator

from labspec.accesslog import symbols, way_out
from labspec.finding import ERROR, alternatives
from labspec.lab import FORMATS, Lab
from labspec.rules._base import Hit, Rule
from labspec.rules._log import log_of


def _check(lab: Lab) -> Iterator[Hit]:
    form, version = lab.format(), lab.spec.istio.version
    known = sorted(symbols(form, version))
    # Where the format or the version could not be read, what none of them knows is wrong all the same.
    others = (
        set()
        if lab.reads("propagation", "istio.version")
        else {name for other in FORMATS.values() for name in other.symbols}
    )
    for piece in log_of(lab).pieces:
        for unknown in piece.resolved.unknown if piece.resolved else ():
            if unknown.name in others:
                continue
            instead = way_out(unknown.name, form, version)
            if instead is None:
                message = f"no symbol ${{{unknown.name}}}{alternatives(unknown.name, known)}"
                advice = f"known here: {', '.join(known)}; a literal ${{ is written $${{"
            else:
                message = (
                    f"${{{unknown.name}}} has no operator: with {form.name} Istio {version} cannot print it by itself"
                )
                advice = instead
            width = unknown.end - unknown.start
            yield Hit(("logs", *piece.path), message, advice, start=unknown.start, width=width)


RULE = Rule(
    id="unknown-symbol",
    severity=ERROR,
    summary="The log format holds a ${symbol} that labspec does not know.",
    why="Symbols stand for the operators of the sidecars' tracer. Envoy knows none of them: it would print the text as it is.",
    failing="logs: {format: 'traceID=${traceid}'}",
    mended="logs: {format: 'traceID=${trace_id}'}",
    source="the labspec language",
    on_lab=_check,
)
