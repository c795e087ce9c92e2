"""Trace headers that Istio's older tracing API cannot ask for."""

from collections.abc import Iterator

from labspec.finding import ERROR, Path, listed
from labspec.lab import FORMATS, Lab
from labspec.rules._base import Hit, Rule

# The bootstrap's zipkin tracer has no other traceContextOption than Envoy's default.
_OPTION = "USE_B3"


def _check(lab: Lab) -> Iterator[Hit]:
    form = lab.format()
    if lab.spec.istio.api != "meshConfig" or form.option == _OPTION or lab.spec.collector.home() is None:
        return
    able = listed(other.name for other in FORMATS.values() if other.option == _OPTION)
    written: Path = ("propagation", "format")
    path = written if "format" in lab.spec.propagation.model_fields_set else ("istio", "api")
    message = f"api: meshConfig can only do zipkin with {able}, not {form.name}"
    yield Hit(path, message, f"write istio: {{api: telemetry}}, or propagation: {{format: {able}}}")


RULE = Rule(
    id="api-cannot-carry",
    severity=ERROR,
    summary="istio.api: meshConfig cannot make sidecars speak these headers.",
    why="With the older API the tracer stands in the file that a sidecar reads at its start. Istio writes none but zipkin there for this, "
    "and without an option for the headers: it speaks B3.",
    failing="istio: {api: meshConfig}\npropagation: {format: w3c}",
    mended="istio: {api: telemetry}\npropagation: {format: w3c}",
    source="istio/istio tools/packaging/common/envoy_bootstrap.json",
    on_lab=_check,
    needs=("istio.api", "propagation", "collector"),
)
