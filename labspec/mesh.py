"""The Mesh: what each sidecar of a lab is set to do, each fact with the place that it comes from."""

from typing import Generic, NamedTuple, TypeVar

from labspec.accesslog import AccessLog, access_log
from labspec.finding import Path
from labspec.lab import Lab
from labspec.propagation._base import Format, Start

ROOT_NAMESPACE = "istio-system"
CLUSTER_DOMAIN = "cluster.local"

Value = TypeVar("Value")


class Fact(NamedTuple, Generic[Value]):
    """A setting, and the place in the spec that it comes from."""

    value: Value
    origin: Path


class Tracer(NamedTuple):
    """The tracer of a sidecar."""

    kind: str
    """`zipkin`."""
    source: str
    """`bootstrap`: from the file that the proxy reads at its start, so a change needs a restart."""
    address: str
    """host:port to which it sends spans."""
    format: Format
    """What it reads and writes."""


class Proxy(NamedTuple):
    """The effective settings of one sidecar."""

    service: str
    service_name: str
    """What its spans call it: `<app>.<namespace>` (Istio's tracingServiceName APP_LABEL_AND_NAMESPACE)."""
    tracer: Fact[Tracer | None]
    sampling: Fact[float]
    """Percent of the traces that it starts."""
    log: Fact[AccessLog]
    starts: Fact[Start | None]
    """How its application starts the traces of its own requests, when it does."""


class Mesh(NamedTuple):
    """All sidecars of a lab, in the order of its services."""

    proxies: tuple[Proxy, ...]


def mesh_of(lab: Lab) -> Mesh:
    """The mesh that `lab` asks for; with `istio.api: meshConfig` all sidecars have the same settings."""
    spec = lab.spec
    backend = spec.collector.backend(lab.surroundings(CLUSTER_DOMAIN))
    tracer = None
    if backend is not None:
        receiver = next(found for found in backend.receivers if found.protocol == "zipkin")
        tracer = Tracer("zipkin", "bootstrap", f"{receiver.host}:{receiver.port}", lab.format())
    log = access_log(spec.logs.format, lab.format())
    return Mesh(
        tuple(
            Proxy(
                service=name,
                service_name=f"{name}.{lab.namespace()}",
                tracer=Fact(tracer, ("collector",)),
                sampling=Fact(spec.sampling.percent, ("sampling", "percent")),
                log=Fact(log, ("logs", "format")),
                starts=Fact(service.starts(), ("services", name, "tracer")),
            )
            for name, service in spec.services.items()
        )
    )
