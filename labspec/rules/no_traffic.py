"""A lab in which nobody sends a request."""

from collections.abc import Iterator

from labspec.finding import WARNING
from labspec.lab import Lab
from labspec.rules._base import Hit, Rule


def _check(lab: Lab) -> Iterator[Hit]:
    if not any(service.outgoing() for service in lab.spec.services.values()):
        yield Hit(
            ("services",),
            "no service calls another: the lab has no request, no span and no trace",
            "add a curl service with calls",
            key=True,
        )


RULE = Rule(
    id="no-traffic",
    severity=WARNING,
    summary="No service of the lab calls another.",
    why="Sidecars make spans for requests. Without a client there are none, and every step that looks for a trace fails.",
    failing="services:\n  backend: {kind: http-echo}",
    mended="services:\n  frontend: {kind: curl, calls: [backend]}\n  backend: {kind: http-echo}",
    source="the labspec language",
    on_lab=_check,
    needs=("services",),
)
