"""An application that forbids all its traces."""

from collections.abc import Iterator

from labspec.finding import WARNING
from labspec.lab import Lab
from labspec.mesh import Mesh
from labspec.predict.values import Prediction
from labspec.rules._base import Hit, Rule
from labspec.rules._tracing import NEEDS, first_sidecar, in_words, sizes, started, tracers


def _check(lab: Lab, mesh: Mesh, prediction: Prediction) -> Iterator[Hit]:  # noqa: ARG001  # the prediction says it all
    for name, tracer in tracers(lab):
        if tracer.start.sampled is not False:
            continue
        heard = [request for request, _, own in started(prediction, name) if first_sidecar(request, own)]
        if not heard:
            continue
        whole = f"no request of {name} is traced, whatever sampling says"
        left = next((request for request in heard if sizes(request)), None)
        lead = (
            f"no trace that {name} starts is sampled (one request of {left.client} leaves {in_words(sizes(left))})"
            if left
            else whole
        )
        message = f"{lead}: the app says not sampled, and every sidecar obeys"
        yield Hit(("services", name, "tracer", "sampled"), message, "write sampled: true, or leave tracer out")


RULE = Rule(
    id="sampled-false",
    severity=WARNING,
    summary="An app's tracer says `not sampled`: its requests leave no trace.",
    why="A sidecar takes the decision that comes with a trace: x-b3-sampled: 0, or a traceparent that ends in 00, is never reported, even at 100 %. The access log shows ids all the same.",
    failing="services:\n  frontend: {kind: curl, calls: [backend], tracer: {sampled: false}}\n  backend: {kind: http-echo}",
    mended="services:\n  frontend: {kind: curl, calls: [backend], tracer: {sampled: true}}\n  backend: {kind: http-echo}",
    source="https://github.com/istio/istio/issues/34027; measured on Envoy 1.38.3",
    on_prediction=_check,
    needs=NEEDS,
)
