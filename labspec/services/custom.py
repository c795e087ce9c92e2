"""Any image; labspec believes what the spec says of it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from labspec.finding import Path
from labspec.model import Image, Line, Port, PortOrNone
from labspec.services._base import AppTracer, Calls, Container, Forwarding, Listener, Server, Site, StandIn
from labspec.services._forwards import choice, forwarding
from labspec.services._tracer import ReportingTracer

Words = Annotated[tuple[Line, ...], Field(strict=False)]


if TYPE_CHECKING:
    Forwards = str | tuple[str, ...]
else:
    Forwards = choice("all", "none", "unknown")


class Custom(Server):
    """Any image. Its calls are a statement about it, which labspec believes, not a command."""

    REQUESTS: ClassVar = {"cpu": "10m", "memory": "32Mi"}

    kind: Literal["custom"]
    image: Image  # here it is required
    """The image."""
    command: Words = ()
    """Instead of the image's entry point; with symbols, as in `env`."""
    args: Words = ()
    """The arguments; with symbols, as in `env`."""
    calls: Calls = ()
    """The requests that it sends for each one that it gets; of its own accord where nobody calls it."""
    forwards: Forwards = "unknown"
    """The headers that it copies into its own requests: `all`, `none`, a list, or `unknown`: then labspec predicts both ways."""
    tracer: ReportingTracer | None = None
    """It has a tracer of its own."""
    port: PortOrNone = 80
    """The port of its Service; `none`: it answers nobody."""
    targetPort: Port | None = None  # noqa: N815  # the key in the spec
    """The port that the container listens on, where it is another."""

    def steps(self) -> Calls:
        """Its calls: steps in order."""
        return self.calls

    def texts(self) -> Iterator[tuple[Path, str]]:
        """The texts in which symbols stand for addresses, each with its place in the service."""
        yield from (
            ((field, index), word) for field in ("command", "args") for index, word in enumerate(getattr(self, field))
        )
        yield from super().texts()

    def listener(self) -> Listener | None:
        """Where it answers; None with `port: none`."""
        return None if isinstance(self.port, str) else Listener(self.port, self.targetPort or self.port)

    def acts(self, *, called: bool) -> bool:
        """Whether it sends requests of its own accord: one that nobody calls can have no other reason."""
        return not called

    def forwarding(self) -> Forwarding:
        """What it hands on."""
        return forwarding(self.forwards)

    def own_tracer(self) -> AppTracer | None:
        """The tracer that it brings."""
        return self.tracer.own(self.tracer.export) if self.tracer else None

    def stand_in(self, site: Site) -> StandIn:  # noqa: ARG002  # all of it is told by its fields
        """What the spec says of it, and no more."""
        believed = {"unknown": "nobody says what it hands on: here it hands on everything"}
        hands_on = believed.get(self.forwards, "") if isinstance(self.forwards, str) else ""
        spans = "spans of its tracer included" if self.tracer and self.tracer.export != "none" else ""
        return StandIn(remark="; ".join(["does what the spec says of its image", *filter(None, (hands_on, spans))]))

    def container(self, site: Site) -> Container:
        """The image as it is; without a probe it is ready when it runs."""
        return Container(
            name="app",
            image=self.image,
            command=tuple(map(site.literal, self.command)),
            args=tuple(map(site.literal, self.args)),
            readiness=None,
        )
