"""A server that no service calls."""

from collections.abc import Iterator

from labspec.finding import WARNING
from labspec.lab import Lab
from labspec.rules._base import Hit, Rule


def _check(lab: Lab) -> Iterator[Hit]:
    called = lab.called()
    for name, service in lab.spec.services.items():
        acts = service.acts(called=False) and any(service.outgoing())
        if service.listener() is not None and name not in called and not acts:
            yield Hit(
                ("services", name),
                f'nobody calls "{name}": it gets no Service, no request and no span',
                "call it, or leave it out",
                key=True,
            )


RULE = Rule(
    id="nobody-calls",
    severity=WARNING,
    summary="A server is in the lab that no service calls.",
    why="Only a service that somebody calls gets a Kubernetes Service. Without requests its sidecar makes no span and no log line.",
    failing="services:\n  frontend: {kind: curl, calls: [backend]}\n  backend: {kind: http-echo}\n  spare: {kind: http-echo}",
    mended="services:\n  frontend: {kind: curl, calls: [backend, spare]}\n  backend: {kind: http-echo}\n  spare: {kind: http-echo}",
    source="the labspec language",
    on_lab=_check,
    needs=("services",),
)
