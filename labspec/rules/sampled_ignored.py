"""An application that says sampled for more requests than its sidecar traces."""

from collections.abc import Iterator

from labspec.finding import WARNING
from labspec.lab import Lab
from labspec.mesh import Mesh
from labspec.predict.values import Prediction
from labspec.rules._base import Hit, Rule
from labspec.rules._tracing import NEEDS, blamed, first_sidecar, started, tracers


def _check(lab: Lab, mesh: Mesh, prediction: Prediction) -> Iterator[Hit]:  # noqa: ARG001  # the prediction says it all
    for name, tracer in tracers(lab):
        is_debug = tracer.start.flag == "debug"
        if not tracer.start.sampled or (tracer.export == "none" and not is_debug):
            continue
        why = "it does not read x-b3-flags" if is_debug else "it asks its own rate as well"
        advice = (
            "write sampled: true" if is_debug else "write sampling: {percent: 100}, or let the app sample as rarely"
        )
        for request, _, own in started(prediction, name):
            span = first_sidecar(request, own)
            if span is None or span.chance.percent >= 100:
                continue
            path, key = blamed(lab, name, "tracer", "sampled")
            message = (
                f"{name} says {'debug' if is_debug else 'sampled'} for every request, yet the sidecar of "
                f"{span.service} traces {span.chance.percent:.4g} % of them: {why}"
            )
            yield Hit(path, message, advice, key=key)
            break


RULE = Rule(
    id="sampled-ignored",
    severity=WARNING,
    summary="An app decides for more requests than its sidecar then traces.",
    why="Envoy reads x-b3-sampled, not the x-b3-flags of debugging; and from Istio 1.31 on, with W3C, it traces only what its own rate samples too. "
    "The app counts on traces that are not there, and its own spans stand alone.",
    failing="propagation: {format: b3}\nsampling: {percent: 1}\nservices:\n  frontend: {kind: curl, calls: [backend], tracer: {sampled: debug}}\n  backend: {kind: http-echo}",
    mended="propagation: {format: b3}\nsampling: {percent: 1}\nservices:\n  frontend: {kind: curl, calls: [backend], tracer: {sampled: defer}}\n  backend: {kind: http-echo}",
    source="https://github.com/envoyproxy/envoy/pull/45830; envoyproxy/envoy source/extensions/tracers/zipkin/span_context_extractor.cc",
    on_prediction=_check,
    needs=NEEDS,
)
