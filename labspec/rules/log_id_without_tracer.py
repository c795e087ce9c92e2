"""A trace id in the log of a mesh that traces nothing."""

from collections.abc import Iterator

from labspec.envoy.format import Operator, headers_of, parse
from labspec.finding import WARNING
from labspec.lab import FORMATS
from labspec.mesh import Mesh, Proxy
from labspec.rules._base import Hit, Rule

_HEADERS = {header for found in FORMATS.values() for header in found.headers}


def _check(mesh: Mesh) -> Iterator[Hit]:
    for proxy in mesh.proxies[:1]:
        log = proxy.log.value
        if proxy.tracer.value is not None or log.text is None:
            continue
        sent = any(other.starts.value for other in mesh.proxies)
        for token in parse(log.text).tokens:
            if not isinstance(token, Operator):
                continue
            own = token.name in {"TRACE_ID", "SPAN_ID"}
            if own or not _HEADERS.isdisjoint(headers_of(token)):
                printed = "the id that the client sent, which no trace has" if sent and not own else "-"
                yield _hit(proxy, token.start, token.end, printed)


def _hit(proxy: Proxy, start: int, end: int, printed: str) -> Hit:
    resolved = proxy.log.value.resolved
    message = f"the access log prints {printed}: without a collector no sidecar has a tracer"
    advice = "leave the id out (logs: {format: istio}), or choose a collector"
    if resolved is None:
        # The format has a name: what is to blame stands at the collector.
        return Hit(proxy.tracer.origin, message, advice)
    at = resolved.written(start)
    return Hit(proxy.log.origin, message, advice, start=at, width=max(1, resolved.written(end) - at))


RULE = Rule(
    id="log-id-without-tracer",
    severity=WARNING,
    summary="The log format prints trace ids, and no sidecar has a tracer.",
    why="Only a tracer makes ids. Without one a sidecar passes the headers of a client through: the log shows the client's ids, or -, and there is no trace to find.",
    failing="collector: {kind: none}\nlogs: {format: 'traceID=${trace_id}'}",
    mended="collector: {kind: none}\nlogs: {format: istio}",
    source="istio/istio tools/packaging/common/envoy_bootstrap.json; envoyproxy/envoy source/common/tracing",
    on_mesh=_check,
    needs=("logs", "propagation", "collector"),
)
