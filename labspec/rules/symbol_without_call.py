"""A `${calls.X}` in a text of a service that does not call X."""

from collections.abc import Iterator

from labspec.finding import ERROR, listed
from labspec.lab import Lab
from labspec.rules._base import Hit, Rule
from labspec.rules._symbols import CALLS, callees, uses


def _check(lab: Lab) -> Iterator[Hit]:
    for use in uses(lab):
        if use.head != CALLS or not use.is_closed or use.steps[0] not in lab.declared:
            continue
        wanted, own = use.steps[0], callees(lab, use.service)
        if own is not None and wanted not in own:
            service = lab.spec.services[use.service]
            can = "calls" in type(service).model_fields
            advice = f"add {wanted} to its calls" if can else f"a service of kind {service.kind} calls nobody"
            others = f", or name one that it calls: {listed(own)}" if own else ""
            yield Hit(
                use.path, f"{use.service} does not call {wanted}", advice + others, start=use.start, width=use.width
            )


RULE = Rule(
    id="symbol-without-call",
    severity=ERROR,
    summary="A text names the address of a service that its own service does not call.",
    why="labspec makes a Service, and so an address, only for what the spec says is called; and a call that the spec does not know is not in the predicted trace.",
    failing="services:\n  frontend: {kind: curl, calls: [shop]}\n  shop: {kind: custom, image: shop:1, forwards: all, env: {STOCK: '${calls.stock}'}}\n"
    "  stock: {kind: http-echo}",
    mended="services:\n  frontend: {kind: curl, calls: [shop]}\n  shop: {kind: custom, image: shop:1, forwards: all, env: {STOCK: '${calls.stock}'}, calls: [stock]}\n"
    "  stock: {kind: http-echo}",
    source="the labspec language",
    on_lab=_check,
)
