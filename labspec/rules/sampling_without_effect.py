"""A sampling of a service whose sidecar never decides."""

from collections.abc import Iterator, Mapping

from labspec.finding import WARNING, listed
from labspec.lab import Lab
from labspec.mesh import Mesh
from labspec.predict.values import SIDECAR, Prediction, Span
from labspec.rules._base import Hit, Rule
from labspec.rules._tracing import NEEDS, is_traced

_MOST = 3
# Rates have two; the rest is what multiplying left.
_DIGITS = 6


def _check(lab: Lab, mesh: Mesh, prediction: Prediction) -> Iterator[Hit]:
    owners = {name: service.sampling.percent for name, service in lab.spec.services.items() if service.sampling}
    if not owners:
        return
    deciding, deciders = _followed(owners, prediction)
    for name, percent in owners.items():
        path = ("services", name, "sampling")
        if not is_traced(mesh):
            yield Hit(path, f"{percent:g} % of nothing: no sidecar has a tracer", "choose a collector, or leave it out")
        elif mesh.proxy(name) is None:
            yield Hit(path, f"{name} has no sidecar that could sample", "leave it out, or write mesh: true")
        elif name not in deciders:
            yield Hit(path, f"no request comes to the sidecar of {name}", "leave it out")
        elif name not in deciding:
            others = [other for other in deciders[name] if other != name]
            if not others:
                # Its own app decides; sampled-overrules-rate and sampled-false say so.
                continue
            whose = listed(others[:_MOST]) + (" or others" if len(others) > _MOST else "")
            message = f"{percent:g} % decides nothing: on the way of each request {whose} decides first"
            yield Hit(path, message, "put it where the requests begin, or leave it out")


def _followed(owners: Mapping[str, float], prediction: Prediction) -> tuple[set[str], dict[str, dict[str, None]]]:
    """Those whose rate counts somewhere; and for all that requests come to, who decides in the traces that they are in."""
    deciding: set[str] = set()
    deciders: dict[str, dict[str, None]] = {}
    for request in prediction.requests:
        spans = {span.span_id: span for span in request.spans}
        first: dict[str, str] = {}
        for span in spans.values():
            if span.decides:
                first.setdefault(span.trace_id, span.service)
            if span.maker == SIDECAR and span.service in owners:
                # A sidecar that starts a trace obeys the mark in x-request-id of one that drew before.
                whose = (
                    next(other.service for other in spans.values() if other.chance == span.chance)
                    if span.decides
                    else first.get(span.trace_id)
                )
                deciders.setdefault(span.service, {})[whose or span.service] = None
                if _counts(span, owners[span.service], spans.get(span.parent_id)):
                    deciding.add(span.service)
    return deciding, deciders


def _counts(span: Span, percent: float, above: Span | None) -> bool:
    """Whether the sidecar's own rate is in its decision; one that came with the request may have to be shared."""
    if span.decides:
        return round(span.chance.percent, _DIGITS) == percent
    return above is not None and round(above.chance.percent - span.chance.percent, _DIGITS) > 0


RULE = Rule(
    id="sampling-without-effect",
    severity=WARNING,
    summary="A service's own sampling decides nothing.",
    why="The first sidecar on the way of a request decides whether it is traced, and the decision goes with the request. "
    "The rates of those behind it are not asked, but where a trace breaks.",
    failing="services:\n  frontend: {kind: curl, calls: [backend]}\n  backend: {kind: http-echo, sampling: {percent: 10}}",
    mended="services:\n  frontend: {kind: curl, calls: [backend], sampling: {percent: 10}}\n  backend: {kind: http-echo}",
    source="https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/observability/tracing; measured on Envoy 1.38.3",
    on_prediction=_check,
    needs=NEEDS,
)
