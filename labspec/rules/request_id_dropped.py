"""A service that does not hand on x-request-id, where sidecars sample by it."""

from collections.abc import Iterator

from labspec.finding import WARNING
from labspec.lab import Lab
from labspec.mesh import Mesh
from labspec.predict.chance import both
from labspec.predict.values import Prediction, Request, Span
from labspec.rules._base import Hit, Rule
from labspec.rules._tracing import NEEDS, blamed

_ID = "x-request-id"


def _check(lab: Lab, mesh: Mesh, prediction: Prediction) -> Iterator[Hit]:  # noqa: ARG001  # the prediction says it all
    told: set[str] = set()
    for request in prediction.requests:
        if request.assumed == "drops":
            continue
        spans = {span.span_id: span for span in request.spans}
        for index, hop in enumerate(request.hops):
            if hop.above is None or _ID in hop.sent or hop.caller in told:
                continue
            message = _truncated(spans, index, request) or _apart(spans, index, request)
            if message:
                told.add(hop.caller)
                path, key = blamed(lab, hop.caller, "forwards")
                yield Hit(path, message, f"hand on {_ID}: it carries the decision of the first sidecar", key=key)


def _truncated(spans: dict[str, Span], index: int, request: Request) -> str:
    hop = request.hops[index]
    for span in (hop.client, hop.server):
        above = spans.get(span.parent_id) if span else None
        if span and above and round(above.chance.percent - span.chance.percent, 6) > 0:
            return (
                f"traces are cut off at {hop.caller}: it drops {_ID}, so the sidecars behind it draw again; "
                f"{above.chance.percent:.4g} % of the requests of {request.client} are traced before it, {span.chance.percent:.4g} % beyond"
            )
    return ""


def _apart(spans: dict[str, Span], index: int, request: Request) -> str:
    """What it means for two traces of one request, where the trace breaks here."""
    for one in request.breaks:
        before = next((span for span in spans.values() if span.trace_id == one.before), None)
        after = next((span for span in spans.values() if span.trace_id == one.after), None)
        if one.hop != index or before is None or after is None:
            continue
        joint, rarer = both(before.chance, after.chance).percent, min(before.chance.percent, after.chance.percent)
        if round(rarer - joint, 6) > 0:
            return (
                f"{one.service} drops {_ID}: the traces before and behind it are sampled each for itself, "
                f"both in {joint:.4g} % of the requests of {request.client} instead of {rarer:.4g} %"
            )
    return ""


RULE = Rule(
    id="request-id-dropped",
    severity=WARNING,
    summary="A service drops x-request-id, and sidecars sample by it.",
    why="A sidecar decides by the request id whether it samples, and marks the id. Without it the next sidecar invents another id and draws again: "
    "two traces of one request are rarely both there, and with W3C on Istio 1.31 a trace ends in the middle.",
    failing="sampling: {percent: 50}\nservices:\n  frontend: {kind: curl, calls: [relay]}\n"
    "  relay: {kind: relay, forwards: [traceparent, tracestate], calls: [backend]}\n  backend: {kind: http-echo}",
    mended="sampling: {percent: 50}\nservices:\n  frontend: {kind: curl, calls: [relay]}\n"
    "  relay: {kind: relay, forwards: [traceparent, tracestate, x-request-id], calls: [backend]}\n  backend: {kind: http-echo}",
    source="https://github.com/envoyproxy/envoy/pull/45830; measured on Envoy 1.38.3 and 1.39.3",
    on_prediction=_check,
    needs=NEEDS,
)
