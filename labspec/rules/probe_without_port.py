"""A probe of a port, for a service that has none."""

from collections.abc import Iterator

from labspec.finding import ERROR
from labspec.lab import Lab
from labspec.rules._base import Hit, Rule
from labspec.services._base import Server
from labspec.services._probe import needs_port


def _check(lab: Lab) -> Iterator[Hit]:
    for name, service in lab.spec.services.items():
        unread = {("services", name, "probe"), ("services", name, "port")} & lab.broken
        if isinstance(service, Server) and needs_port(service.probe) and service.listener() is None and not unread:
            advice = f"give {name} a port, or let a command tell: probe: {{exec: [...]}}"
            yield Hit(("services", name, "probe"), f"{name} has port: none, and the probe asks a port", advice)


RULE = Rule(
    id="probe-without-port",
    severity=ERROR,
    summary="A probe asks a port of a service that has none.",
    why="A path, grpc and tcp are asked on the port that the service answers on. With `port: none` only a command in the container can tell that it is ready.",
    failing="services:\n  batch: {kind: custom, image: batch:1, port: none, probe: /ready, calls: [backend]}\n  backend: {kind: http-echo}",
    mended="services:\n  batch: {kind: custom, image: batch:1, port: none, probe: {exec: [cat, /tmp/ready]}, calls: [backend]}\n  backend: {kind: http-echo}",
    source="the labspec language",
    on_lab=_check,
)
