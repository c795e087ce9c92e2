"""A sampling of zero where Istio reads it as unset."""

from collections.abc import Iterator

from labspec.finding import ERROR
from labspec.lab import Lab
from labspec.rules._base import Hit, Rule

# values.pilot.traceSampling of the profiles; the others have Istio's default.
_DEFAULTS = {"demo": 100}


def _check(lab: Lab) -> Iterator[Hit]:
    if lab.spec.sampling.percent == 0 and lab.spec.collector.home() is not None:
        profile = lab.spec.istio.profile
        message = (
            f"with istio.api meshConfig 0 means unset: profile {profile} would sample {_DEFAULTS.get(profile, 1)} %"
        )
        yield Hit(("sampling", "percent"), message, "write 0.01, or switch tracing off with collector: {kind: none}")


RULE = Rule(
    id="sampling-zero",
    severity=ERROR,
    summary="A sampling of 0 % cannot be said with istio.api: meshConfig.",
    why="Istio takes defaultConfig.tracing.sampling: 0 for a field that nobody set, and uses the profile's own rate: "
    "100 % with demo, 1 % with the others. The lab would trace what it says it does not.",
    failing="istio: {api: meshConfig}\nsampling: {percent: 0}",
    mended="istio: {api: meshConfig}\nsampling: {percent: 0.01}",
    source="istio/istio pilot/pkg/networking/core/tracing.go (proxyConfigSamplingValue)",
    on_lab=_check,
    needs=("sampling", "istio.profile", "istio.api", "collector"),
)
