"""A lab in which nobody sends a request."""

from collections.abc import Iterator

from labspec.finding import WARNING
from labspec.lab import Lab
from labspec.rules._base import Hit, Rule


def _check(lab: Lab) -> Iterator[Hit]:
    called = lab.called()
    if not any(lab.calls()):
        what = "no service calls another"
    elif not any(
        service.replicas and service.acts(called=name in called) and any(service.outgoing())
        for name, service in lab.spec.services.items()
    ):
        what = "no service sends a request of its own accord"
    else:
        return
    yield Hit(
        ("services",),
        f"{what}: the lab has no request, no span and no trace",
        "add a curl service with calls",
        key=True,
    )


RULE = Rule(
    id="no-traffic",
    severity=WARNING,
    summary="Nobody in the lab sends a first request.",
    why="Sidecars make spans for requests. Without a client there are none, and every step that looks for a trace fails.",
    failing="services:\n  backend: {kind: http-echo}",
    mended="services:\n  frontend: {kind: curl, calls: [backend]}\n  backend: {kind: http-echo}",
    source="the labspec language",
    on_lab=_check,
    needs=("services",),
)
