"""A trace id in the log of a mesh that traces nothing."""

from collections.abc import Iterator

from labspec.envoy.format import Operator, headers_of, parse
from labspec.finding import WARNING
from labspec.lab import FORMATS, Lab
from labspec.mesh import Mesh
from labspec.rules._base import Hit, Rule
from labspec.rules._log import place, senders_of

_HEADERS = {header for found in FORMATS.values() for header in found.headers}
_ADVICE = "leave the id out (logs: {format: istio}), or choose a collector"


def _check(lab: Lab, mesh: Mesh) -> Iterator[Hit]:
    if lab.spec.collector.home() is not None:
        return
    for proxy in mesh.proxies[:1]:
        tokens = [(piece, token) for piece in proxy.log.value.pieces for token in parse(piece.text).tokens]
        found = [(piece, token) for piece, token in tokens if isinstance(token, Operator) and _is_id(token)]
        sent = [bool(senders_of(lab, headers_of(token))) for _, token in found]
        if found and found[0][0].resolved is None:
            # The format has a name: what is to blame stands at the collector.
            yield Hit(proxy.tracer.origin, _message(sent=any(sent)), _ADVICE)
            continue
        for (piece, token), is_sent in zip(found, sent, strict=True):
            at, width = place(piece, token.start, token.end)
            yield Hit((*proxy.log.origin, *piece.path), _message(sent=is_sent), _ADVICE, start=at, width=width)


def _is_id(token: Operator) -> bool:
    return token.name in {"TRACE_ID", "SPAN_ID"} or not _HEADERS.isdisjoint(headers_of(token))


def _message(*, sent: bool) -> str:
    printed = "the id that the client sent, which no trace has" if sent else "-"
    return f"the access log prints {printed}: without a collector no sidecar has a tracer"


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
