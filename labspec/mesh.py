"""The Mesh: what each sidecar of a lab is set to do, each fact with the place that it comes from."""

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from labspec.accesslog import AccessLog, access_log
from labspec.collectors._base import Receiver
from labspec.finding import Path
from labspec.lab import Lab
from labspec.propagation._base import Format

ROOT_NAMESPACE = "istio-system"
CLUSTER_DOMAIN = "cluster.local"

BOOTSTRAP = "bootstrap"
LISTENER = "listener"

Value = TypeVar("Value")


class Fact(NamedTuple, Generic[Value]):
    """A setting, and the place in the spec that it comes from."""

    value: Value
    origin: Path


class Provider(NamedTuple):
    """An extension provider of the mesh: a tracer that a Telemetry resource can choose."""

    name: str
    protocol: str
    host: str
    port: int
    format: Format


class Tracer(NamedTuple):
    """The tracer of a sidecar."""

    kind: str
    """`zipkin` or `opentelemetry`."""
    source: str
    """`bootstrap`: from the file that the proxy reads at its start, so a change needs a restart; `listener`: sent by istiod,
    from a Telemetry resource, so a change is there within seconds."""
    provider: str | None
    """Name of the extension provider; None for `bootstrap`."""
    protocol: str
    """`zipkin`, `otlp-grpc` or `otlp-http`."""
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


class Mesh(NamedTuple):
    """All sidecars of a lab, in the order of its services; a service without one is not among them."""

    proxies: tuple[Proxy, ...]
    istio_version: str

    def proxy(self, service: str) -> Proxy | None:
        """The sidecar of a service, if it has one."""
        return next((proxy for proxy in self.proxies if proxy.service == service), None)


def receiver_of(lab: Lab) -> Receiver | None:
    """Where the sidecars send spans: by the protocol that the collector is told, else the usual one of the headers' tracer."""
    backend = lab.spec.collector.backend(lab.surroundings(CLUSTER_DOMAIN))
    if backend is None:
        return None
    wanted = lab.spec.collector.wanted()
    carried = [wanted] if wanted in lab.format().protocols else [] if wanted else lab.format().protocols
    found = (receiver for protocol in carried for receiver in backend.receivers if receiver.protocol == protocol)
    return next(found, None)


def providers(labs: Sequence[Lab]) -> list[Provider | None]:
    """The extension provider of each lab, the first being the lab itself and the others its variants; None where it needs none.

    Equal settings share a provider. It is called `<lab>-<protocol>`, and `<lab>-<protocol>-<variant>` where another has that name.
    """
    named: dict[str, Provider] = {}
    found: list[Provider | None] = []
    for lab in labs:
        receiver = receiver_of(lab)
        if lab.spec.istio.api == "meshConfig" or receiver is None:
            found.append(None)
            continue
        name = f"{lab.spec.name}-{receiver.protocol}"
        provider = Provider(name, receiver.protocol, receiver.host, receiver.port, lab.format())
        same = next((other for other in named.values() if other._replace(name="") == provider._replace(name="")), None)
        if same is None:
            same = provider if name not in named else provider._replace(name=f"{name}-{lab.variant}")
            named[same.name] = same
        found.append(same)
    return found


def mesh_of(lab: Lab, provider: Provider | None) -> Mesh:
    """The mesh that `lab` asks for."""
    spec = lab.spec
    tracer = _tracer(lab, provider)
    log = access_log(spec.logs.format, lab.format(), spec.istio.version)
    return Mesh(
        tuple(
            Proxy(
                service=name,
                service_name=f"{name}.{lab.namespace()}",
                tracer=Fact(tracer, ("collector",)),
                sampling=Fact(service.sampling.percent, ("services", name, "sampling", "percent"))
                if service.sampling
                else Fact(spec.sampling.percent, ("sampling", "percent")),
                log=Fact(log, ("logs",)),
            )
            for name, service in spec.services.items()
            if service.mesh
        ),
        spec.istio.version,
    )


def _tracer(lab: Lab, provider: Provider | None) -> Tracer | None:
    receiver, form = receiver_of(lab), lab.format()
    if receiver is None:
        return None
    address = f"{receiver.host}:{receiver.port}"
    if provider is None:
        return Tracer(form.tracer, BOOTSTRAP, None, receiver.protocol, address, form)
    return Tracer(form.tracer, LISTENER, provider.name, receiver.protocol, address, form)
