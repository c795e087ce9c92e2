"""What a kind of trace collector is: its part of the spec, and what it needs in the cluster."""

from typing import Literal, NamedTuple

from labspec.images import Images
from labspec.model import DnsLabel, Model
from labspec.resource import Object

Protocol = Literal["zipkin", "otlp-grpc", "otlp-http"]


class Receiver(NamedTuple):
    """Where sidecars send spans."""

    protocol: str
    """`zipkin`, `otlp-grpc` or `otlp-http`."""
    host: str
    """Full DNS name of the Service: a short one means something else in each namespace."""
    port: int


class Ui(NamedTuple):
    """The web page for people, and the API that scripts ask."""

    title: str
    service: str
    port: int
    """Of the Service."""
    local_port: int
    """On the learner's machine."""
    page: str
    """Path of the search page."""
    services_api: str
    """Path that lists the services that sent spans."""
    trace_api: str
    """Path of one trace, before its id."""
    orphan_warning: str
    """What the page says of a span whose parent nobody reported."""


class Backend(NamedTuple):
    """A collector that the lab deploys."""

    kind: str
    title: str
    namespace: str
    deployment: str
    services: tuple[str, ...]
    """Names of its Services: another collector in that namespace may hold them."""
    receivers: tuple[Receiver, ...]
    ui: Ui
    requests: dict[str, str]
    """What its pod asks of the cluster."""
    objects: tuple[Object, ...]


class Surroundings(NamedTuple):
    """What a collector knows of the lab around it."""

    lab: str
    istio_version: str
    cluster_domain: str
    variant: str
    """Which of the lab's forms this is; `base` for the lab itself."""
    images: Images


class Collector(Model):
    """Where spans are stored and looked at; `kind` says which fields it has."""

    kind: str

    def home(self) -> str | None:
        """The namespace that it runs in; None where nothing runs."""
        return None

    def wanted(self) -> str | None:
        """The protocol that spans are to come by; None for what the headers' tracer usually speaks."""
        return None

    def backend(self, around: Surroundings) -> Backend | None:  # noqa: ARG002  # some kinds need nothing
        """What it needs in the cluster; None where the lab has no collector of its own."""
        return None


__all__ = ["Backend", "Collector", "DnsLabel", "Protocol", "Receiver", "Surroundings", "Ui"]
