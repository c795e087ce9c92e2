"""A probe that makes a service send its calls."""

from collections.abc import Iterator

from labspec.finding import WARNING
from labspec.lab import Lab
from labspec.rules._base import Hit, Rule
from labspec.services._base import Server


def _check(lab: Lab) -> Iterator[Hit]:
    for name, service in lab.spec.services.items():
        if isinstance(service, Server) and service.calls_when_probed():
            message = f"Kubernetes asks {service.probe} again and again, and each time {name} sends its calls: traces that no client began"
            yield Hit(("services", name, "probe"), message, "leave it out: the kind's own probe does no work")


RULE = Rule(
    id="probe-sends-calls",
    severity=WARNING,
    summary="A probe makes a service send its calls.",
    why="A relay answers GET /healthz at once, and every other request after its calls. Probed elsewhere, it sends them every ten seconds; they are in the "
    "collector and in the access log, and in no predicted trace. While a callee fails, it is not ready.",
    failing="services:\n  frontend: {kind: curl, calls: [shop]}\n  shop: {kind: relay, probe: /, calls: [backend]}\n  backend: {kind: http-echo}",
    mended="services:\n  frontend: {kind: curl, calls: [shop]}\n  shop: {kind: relay, calls: [backend]}\n  backend: {kind: http-echo}",
    source="labspec/services/_relay.py; https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/",
    on_lab=_check,
)
