"""A log format that prints an id which the sidecars' tracer never sets."""

from collections.abc import Iterator

from labspec.envoy.format import Operator, headers_of, parse
from labspec.finding import WARNING, listed
from labspec.lab import FORMATS
from labspec.mesh import Mesh, Proxy
from labspec.rules._base import Hit, Rule

# Trace headers of any family: those of the formats here, and those that other tracers use.
_OTHERS = {
    "traceparent",
    "tracestate",
    "b3",
    "uber-trace-id",
    "sw8",
    "x-datadog-trace-id",
    "x-datadog-parent-id",
    "x-cloud-trace-context",
}
_FAMILIES = {header for found in FORMATS.values() for header in found.headers} | _OTHERS


def _check(mesh: Mesh) -> Iterator[Hit]:
    for proxy in mesh.proxies[:1]:
        yield from _hits(proxy)


def _hits(proxy: Proxy) -> Iterator[Hit]:
    log, tracer = proxy.log.value, proxy.tracer.value
    if log.text is None or log.resolved is None or tracer is None:
        return
    for token in parse(log.text).tokens:
        if not isinstance(token, Operator):
            continue
        foreign = [
            header for header in headers_of(token) if header in _FAMILIES and header not in tracer.format.headers
        ]
        where = log.resolved.written(token.start)
        width = max(1, log.resolved.written(token.end) - where)
        if foreign and token.name in {"REQ", "REQUEST_HEADER", "REQ_WITHOUT_QUERY", "STREAM_INFO_REQ"}:
            message = f"prints -, or what a client sent: the sidecars speak {tracer.format.name} and never set {listed(foreign)}"
            yield Hit(
                proxy.log.origin,
                message,
                f"write ${{trace_id}}: it follows the tracer; {tracer.format.name} sets {listed(tracer.format.headers)}",
                start=where,
                width=width,
            )
        elif token.name in tracer.format.silent:
            message = f"prints - on every line: {tracer.format.silent[token.name]}"
            yield Hit(proxy.log.origin, message, "write ${span_id}: it follows the tracer", start=where, width=width)


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
