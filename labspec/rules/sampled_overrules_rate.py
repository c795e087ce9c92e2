"""An application that samples all its traces, whatever the sampling says."""

from collections.abc import Iterator

from labspec.finding import WARNING
from labspec.lab import Lab
from labspec.mesh import Mesh
from labspec.predict.values import Prediction
from labspec.rules._base import Hit, Rule
from labspec.rules._tracing import NEEDS, first_sidecar, started, tracers


def _check(lab: Lab, mesh: Mesh, prediction: Prediction) -> Iterator[Hit]:
    for name, tracer in tracers(lab):
        if not tracer.start.sampled:
            continue
        for request, _, own in started(prediction, name):
            span = first_sidecar(request, own)
            proxy = mesh.proxy(span.service) if span else None
            if span is None or proxy is None or round(span.chance.percent - proxy.sampling.value, 6) <= 0:
                continue
            whose = "its sidecar" if span.service == name else f"the sidecar of {span.service}"
            message = f"all requests of {name} are traced, not {proxy.sampling.value:g} %: the app says sampled, and {whose} obeys"
            advice = "leave tracer out: then the sidecar starts the traces and samples them"
            yield Hit(("services", name, "tracer", "sampled"), message, advice)
            break


RULE = Rule(
    id="sampled-overrules-rate",
    severity=WARNING,
    summary="An app's tracer says `sampled`, so the lab's rate decides nothing.",
    why="A sidecar takes the decision that comes with a trace, whatever its own rate: x-b3-sampled: 1 is traced even at 0 %. The rate is for the traces that a sidecar starts. "
    "With W3C that ends with Istio 1.31: from there on a sidecar asks its rate as well.",
    failing="propagation: {format: b3}\nservices:\n  frontend: {kind: curl, calls: [backend], tracer: {sampled: true}}\n  backend: {kind: http-echo}\nsampling: {percent: 1}",
    mended="propagation: {format: b3}\nservices:\n  frontend: {kind: curl, calls: [backend]}\n  backend: {kind: http-echo}\nsampling: {percent: 1}",
    source="https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/observability/tracing; measured on Envoy 1.38.3",
    on_prediction=_check,
    needs=NEEDS,
)
