"""A protocol that the sidecars' tracer does not have."""

from collections.abc import Iterator

from labspec.finding import ERROR, listed
from labspec.lab import FORMATS, Lab
from labspec.propagation._base import ZIPKIN
from labspec.rules._base import Hit, Rule


def _check(lab: Lab) -> Iterator[Hit]:
    wanted, form = lab.spec.collector.wanted(), lab.format()
    if wanted is None or wanted in form.protocols:
        return
    if lab.spec.istio.api == "meshConfig" and wanted == ZIPKIN:
        # It is the headers that are wrong then: api-cannot-carry says so.
        return
    others = [other.name for other in FORMATS.values() if wanted in other.protocols]
    message = f"{wanted} cannot carry the spans of {form.name}: Istio's {form.tracer} tracer sends them by {' or '.join(form.protocols)}"
    advice = f"write protocol: {form.protocols[0]}, or leave it out; {wanted} carries {listed(others)}"
    yield Hit(("collector", "protocol"), message, advice)


RULE = Rule(
    id="protocol-cannot-carry",
    severity=ERROR,
    summary="The collector's protocol does not go with the trace headers.",
    why="Istio has one tracer for each family of headers: zipkin for B3, which sends Zipkin's JSON, and opentelemetry for W3C, which sends OTLP. "
    "Neither can send what the other does.",
    failing="propagation: {format: w3c}\ncollector: {kind: jaeger, protocol: zipkin}",
    mended="propagation: {format: w3c}\ncollector: {kind: jaeger, protocol: otlp-http}",
    source="istio/istio pilot/pkg/networking/core/tracing.go (configureFromProviderConfig)",
    on_lab=_check,
    needs=("collector", "propagation", "istio.api"),
)
