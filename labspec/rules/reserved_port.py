"""A port that the sidecar needs for itself."""

from collections.abc import Iterator

from labspec.finding import ERROR
from labspec.lab import Lab
from labspec.rules._base import Hit, Rule

_PORTS = {
    15000: "Envoy's admin interface",
    15001: "outbound traffic",
    15002: "a port check",
    15004: "debugging",
    15006: "inbound traffic",
    15008: "HBONE tunnels",
    15020: "telemetry and rewritten probes",
    15021: "health checks",
    15053: "DNS",
    15090: "Envoy's metrics",
}


def _check(lab: Lab) -> Iterator[Hit]:
    for name, service in lab.spec.services.items():
        listener = service.listener()
        if service.mesh and listener is not None and listener.target_port in _PORTS:
            use = _PORTS[listener.target_port]
            message = f"the sidecar listens on port {listener.target_port} of the same pod ({use})"
            field = "targetPort" if getattr(service, "targetPort", None) else "port"
            yield Hit(("services", name, field), message, "choose a port outside 15000 to 15090")


RULE = Rule(
    id="reserved-port",
    severity=ERROR,
    summary="A container would listen on a port of its sidecar.",
    why="Application and sidecar share the pod's network: the second one to listen fails, and the pod never becomes ready.",
    failing="services:\n  frontend: {kind: curl, calls: [backend]}\n  backend: {kind: http-echo, targetPort: 15001}",
    mended="services:\n  frontend: {kind: curl, calls: [backend]}\n  backend: {kind: http-echo, targetPort: 5678}",
    source="https://istio.io/latest/docs/ops/deployment/application-requirements/",
    on_lab=_check,
)
