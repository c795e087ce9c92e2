"""The Observation: what was seen of each request, as frozen values."""

from collections.abc import Mapping
from typing import NamedTuple

from labspec.finding import Path
from labspec.logreading import LogLine

TAG = "labspec.way"
"""The tag of a span that says which request it belongs to, and where in it."""


class Passage(NamedTuple):
    """One request on its way through a sidecar, as that sidecar told it when the request was over."""

    service: str
    direction: str
    """`outbound` for a request of its own app, `inbound` for one to it."""
    way: str
    """Where in which request: `7`, and behind it, with dots, an id for each sidecar on the way that sent it on."""
    method: str
    path: str
    authority: str
    status: int
    """0 where the client went away."""
    flags: str
    """Envoy's response flags; `-` for none."""
    details: str
    headers: Mapping[str, str]
    """The trace headers and x-request-id, as they left the sidecar."""
    started: float
    """Seconds since the epoch."""
    duration: float
    """Seconds."""
    line: LogLine | None
    """What it wrote to the lab's access log; None where the lab has none, or the line is not one of the format."""


class SeenSpan(NamedTuple):
    """A span that came to the collector."""

    way: str
    """Its place in a request; empty where it says none."""
    service: str
    """What it calls its service: `frontend.lab`."""
    kind: str
    """`CLIENT` or `SERVER`."""
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    """Empty for a root."""
    started: float
    """Seconds since the epoch."""
    duration: float
    """Seconds."""
    tags: Mapping[str, str]
    protocol: str
    """How it came: `zipkin`, `otlp-grpc` or `otlp-http`; `app` from an app that a rehearsal plays."""


class Arrival(NamedTuple):
    """A request that came to an app that a rehearsal plays."""

    service: str
    way: str
    headers: Mapping[str, str]
    """The trace headers and x-request-id."""


class Answer(NamedTuple):
    """What the client of a request got."""

    number: int
    """Of the request: the first step of every `way` in it."""
    request: int
    """Which of the prediction's requests it is, by its place there."""
    status: int
    """0 for no answer."""
    started: float
    duration: float
    sent: Mapping[str, str]
    """The trace headers with which the app sent it."""


class Observation(NamedTuple):
    """All that was seen of a run."""

    answers: tuple[Answer, ...]
    passages: tuple[Passage, ...]
    spans: tuple[SeenSpan, ...]
    arrivals: tuple[Arrival, ...]
    skipped: Mapping[str, int]
    """By service: lines of its log that its format did not write."""


def parent_of(way: str) -> str:
    """The way before its last step."""
    return way.rpartition(".")[0]


def number_of(way: str) -> int:
    """The request that a way belongs to; -1 where it names none."""
    first = way.partition(".")[0]
    return int(first) if first.isascii() and first.isdigit() and len(first) < 10 else -1


def place_of(path: Path) -> tuple[int, int]:
    """Where a call stands among those of its caller, of its path in the spec: which step, and which of that step."""
    step, number = (*path[3:], 0)[:2]
    assert isinstance(step, int)  # noqa: S101  # it is the place in a list
    assert isinstance(number, int)  # noqa: S101  # and so is this
    return step, number


def mark(step: int, number: int) -> str:
    """What an app that a rehearsal plays adds to the way of a call, so that it is told from the app's other ones."""
    return f"c{step}-{number}"
