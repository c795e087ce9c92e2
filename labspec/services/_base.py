"""What a kind of service is: its part of the spec, and the container that it runs."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from labspec.finding import Path
from labspec.model import Image, Model, Percent, Port, UrlPath
from labspec.propagation._base import Format, Start
from labspec.sampling import Sampling
from labspec.services._env import Env, Variable, texts, variable
from labspec.services._marks import Annotations, Labels
from labspec.services._probe import Probe, in_words, readiness
from labspec.services._resources import Resources, asked, bounds
from labspec.shell import literal_for_kubernetes
from labspec.symbols import resolve

WAY = "x-labspec-way"
"""The header that a rehearsal follows a request by: every application in it hands it on, whatever it does with the others."""

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class Call(Model):
    """One request to another service; a plain string names the callee."""

    to: str
    """The service that is called, by its key in `services`."""
    path: UrlPath = "/"
    """Path and query of the request."""
    method: Method = "GET"
    """HTTP method."""
    percent: Percent = 100
    """The share of the requests in which it is made; below 100 the branch is optional in the predicted trace."""


Calls = Annotated[tuple[Annotated[tuple[Call, ...], Field(strict=False)], ...], Field(strict=False)]
"""Steps, one after another; the calls of one step are sent at the same time."""


class Target(NamedTuple):
    """A call with its callee found."""

    service: str
    method: str
    url: str
    expect: tuple[int, ...] = (200,)
    """The HTTP statuses that are right; 0 for no answer, which curl shows as 000."""
    percent: float = 100


class Site(NamedTuple):
    """What a service knows of the lab around it."""

    name: str
    namespace: str
    steps: tuple[tuple[Target, ...], ...]
    """Its calls, in order; those of one step are sent at the same time."""
    propagation: Format
    """What the sidecars speak."""
    formats: Mapping[str, Format]
    """All formats by name, for an application that speaks another."""
    symbols: Mapping[str, str] = MappingProxyType({})
    """What `${name}` stands for in its texts."""

    def resolved(self, text: str) -> str:
        """A text with what its symbols stand for."""
        return resolve(text, self.symbols).text if "${" in text else text

    def literal(self, text: str) -> str:
        """The same as Kubernetes needs it, so that the container gets it unchanged."""
        return literal_for_kubernetes(self.resolved(text))

    @property
    def targets(self) -> tuple[Target, ...]:
        """Its calls, in order."""
        return tuple(target for step in self.steps for target in step)


class Listener(NamedTuple):
    """Where a service answers."""

    port: int
    """Of the Service."""
    target_port: int
    """Of the container."""
    protocol: str = "http"
    """Istio reads it from the port's name and appProtocol."""


class Program(NamedTuple):
    """A file that labspec brings into a container, in a ConfigMap that all services with it share."""

    config_map: str
    folder: str
    """Where it is mounted."""
    name: str
    text: str


class Container(NamedTuple):
    """The application's container."""

    name: str
    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    readiness: Mapping[str, Any] | None
    program: Program | None = None
    requests: Mapping[str, str] = MappingProxyType({})
    limits: Mapping[str, str] = MappingProxyType({})
    env: tuple[Variable, ...] = ()
    probe: str = ""
    """How the spec wants to know that it is ready, in words; empty where it says nothing."""


class Forwarding(NamedTuple):
    """Which headers of a request an application copies into the requests that it sends because of it."""

    patterns: tuple[str, ...] = ()
    """Header names, lower case; `*` stands for any characters."""
    is_known: bool = True
    """False where nobody says: then both, all of them and none, are possible."""
    is_all: bool = False


class AppTracer(NamedTuple):
    """An application's own tracer."""

    format: str | None
    """What it reads and writes; None for what the sidecars speak."""
    start: Start
    """How it starts a trace where it gets none."""
    export: str
    """`none` where nobody reports its spans, else the protocol."""


class StandIn(NamedTuple):
    """How a rehearsal plays an application: labspec answers in its place, sends its calls and does to headers what the spec says."""

    status: int = 200
    text: str = "ok\n"
    arguments: tuple[str, ...] | None = None
    """Of the program that its container brings, where that program runs itself."""
    remark: str = ""
    """What a report says of it, where it is less than the application."""


class Service(Model):
    """A service of the lab; `kind` says which fields it has."""

    REQUESTS: ClassVar[Mapping[str, str]]
    """What its container asks for where the spec does not say."""

    kind: str
    replicas: Annotated[int, Field(ge=0, le=1000)] = 1
    """How many pods run it."""
    image: Image | None = None
    """Another image than the one that this version of labspec pins for the kind."""
    mesh: bool = True
    """Whether its pods have a sidecar; without one they make no spans, and their requests no CLIENT span."""
    sampling: Sampling | None = None
    """Another sampling than the lab's for the sidecar of this service; only the first sidecar on a request's path decides."""
    env: Env = {}  # noqa: RUF012  # pydantic copies it
    """Environment variables of its container: a text, or {secret, key}, {configMap, key}, {field}. In texts `${calls.NAME}` (also
    `.host`, `.port`) is the address of a service that it calls, `${collector.zipkin}`, `${collector.otlp-grpc}` and
    `${collector.otlp-http}` that of the collector."""
    labels: Labels = {}  # noqa: RUF012  # pydantic copies it
    """More labels of its Deployment and of its pods; those that labspec writes itself cannot be others."""
    annotations: Annotations = {}  # noqa: RUF012  # pydantic copies it
    """Annotations of its Deployment and of its pods."""
    resources: Resources | None = None
    """What its container asks for instead of what its kind asks for, {cpu, memory}, and the most that it gets, {limits: {cpu, memory}}."""

    def steps(self) -> Calls:
        """Its calls: steps in order."""
        return ()

    def outgoing(self) -> Iterator[tuple[Path, Call]]:
        """Its calls in order, each with its place in `calls`, as if every step were written as a list."""
        for index, step in enumerate(self.steps()):
            for number, call in enumerate(step):
                yield (index, number), call

    def texts(self) -> Iterator[tuple[Path, str]]:
        """The texts in which symbols stand for addresses, each with its place in the service."""
        return ((("env", name), text) for name, text in texts(self.env))

    def listener(self) -> Listener | None:
        """Where it answers; None for a client."""
        return None

    def acts(self, *, called: bool) -> bool:  # noqa: ARG002  # most kinds only answer
        """Whether it sends requests of its own accord; `called` says whether anybody calls it."""
        return False

    def user_agent(self) -> str:
        """The user-agent of its requests; `-` where it sends none."""
        return "-"

    def pause(self) -> str | None:
        """Seconds between two rounds of its own requests, for a client with a loop; None for others."""
        return None

    def answers(self, below: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:  # noqa: ARG002  # most kinds answer the same
        """The HTTP statuses that its answers can have; `below` are those of each of its calls, 0 for no answer."""
        return (200,)

    def forwarding(self) -> Forwarding:
        """What it hands on."""
        return Forwarding()

    def own_tracer(self) -> AppTracer | None:
        """The tracer in the application itself."""
        return None

    @abstractmethod
    def container(self, site: Site) -> Container:
        """What its pods run."""

    def equipped(self, site: Site) -> Container:
        """Its container, with what the fields that every kind has say."""
        variables = (variable(name, value) for name, value in self.env.items())
        env = (found if found.source else found._replace(value=site.resolved(found.value)) for found in variables)
        return self.container(site)._replace(
            env=tuple(env), requests=asked(self.resources, self.REQUESTS), limits=bounds(self.resources)
        )

    def stand_in(self, site: Site) -> StandIn:  # noqa: ARG002  # most kinds are told by their fields
        """How a rehearsal plays it."""
        return StandIn()

    def round(self, site: Site) -> str | None:  # noqa: ARG002  # kinds that send none need no site
        """A shell script that sends each of its requests once, for a client; None for the others."""
        return None


class Server(Service):
    """A service that answers."""

    probe: Probe | None = None
    """How Kubernetes sees that it is ready: a path that answers below 400, {grpc: true}, {tcp: true} or {exec: [...]}; instead of the kind's own."""

    def equipped(self, site: Site) -> Container:
        """Its container, with the probe that the spec wants."""
        container, listener = super().equipped(site), self.listener()
        if self.probe is None:
            return container
        port = (listener.protocol, listener.target_port) if listener else ("", 0)
        return container._replace(readiness=readiness(self.probe, *port), probe=in_words(self.probe))

    def calls_when_probed(self) -> bool:
        """Whether its probe makes it send its calls."""
        return False


__all__ = ["Call", "Calls", "Container", "Listener", "Method", "Port", "Server", "Service", "Site", "StandIn", "Target"]
