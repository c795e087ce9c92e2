"""A log format that prints an id which the sidecars' tracer never sets."""

from collections.abc import Iterator

from labspec.accesslog import Piece
from labspec.envoy.format import REQUEST_OPERATORS, Operator, headers_of, parse
from labspec.finding import WARNING, Path, listed
from labspec.lab import FORMATS, Lab
from labspec.mesh import Mesh
from labspec.propagation._base import Format
from labspec.rules._base import Hit, Rule
from labspec.rules._log import place, senders_of
from labspec.rules._tracing import spoken, tracers

# Trace headers of any family: those of the formats here, and those that other tracers use.
_OTHERS = {
    "sw8",
    "x-datadog-trace-id",
    "x-datadog-parent-id",
    "x-cloud-trace-context",
}
_FAMILIES = {header for found in FORMATS.values() for header in found.headers} | _OTHERS


_OPERATORS = REQUEST_OPERATORS | {"STREAM_INFO_REQ"}


def _check(lab: Lab, mesh: Mesh) -> Iterator[Hit]:
    for proxy in mesh.proxies[:1]:
        if proxy.tracer.value is not None:
            for piece in proxy.log.value.pieces:
                if piece.resolved is not None:
                    yield from _hits(lab, proxy.tracer.value.format, (*proxy.log.origin, *piece.path), piece)


def _hits(lab: Lab, form: Format, path: Path, piece: Piece) -> Iterator[Hit]:
    for token in parse(piece.text).tokens:
        if not isinstance(token, Operator):
            continue
        asked = headers_of(token) if token.name in _OPERATORS else ()
        foreign = [header for header in asked if header in _FAMILIES and header not in form.headers]
        senders = senders_of(lab, foreign)
        start, width = place(piece, token.start, token.end)
        if foreign and asked[0] in form.headers:
            # The alternative is for requests without the tracer's own header: there are none.
            continue
        if foreign and (senders or set(asked).isdisjoint(form.headers)):
            message = (
                f"prints {_shown(lab, form, senders)}: the sidecars speak {form.name} and never set {listed(foreign)}"
            )
            advice = f"write ${{trace_id}}: it follows the tracer; {form.name} sets {listed(form.headers)}"
            yield Hit(path, message, advice, start=start, width=width)
        elif token.name in form.silent:
            message = f"prints - on every line: {form.silent[token.name]}"
            yield Hit(path, message, "write ${span_id}: it follows the tracer", start=start, width=width)


def _shown(lab: Lab, form: Format, senders: list[str]) -> str:
    """What stands in the log where apps write the header, and sidecars do not."""
    if not senders:
        return "-, or what a client sent"
    own = dict(tracers(lab))
    unheard = [name for name in senders if not form.reads(spoken(lab, own[name]))]
    if unheard:
        return f"the id from the app of {listed(unheard)}, which no trace of the mesh has"
    return f"the ids that the app of {listed(senders)} sent, not those of a sidecar's span"


RULE = Rule(
    id="log-header-family",
    severity=WARNING,
    summary="The log format prints a trace header that the sidecars' tracer does not set.",
    why="A zipkin tracer reads and writes x-b3-* headers and passes others through untouched. Where no client sends them the log shows -; "
    "where one does it shows an id that belongs to no trace of the mesh, which looks healthy and is wrong.",
    failing="propagation: {format: b3}\nlogs: {format: 'trace=%REQ(TRACEPARENT)%'}",
    mended="propagation: {format: b3}\nlogs: {format: 'trace=${trace_id}'}",
    source="envoyproxy/envoy source/extensions/tracers/zipkin/span_context_extractor.cc; measured on Envoy 1.38.3",
    on_mesh=_check,
    needs=("logs", "propagation", "collector"),
)
