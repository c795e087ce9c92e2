"""A server that answers every request with one text."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from labspec.model import Line, Port
from labspec.services._base import Container, Listener, Server, Site, StandIn
from labspec.shell import literal_for_kubernetes

IMAGE = "hashicorp/http-echo:1.0"


class HttpEcho(Server):
    """hashicorp/http-echo: answers a text; calls nobody and forwards nothing."""

    REQUESTS: ClassVar = {"cpu": "10m", "memory": "16Mi"}

    kind: Literal["http-echo"]
    text: Line = "hello"
    """What it answers."""
    status: Annotated[int, Field(ge=200, le=599)] = 200
    """The HTTP status of every answer."""
    port: Port = 80
    """The port of its Service."""
    targetPort: Port = 5678  # noqa: N815  # the key in the spec
    """The port that the container listens on."""

    def listener(self) -> Listener:
        """Where it answers."""
        return Listener(self.port, self.targetPort)

    def answers(self, below: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:  # noqa: ARG002  # it calls nobody
        """The HTTP status of its answers."""
        return (self.status,)

    def stand_in(self, site: Site) -> StandIn:  # noqa: ARG002  # it knows nobody
        """The text and the status."""
        return StandIn(status=self.status, text=f"{self.text}\n")

    def container(self, site: Site) -> Container:  # noqa: ARG002  # it knows nobody
        """The image has no shell: flags say everything."""
        status = (f"-status-code={self.status}",) if self.status != 200 else ()
        return Container(
            name="http-echo",
            image=self.image or IMAGE,
            command=(),
            args=(f"-listen=:{self.targetPort}", f"-text={literal_for_kubernetes(self.text)}", *status),
            # /health answers 200 whatever -status-code says.
            readiness={"httpGet": {"path": "/health", "port": "http"}},
        )
