"""An application that samples all its traces, whatever the sampling says."""

from collections.abc import Iterator

from labspec.finding import WARNING
from labspec.mesh import Mesh
from labspec.rules._base import Hit, Rule


def _check(mesh: Mesh) -> Iterator[Hit]:
    for proxy in mesh.proxies:
        start, percent = proxy.starts.value, proxy.sampling.value
        if proxy.tracer.value is not None and start is not None and start.sampled and percent < 100:
            message = f"all requests of {proxy.service} are traced, not {percent:g} %: the app says sampled, and its sidecar obeys"
            yield Hit(
                (*proxy.starts.origin, "sampled"),
                message,
                "leave tracer out: then the sidecar starts the traces and samples them",
            )


RULE = Rule(
    id="sampled-overrules-rate",
    severity=WARNING,
    summary="An app's tracer says `sampled`, so the lab's rate decides nothing.",
    why="A sidecar takes the decision that comes with a trace, whatever its own rate: x-b3-sampled: 1 is traced even at 0 %. The rate is for the traces that a sidecar starts.",
    failing="services:\n  frontend: {kind: curl, calls: [backend], tracer: {sampled: true}}\nsampling: {percent: 1}",
    mended="services:\n  frontend: {kind: curl, calls: [backend]}\nsampling: {percent: 1}",
    source="https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/observability/tracing; measured on Envoy 1.38.3",
    on_mesh=_check,
    needs=("sampling", "collector", "propagation"),
)
