"""An application that reports spans to a collector that does not take them."""

from collections.abc import Iterator

from labspec.finding import WARNING
from labspec.lab import Lab
from labspec.mesh import CLUSTER_DOMAIN
from labspec.rules._base import Hit, Rule
from labspec.rules._tracing import tracers


def _check(lab: Lab) -> Iterator[Hit]:
    backend = lab.spec.collector.backend(lab.surroundings(CLUSTER_DOMAIN))
    known = [receiver.protocol for receiver in backend.receivers] if backend else []
    for name, tracer in tracers(lab):
        if tracer.export == "none" or tracer.export in known:
            continue
        who = f"{backend.title} takes {' or '.join(known)}" if backend else "the lab has no collector"
        message = f"the spans that {name} reports by {tracer.export} are lost: {who}"
        advice = "write export: none" if not known else f"write export: {known[0]}"
        yield Hit(("services", name, "tracer", "export"), message, advice)


RULE = Rule(
    id="export-without-receiver",
    severity=WARNING,
    summary="An app reports spans by a protocol that nobody takes.",
    why="The app's exporter fails or waits, and the spans of its own tracer are in no trace; what hangs below them lacks its parent.",
    failing="collector: {kind: none}\nlogs: {format: istio}\nservices:\n  shop: {kind: custom, image: shop:1, tracer: {export: zipkin}, calls: [backend]}\n"
    "  backend: {kind: http-echo}",
    mended="collector: {kind: none}\nlogs: {format: istio}\nservices:\n  shop: {kind: custom, image: shop:1, tracer: {export: none}, calls: [backend]}\n"
    "  backend: {kind: http-echo}",
    source="the labspec language",
    on_lab=_check,
    needs=("collector",),
)
