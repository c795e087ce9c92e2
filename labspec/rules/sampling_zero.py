"""A sampling of zero where Istio reads it as unset."""

from collections.abc import Iterator

from labspec.finding import ERROR, Path
from labspec.lab import Lab
from labspec.rules._base import Hit, Rule

# values.pilot.traceSampling of the profiles; the others have Istio's default.
_DEFAULTS = {"demo": 100}


def _check(lab: Lab) -> Iterator[Hit]:
    if lab.spec.istio.api != "meshConfig" or lab.spec.collector.home() is None:
        return
    profile = lab.spec.istio.profile
    places: list[Path] = [("sampling", "percent")] if lab.spec.sampling.percent == 0 else []
    places += [
        ("services", name, "sampling", "percent")
        for name, service in lab.spec.services.items()
        if service.mesh and service.sampling and service.sampling.percent == 0
    ]
    for place in places:
        message = (
            f"with istio.api meshConfig 0 means unset: profile {profile} would sample {_DEFAULTS.get(profile, 1)} %"
        )
        yield Hit(place, message, "write 0.01, or istio: {api: telemetry}, which can say 0")


RULE = Rule(
    id="sampling-zero",
    severity=ERROR,
    summary="A sampling of 0 % cannot be said with istio.api: meshConfig.",
    why="Istio takes defaultConfig.tracing.sampling: 0 for a field that nobody set, and uses the profile's own rate: "
    "100 % with demo, 1 % with the others. The lab would trace what it says it does not.",
    failing="istio: {api: meshConfig}\npropagation: {format: b3}\nsampling: {percent: 0}",
    mended="istio: {api: telemetry}\npropagation: {format: b3}\nsampling: {percent: 0}",
    source="istio/istio pilot/pkg/networking/core/tracing.go (proxyConfigSamplingValue)",
    on_lab=_check,
    needs=("sampling", "istio.profile", "istio.api", "collector"),
)
