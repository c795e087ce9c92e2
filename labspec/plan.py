"""Lab -> Plan: every default filled, every symbol resolved, every name and port decided. Artifacts only format it."""

from typing import NamedTuple

from labspec.accesslog import AccessLog, access_log
from labspec.collectors._base import Backend
from labspec.lab import Lab
from labspec.mesh import CLUSTER_DOMAIN, ROOT_NAMESPACE, Mesh
from labspec.propagation._base import Format, Start
from labspec.services._base import Container, Listener, Service, Site, Target


class Workload(NamedTuple):
    """One service of the lab, decided."""

    name: str
    kind: str
    namespace: str
    version: str
    """Value of the `version` label, which Istio and Kiali show."""
    replicas: int
    container: Container
    listener: Listener | None
    """Where it answers; None for a client. It has a Service only where somebody calls it."""
    targets: tuple[Target, ...]
    callers: tuple[str, ...]
    starts: Start | None
    """How its own tracer starts the traces of its requests."""
    pause: str | None
    """Seconds between two rounds of its own requests, for a client with a loop."""
    round: str | None
    """A shell script that sends each of its requests once, for a client."""

    @property
    def has_service(self) -> bool:
        """Whether the lab makes a Service for it: only for one that somebody calls."""
        return self.listener is not None and bool(self.callers)

    @property
    def service_name(self) -> str:
        """What its sidecar's spans call it."""
        return f"{self.name}.{self.namespace}"


class Plan(NamedTuple):
    """A lab with nothing left to decide."""

    source: str
    """Base name of the spec's file."""
    name: str
    description: str | None
    namespace: str
    owns_namespace: bool
    """Whether the lab makes its namespace."""
    istio_version: str
    istio_profile: str
    istio_namespace: str
    cluster_domain: str
    propagation: Format
    percent: float
    log: AccessLog
    collector: Backend | None
    workloads: tuple[Workload, ...]
    mesh: Mesh

    def share(self, client: Workload) -> float:
        """Percent of a client's requests that are sampled: what its own tracer says rules, else its sidecar's rate."""
        return self.percent if client.starts is None else 100.0 * client.starts.sampled

    @property
    def clients(self) -> tuple[Workload, ...]:
        """The workloads that send requests of their own accord: those with a pod, and something to send."""
        return tuple(
            workload for workload in self.workloads if workload.round and workload.targets and workload.replicas
        )


def plan(lab: Lab, mesh: Mesh) -> Plan:
    """The plan for a lab that no error speaks against, and its mesh."""
    spec = lab.spec
    return Plan(
        source=lab.source,
        name=spec.name,
        description=spec.description,
        namespace=lab.namespace(),
        owns_namespace=spec.namespace is None,
        istio_version=spec.istio.version,
        istio_profile=spec.istio.profile,
        istio_namespace=ROOT_NAMESPACE,
        cluster_domain=CLUSTER_DOMAIN,
        propagation=lab.format(),
        percent=spec.sampling.percent,
        log=access_log(spec.logs.format, lab.format()),
        collector=spec.collector.backend(lab.surroundings(CLUSTER_DOMAIN)),
        workloads=tuple(_workload(lab, name, service) for name, service in spec.services.items()),
        mesh=mesh,
    )


def _workload(lab: Lab, name: str, service: Service) -> Workload:
    targets = tuple(_target(lab, call.to, call.method, call.path) for call in service.outgoing())
    site = Site(name, lab.namespace(), targets, lab.format())
    callers = tuple(dict.fromkeys(caller for _, caller, call in lab.calls() if call.to == name))
    return Workload(
        name=name,
        kind=service.kind,
        namespace=lab.namespace(),
        version="v1",
        replicas=service.replicas,
        container=service.container(site),
        listener=service.listener(),
        targets=targets,
        callers=callers,
        starts=service.starts(),
        pause=service.pause(),
        round=service.round(site),
    )


def _target(lab: Lab, name: str, method: str, path: str) -> Target:
    callee = lab.spec.services[name]
    listener = callee.listener()
    port = "" if listener is None or listener.port == 80 else f":{listener.port}"
    # Where no pod is, the caller's sidecar answers.
    return Target(name, method, f"http://{name}{port}{path}", callee.answers() if callee.replicas else 503)
