"""The service in the middle: it answers after its calls, and hands on what the spec says."""

import json
from collections.abc import Callable
from pkgutil import get_data
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from labspec.model import Model, Percent, Port, described, duration, seconds
from labspec.services._base import (
    WAY,
    Calls,
    Container,
    Forwarding,
    Listener,
    Program,
    Server,
    Site,
    StandIn,
    Target,
)
from labspec.services._forwards import choice, forwarding
from labspec.shell import literal_for_kubernetes

IMAGE = "python:3.13-alpine"
_PROBED = "/healthz"


def _delay(value: str) -> str:
    return value if value == "0s" else duration(value)


if TYPE_CHECKING:
    Forwards = str | tuple[str, ...]
else:
    Forwards = choice("all", "none")


class Errors(Model):
    """Answers that are errors on purpose."""

    percent: Percent = 100
    """The share of its answers."""
    status: Annotated[int, Field(ge=400, le=599)] = 500
    """Their HTTP status."""


class Relay(Server):
    """A service in the middle: a short Python program that answers after its calls."""

    REQUESTS: ClassVar = {"cpu": "10m", "memory": "32Mi"}

    kind: Literal["relay"]
    calls: Calls = ()
    """The requests that it sends for each one that it gets, in order; those in a nested list at the same time."""
    forwards: Forwards = "all"
    """The headers that it copies into its own requests: `all` trace headers and x-request-id, `none`, or a list such as [x-request-id, x-b3-*]."""
    delay: Annotated[str, AfterValidator(_delay), described("^[0-9]{1,6}(ms|s|m|h)$", ("50ms",))] = "0s"
    """How long it waits before its calls."""
    errors: Errors | None = None
    """Answers that are errors on purpose, after the calls."""
    port: Port = 80
    """The port of its Service."""
    targetPort: Port = 8080  # noqa: N815  # the key in the spec
    """The port that the container listens on."""

    def steps(self) -> Calls:
        """Its calls: steps in order."""
        return self.calls

    def listener(self) -> Listener:
        """Where it answers."""
        return Listener(self.port, self.targetPort)

    def calls_when_probed(self) -> bool:
        """It does its work for every path but one."""
        return bool(self.calls) and isinstance(self.probe, str) and self.probe != _PROBED

    def forwarding(self) -> Forwarding:
        """What it hands on."""
        return forwarding(self.forwards)

    def answers(self, below: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
        """200, or 502 where a call failed; its errors come last."""
        calls = [call for step in self.calls for call in step]
        failing = [any(_failed(status) for status in statuses) for statuses in below]
        certain = any(
            call.percent == 100 and all(_failed(status) for status in statuses)
            for call, statuses in zip(calls, below, strict=True)
        )
        usual = (502,) if certain else (200, 502) if any(failing) else (200,)
        if self.errors is None or self.errors.percent == 0:
            return usual
        return (self.errors.status,) if self.errors.percent == 100 else (*usual, self.errors.status)

    def container(self, site: Site) -> Container:
        """Python's standard library and one file."""
        return Container(
            name="relay",
            image=self.image or IMAGE,
            command=(),
            args=("python", "/labspec/relay.py", *self.options(site)),
            readiness={"httpGet": {"path": _PROBED, "port": "http"}},
            program=Program("labspec-relay", "/labspec", "relay.py", program()),
        )

    def stand_in(self, site: Site) -> StandIn:
        """Its own program; beside the spec's headers it hands on the one that a rehearsal follows a request by."""
        return StandIn(arguments=self.options(site, str, (WAY,)))

    def options(
        self, site: Site, literal: Callable[[str], str] = literal_for_kubernetes, more: tuple[str, ...] = ()
    ) -> tuple[str, ...]:
        """What the program is told; `literal` keeps a text as it is where somebody expands it, `more` are headers to hand on."""
        patterns = ",".join((*self.forwarding().patterns, *more))
        steps = [[_spoken(target) for target in step] for step in site.steps]
        calls = json.dumps([step[0] if len(step) == 1 else step for step in steps])
        return (
            f"--port={self.targetPort}",
            *((f"--forward={patterns}",) if patterns else ()),
            *((f"--calls={literal(calls)}",) if steps else ()),
            *((f"--delay={seconds(self.delay):g}",) if self.delay != "0s" else ()),
            *((f"--errors={self.errors.percent:g}:{self.errors.status}",) if self.errors else ()),
        )


def _failed(status: int) -> bool:
    return status >= 500 or status == 0


def program() -> str:
    """The text of the program that runs in its pods."""
    return (get_data("labspec.services", "_relay.py") or b"").decode()


def _spoken(target: Target) -> str | dict[str, str | float]:
    call = f"{target.method} {target.url}"
    return call if target.percent == 100 else {"call": call, "percent": target.percent}
