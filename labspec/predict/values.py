"""The Prediction: frozen values, and what can be asked of them."""

from collections.abc import Mapping
from typing import NamedTuple

from labspec.finding import Path
from labspec.predict.chance import Chance

CLIENT = "CLIENT"
SERVER = "SERVER"
SIDECAR = "sidecar"
APP = "app"
OUTBOUND = "outbound"
INBOUND = "inbound"

# Reasons of a break.
DROPPED = "dropped"
INCOMPLETE = "incomplete"
FOREIGN = "foreign"
UNKNOWN = "unknown"


def whole(trace_id: str) -> str:
    """A trace id in the width in which collectors compare them: one of 64 bits with zeros before it is the same trace."""
    return trace_id.rjust(32, "0")


class Span(NamedTuple):
    """One span of a request."""

    service: str
    """By its key in the spec."""
    name: str
    """What the span calls its service: `frontend.lab`."""
    maker: str
    """`sidecar` or `app`."""
    kind: str
    """`CLIENT` or `SERVER`."""
    peer: str
    """The service on the other side."""
    operation: str
    trace_id: str
    span_id: str
    parent_id: str
    """Empty for the root of a trace."""
    chance: Chance
    """When it is sampled, if its branch is called at all."""
    decides: bool
    """Whether its maker decided that: no decision came with the request."""
    reported: bool
    """False for the span of an app that reports none."""
    branch: float
    """Percent of the requests in which its branch is called."""
    statuses: tuple[int, ...]
    """The HTTP statuses that it can have."""
    tags: tuple[tuple[str, str], ...]
    """What can be told of its tags beforehand."""

    @property
    def share(self) -> float:
        """Percent of the requests in which it is reported."""
        return round(self.chance.percent * self.branch / 100, 8) if self.reported else 0.0


class Note(NamedTuple):
    """What an operator of the log format does on a line that a reader would not expect."""

    operator: str
    kind: str
    """`empty`: it prints `-` (null in JSON). `misleading`: it prints an id that the trace of this request does not have."""
    reason: str


class Line(NamedTuple):
    """The line of a sidecar's access log for one request."""

    service: str
    direction: str
    """`outbound` for requests of its own app, `inbound` for requests to it."""
    text: str
    """An example: ids, times and addresses are invented; those of one request agree with its spans and headers."""
    notes: tuple[Note, ...]


class Hop(NamedTuple):
    """One call: from the app of the caller, through the sidecars that are there, to the app of the callee."""

    caller: str
    callee: str
    path: Path
    """The call in the spec."""
    above: int | None
    """The hop because of which it is sent; None for the first."""
    method: str
    url: str
    branch: float
    """Percent of the requests in which it is called."""
    statuses: tuple[int, ...]
    """What the caller gets; 0 for no answer."""
    sent: Mapping[str, str]
    """The trace headers and x-request-id as the caller's app sends them."""
    carried: Mapping[str, str]
    """As they leave the caller's pod; none where its sidecar answers itself, because no pod is there."""
    received: Mapping[str, str]
    """As the callee's app gets them."""
    app: Span | None
    """The span of the caller's own tracer for this call."""
    client: Span | None
    server: Span | None
    answering: Span | None
    """The span of the callee's own tracer."""
    lines: tuple[Line, ...]
    reached: bool = True
    """Whether the callee has a pod at all."""

    @property
    def spans(self) -> tuple[Span, ...]:
        """Its spans, from the caller to the callee."""
        return tuple(span for span in (self.app, self.client, self.server, self.answering) if span is not None)


class Break(NamedTuple):
    """A place where a request leaves its trace: what follows is in another one."""

    service: str
    hop: int
    """The first hop in the other trace."""
    reason: str
    """`dropped`: the app hands on no trace header. `incomplete`: not those that the sidecars read. `foreign`: the app's own tracer
    speaks other headers than the sidecars. `unknown`: nobody says what it hands on, and here it hands on nothing."""
    detail: str
    """The reason in words."""
    before: str
    """The trace that is left."""
    after: str
    """The trace that begins."""


class Request(NamedTuple):
    """What one request of a client does."""

    client: str
    hops: tuple[Hop, ...]
    """Each before those that are sent because of it, in the order of the spec."""
    breaks: tuple[Break, ...]
    assumed: str
    """Where services do not say what they hand on, and it matters: `forwards` or `drops`; else empty."""
    unknown: tuple[str, ...]
    """Those services."""
    cut: bool = False
    """Whether it has more calls than were followed."""

    @property
    def spans(self) -> tuple[Span, ...]:
        """All spans, the apps' own included, each before those below it."""
        return tuple(span for hop in self.hops for span in hop.spans)

    @property
    def reported(self) -> tuple[Span, ...]:
        """The spans that a collector can get."""
        return tuple(span for span in self.spans if span.reported and span.chance.possible)

    @property
    def traces(self) -> Mapping[str, tuple[Span, ...]]:
        """The reported spans by trace, in the order in which the traces begin."""
        found: dict[str, list[Span]] = {}
        for span in self.reported:
            found.setdefault(whole(span.trace_id), []).append(span)
        return {spans[0].trace_id: tuple(spans) for spans in found.values()}

    def orphans(self, trace_id: str) -> tuple[Span, ...]:
        """The spans of a trace whose parent nobody reports."""
        spans = self.traces.get(trace_id, ())
        ids = {span.span_id for span in spans}
        return tuple(span for span in spans if span.parent_id and span.parent_id not in ids)

    def before(self, found: Break) -> tuple[Span, ...]:
        """The spans of the trace that a break leaves, from the call above it to the caller's app: it stands behind the last of them."""
        hop = self.hops[found.hop]
        above = self.hops[hop.above].spans if hop.above is not None else ()
        near = (*above, *((hop.app,) if hop.app is not None else ()))
        return tuple(span for span in near if whole(span.trace_id) == whole(found.before))

    def decider(self, trace_id: str) -> Span | None:
        """The span whose maker decided whether the trace is sampled: the first that did; None where the trace has no span."""
        spans = [span for span in self.spans if whole(span.trace_id) == whole(trace_id)]
        return next((span for span in spans if span.decides), spans[0] if spans else None)


class Prediction(NamedTuple):
    """What the requests of a lab do, client by client and call by call."""

    requests: tuple[Request, ...]
