"""Lab -> Plan: every default filled, every symbol resolved, every name and port decided. Artifacts only format it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from labspec.accesslog import AccessLog, access_log
from labspec.calls import seen_by, statuses, symbols, url
from labspec.collectors._base import Backend, Receiver
from labspec.images import Images
from labspec.lab import FORMATS, Lab
from labspec.mesh import CLUSTER_DOMAIN, ROOT_NAMESPACE, Mesh, Provider, receiver_of
from labspec.predict.values import Prediction
from labspec.propagation._base import Format, Start
from labspec.resource import BASE
from labspec.services._base import AppTracer, Call, Container, Forwarding, Listener, Service, Site, StandIn, Target


class Workload(NamedTuple):
    """One service of the lab, decided."""

    name: str
    kind: str
    namespace: str
    version: str
    """Value of the `version` label, which Istio and Kiali show."""
    replicas: int
    container: Container
    labels: Mapping[str, str]
    """Beside labspec's own, of its Deployment and its pods."""
    annotations: Mapping[str, str]
    sidecar: bool
    """Whether its pods have a proxy."""
    sampling: float | None
    """Percent of the traces that its sidecar starts, where it is not the lab's."""
    listener: Listener | None
    """Where it answers; None for a client. It has a Service only where somebody calls it."""
    steps: tuple[tuple[Target, ...], ...]
    """Its calls, in order; those of one step are sent at the same time."""
    callers: tuple[str, ...]
    forwarding: Forwarding
    tracer: AppTracer | None
    """The tracer in the application itself."""
    speaks: Format
    """What that tracer speaks; what the sidecars speak where it has none."""
    pause: str | None
    """Seconds between two rounds of its own requests, for a client with a loop."""
    round: str | None
    """A shell script that sends each of its requests once, for a client."""
    acts: bool
    """Whether it sends its calls of its own accord, each a request of its own."""
    user_agent: str
    """The user-agent of its requests; `-` where it sends none."""
    stand_in: StandIn
    """How a rehearsal plays it."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """Its calls, in order."""
        return tuple(target for step in self.steps for target in step)

    @property
    def starts(self) -> Start | None:
        """How its own tracer starts the traces of its requests."""
        return self.tracer.start if self.tracer else None

    @property
    def has_service(self) -> bool:
        """Whether the lab makes a Service for it: only for one that somebody calls."""
        return self.listener is not None and bool(self.callers)

    @property
    def service_name(self) -> str:
        """What its sidecar's spans call it."""
        return f"{self.name}.{self.namespace}"


class Accepted(NamedTuple):
    """A warning that is meant to be."""

    rule: str
    reason: str
    message: str
    """What the rule says."""


class Plan(NamedTuple):
    """A lab with nothing left to decide."""

    source: str
    """Base name of the spec's file."""
    name: str
    variant: str
    """Which form of the lab this is: `base`, or the name of a variant."""
    description: str | None
    heading: str | None
    """What a variant is about."""
    namespace: str
    owns_namespace: bool
    """Whether the lab makes its namespace."""
    istio_version: str
    istio_profile: str
    istio_namespace: str
    cluster_domain: str
    api: str
    """`telemetry` or `meshConfig`: which of Istio's tracing APIs carries the settings."""
    propagation: Format
    percent: float
    log: AccessLog
    images: Images
    """Where images come from; those of the workloads and the collector are named as they are pulled."""
    collector: Backend | None
    receiver: Receiver | None
    """Where the sidecars send their spans."""
    provider: Provider | None
    """What a Telemetry resource chooses; None with `meshConfig`, or without a collector."""
    workloads: tuple[Workload, ...]
    mesh: Mesh
    prediction: Prediction
    accepted: tuple[Accepted, ...]
    variants: tuple["Plan", ...]
    """The other forms of the lab, in the order of the spec; a variant has none of its own."""

    @property
    def is_base(self) -> bool:
        """Whether this is the lab itself, and no variant of it."""
        return self.variant == BASE

    @property
    def forms(self) -> tuple["Plan", ...]:
        """The lab itself, then its variants."""
        return (self, *self.variants)

    def share(self, client: Workload) -> float:
        """Percent of a client's requests that are sampled: at most, where its calls or its callees differ in that."""
        requests = [request for request in self.prediction.requests if request.client == client.name]
        return max((span.chance.percent for request in requests for span in request.reported), default=0.0)

    @property
    def clients(self) -> tuple[Workload, ...]:
        """The workloads that send requests when a script tells them to: those with a pod, and something to send."""
        return tuple(
            workload for workload in self.workloads if workload.round and workload.targets and workload.replicas
        )


class Form(NamedTuple):
    """What a plan is made of: a lab, or one of its variants, that no error speaks against."""

    lab: Lab
    heading: str | None
    provider: Provider | None
    mesh: Mesh
    prediction: Prediction
    accepted: tuple[Accepted, ...]


def plan(forms: Sequence[Form]) -> Plan:
    """The plan for a lab and its variants, the lab first."""
    base, *others = forms
    return _plan(base, tuple(_plan(other, ()) for other in others))


def _plan(form: Form, variants: tuple[Plan, ...]) -> Plan:
    lab, spec = form.lab, form.lab.spec
    answers, callers = statuses(lab), _callers(lab)
    collector = spec.collector.backend(lab.surroundings(CLUSTER_DOMAIN))
    receivers = collector.receivers if collector else ()
    return Plan(
        source=lab.source,
        name=spec.name,
        variant=lab.variant or BASE,
        description=spec.description,
        heading=form.heading,
        namespace=lab.namespace(),
        owns_namespace=lab.makes_namespace(),
        istio_version=spec.istio.version,
        istio_profile=spec.istio.profile,
        istio_namespace=ROOT_NAMESPACE,
        cluster_domain=CLUSTER_DOMAIN,
        api=spec.istio.api,
        propagation=lab.format(),
        percent=spec.sampling.percent,
        log=access_log(spec.logs.format, lab.format(), spec.istio.version),
        images=spec.images,
        collector=collector,
        receiver=receiver_of(lab),
        provider=form.provider,
        workloads=tuple(
            _workload(lab, _site(lab, answers, receivers, name), tuple(callers.get(name, ())), service)
            for name, service in spec.services.items()
        ),
        mesh=form.mesh,
        prediction=form.prediction,
        accepted=form.accepted,
        variants=variants,
    )


def _callers(lab: Lab) -> dict[str, dict[str, None]]:
    """Who calls each service, in the order of the spec."""
    found: dict[str, dict[str, None]] = {}
    for _, caller, call in lab.calls():
        found.setdefault(call.to, {})[caller] = None
    return found


def _site(lab: Lab, answers: Mapping[str, tuple[int, ...]], receivers: tuple[Receiver, ...], name: str) -> Site:
    service = lab.spec.services[name]
    steps = tuple(tuple(_target(lab, answers, name, call) for call in step) for step in service.steps())
    has_symbols = any("${" in text for _, text in service.texts())
    known = symbols(lab, name, receivers) if has_symbols else {}
    return Site(name, lab.namespace(), steps, lab.format(), FORMATS, known)


def _workload(lab: Lab, site: Site, callers: tuple[str, ...], service: Service) -> Workload:
    tracer = service.own_tracer()
    container = service.equipped(site)
    return Workload(
        name=site.name,
        kind=service.kind,
        namespace=lab.namespace(),
        version="v1",
        replicas=service.replicas,
        container=container._replace(image=lab.spec.images.located(container.image)),
        labels=service.labels,
        annotations=service.annotations,
        sidecar=service.mesh,
        sampling=service.sampling.percent if service.sampling else None,
        listener=service.listener(),
        steps=site.steps,
        callers=callers,
        forwarding=service.forwarding(),
        tracer=tracer,
        speaks=FORMATS.get(tracer.format or "", lab.format()) if tracer else lab.format(),
        pause=service.pause(),
        round=service.round(site),
        acts=service.acts(called=bool(callers)),
        user_agent=service.user_agent(),
        stand_in=service.stand_in(site),
    )


def _target(lab: Lab, answers: Mapping[str, tuple[int, ...]], caller: str, call: Call) -> Target:
    return Target(call.to, call.method, url(lab, call), seen_by(lab, answers, caller, call) or (200,), call.percent)
