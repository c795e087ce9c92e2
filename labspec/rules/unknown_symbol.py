"""A `${symbol}` in the log format, or in a text of a service, that nothing stands behind."""

from collections.abc import Iterator
from typing import get_args

from labspec.accesslog import symbols, way_out
from labspec.collectors._base import Protocol
from labspec.finding import ERROR, alternatives, listed
from labspec.lab import FORMATS, Lab
from labspec.rules._base import Hit, Rule
from labspec.rules._log import log_of
from labspec.rules._symbols import CALLS, COLLECTOR, Use, callees, uses

_PARTS = ("host", "port")
_PROTOCOLS: tuple[str, ...] = get_args(Protocol)


def _check(lab: Lab) -> Iterator[Hit]:
    if lab.reads("logs"):
        yield from _in_log(lab)
    for use in uses(lab):
        fault = _fault(lab, use) if use.head in {CALLS, COLLECTOR} else None
        if fault is not None:
            yield Hit(use.path, *fault, start=use.start, width=use.width)


def _fault(lab: Lab, use: Use) -> tuple[str, str] | None:
    """What is wrong with a symbol of a service, and what to write."""
    if not use.is_closed:
        return "a symbol begins here and does not end", "close it with }; a literal ${ is written $${"
    wanted, *rest = use.steps
    if use.head == COLLECTOR:
        known = [f"{COLLECTOR}.{protocol}" for protocol in _PROTOCOLS]
        return None if use.name in known else _none(use, known)
    others = callees(lab, use.service)
    if wanted not in lab.declared:
        can = f"{use.service} calls {listed(others)}" if others else f"the services are {listed(sorted(lab.declared))}"
        return (
            f'no service "{wanted}"{alternatives(wanted, others or sorted(lab.declared))}',
            f"{can}; a literal ${{ is written $${{",
        )
    if rest and (len(rest) > 1 or rest[0] not in _PARTS):
        return _none(use, [f"{CALLS}.{wanted}", *(f"{CALLS}.{wanted}.{part}" for part in _PARTS)])
    return None


def _none(use: Use, known: list[str]) -> tuple[str, str]:
    allowed = ", ".join(f"${{{name}}}" for name in known)
    return (
        f"no symbol ${{{use.name}}}{alternatives(use.name, known)}",
        f"known here: {allowed}; a literal ${{ is written $${{",
    )


def _in_log(lab: Lab) -> Iterator[Hit]:
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
    summary="The log format, or a text of a service, holds a ${symbol} that labspec does not know.",
    why="In the log format symbols stand for the operators of the sidecars' tracer. Envoy knows none of them: it would print the text as it is. "
    "In `env`, and in a custom service's `command` and `args`, `${calls.NAME}` and `${collector.PROTOCOL}` stand for addresses, which would not be there.",
    failing="logs: {format: 'traceID=${traceid}'}",
    mended="logs: {format: 'traceID=${trace_id}'}",
    source="the labspec language",
    on_lab=_check,
)
