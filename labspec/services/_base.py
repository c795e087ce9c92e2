"""What a kind of service is: its part of the spec, and the container that it runs."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from labspec.model import Image, Model, Port, UrlPath
from labspec.propagation._base import Format, Start

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class Call(Model):
    """One request to another service; a plain string names the callee."""

    to: str
    """The service that is called, by its key in `services`."""
    path: UrlPath = "/"
    """Path and query of the request."""
    method: Method = "GET"
    """HTTP method."""


Calls = Annotated[tuple[Call, ...], Field(strict=False)]


class Target(NamedTuple):
    """A call with its callee found."""

    service: str
    method: str
    url: str
    expect: int = 200
    """The HTTP status that is right."""


class Site(NamedTuple):
    """What a service knows of the lab around it."""

    name: str
    namespace: str
    targets: tuple[Target, ...]
    """Its calls, in order."""
    propagation: Format


class Listener(NamedTuple):
    """Where a service answers."""

    port: int
    """Of the Service."""
    target_port: int
    """Of the container."""
    protocol: str = "http"
    """Istio reads it from the port's name and appProtocol."""


class Container(NamedTuple):
    """The application's container."""

    name: str
    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    readiness: Mapping[str, Any] | None
    requests: Mapping[str, str]


class Service(Model):
    """A service of the lab; `kind` says which fields it has."""

    kind: str
    replicas: Annotated[int, Field(ge=0, le=1000)] = 1
    """How many pods run it."""
    image: Image | None = None
    """Another image than the one that this version of labspec pins for the kind."""

    def outgoing(self) -> Calls:
        """Its calls, in order."""
        return ()

    def listener(self) -> Listener | None:
        """Where it answers; None for a client."""
        return None

    def pause(self) -> str | None:
        """Seconds between two rounds of its own requests, for a client with a loop; None for others."""
        return None

    def answers(self) -> int:
        """The HTTP status of its answers."""
        return 200

    def starts(self) -> Start | None:
        """How its own tracer starts the traces of its requests; None where its sidecar does."""
        return None

    @abstractmethod
    def container(self, site: Site) -> Container:
        """What its pods run."""

    def round(self, site: Site) -> str | None:  # noqa: ARG002  # kinds that send none need no site
        """A shell script that sends each of its requests once, for a client; None for the others."""
        return None


__all__ = ["Call", "Calls", "Container", "Listener", "Method", "Port", "Service", "Site", "Target"]
