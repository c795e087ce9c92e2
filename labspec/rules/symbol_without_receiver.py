"""A `${collector.PROTOCOL}` that the lab's collector does not receive."""

from collections.abc import Iterator
from typing import get_args

from labspec.collectors._base import Protocol
from labspec.finding import ERROR, listed
from labspec.lab import Lab
from labspec.mesh import CLUSTER_DOMAIN
from labspec.rules._base import Hit, Rule
from labspec.rules._symbols import COLLECTOR, uses


def _check(lab: Lab) -> Iterator[Hit]:
    backend = lab.spec.collector.backend(lab.surroundings(CLUSTER_DOMAIN))
    received = [receiver.protocol for receiver in backend.receivers] if backend else []
    for use in uses(lab):
        protocol = ".".join(use.steps)
        if use.head != COLLECTOR or not use.is_closed or protocol not in get_args(Protocol) or protocol in received:
            continue
        if backend is None:
            message, advice = (
                "the lab has no collector",
                "leave it out, or choose a collector: collector: {kind: jaeger}",
            )
        else:
            message, advice = f"{backend.title} does not receive {protocol}", f"it receives {listed(received)}"
        yield Hit(use.path, message, advice, start=use.start, width=use.width)


RULE = Rule(
    id="symbol-without-receiver",
    severity=ERROR,
    summary="A text names an address of the collector that is not there.",
    why="Without a collector, or without a port for the protocol, there is no address that the symbol could stand for.",
    failing="collector: {kind: none}\nlogs: {format: istio}\n"
    "services:\n  shop: {kind: custom, image: shop:1, env: {SPANS: '${collector.zipkin}'}, calls: [backend]}\n  backend: {kind: http-echo}",
    mended="services:\n  shop: {kind: custom, image: shop:1, env: {SPANS: '${collector.zipkin}'}, calls: [backend]}\n  backend: {kind: http-echo}",
    source="the labspec language",
    on_lab=_check,
    needs=("collector",),
)
