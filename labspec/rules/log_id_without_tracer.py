"""A trace id in the log of a mesh that traces nothing."""

from collections.abc import Iterator

from labspec.envoy.format import Operator, headers_of, parse
from labspec.finding import WARNING
from labspec.lab import FORMATS
from labspec.mesh import Mesh
from labspec.rules._base import Hit, Rule

_HEADERS = {header for found in FORMATS.values() for header in found.headers}


def _check(mesh: Mesh) -> Iterator[Hit]:
    for proxy in mesh.proxies[:1]:
        log = proxy.log.value
        if proxy.tracer.value is not None or log.text is None:
            continue
        sent = any(other.starts.value for other in mesh.proxies)
        shown = "the id that the client sent, which no trace has" if sent else "-"
        for token in parse(log.text).tokens:
            if isinstance(token, Operator) and (
                token.name in {"TRACE_ID", "SPAN_ID"} or not _HEADERS.isdisjoint(headers_of(token))
            ):
                start = log.resolved.written(token.start) if log.resolved else None
                width = log.resolved.written(token.end) - start if log.resolved and start is not None else 1
                printed = "-" if token.name in {"TRACE_ID", "SPAN_ID"} else shown
                advice = "leave the id out (logs: {format: istio}), or choose a collector"
                yield Hit(
                    proxy.log.origin,
                    f"prints {printed}: without a collector no sidecar has a tracer",
                    advice,
                    start=start,
                    width=max(1, width),
                )


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
