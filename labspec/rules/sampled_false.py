"""An application that forbids all its traces."""

from collections.abc import Iterator

from labspec.finding import WARNING
from labspec.mesh import Mesh
from labspec.rules._base import Hit, Rule


def _check(mesh: Mesh) -> Iterator[Hit]:
    for proxy in mesh.proxies:
        start = proxy.starts.value
        if proxy.tracer.value is not None and start is not None and not start.sampled:
            message = f"no request of {proxy.service} is traced, whatever sampling says: the app says not sampled, and every sidecar obeys"
            yield Hit((*proxy.starts.origin, "sampled"), message, "write sampled: true, or leave tracer out")


RULE = Rule(
    id="sampled-false",
    severity=WARNING,
    summary="An app's tracer says `not sampled`: its requests leave no trace.",
    why="A sidecar takes the decision that comes with a trace: x-b3-sampled: 0 is never reported, even at 100 %. The access log shows ids all the same.",
    failing="services:\n  frontend: {kind: curl, calls: [backend], tracer: {sampled: false}}",
    mended="services:\n  frontend: {kind: curl, calls: [backend], tracer: {sampled: true}}",
    source="https://github.com/istio/istio/issues/34027; measured on Envoy 1.38.3",
    on_mesh=_check,
    needs=("collector", "propagation"),
)
