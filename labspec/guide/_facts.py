"""What several sections need to know of a lab, all of it taken from its Plan and its Prediction."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from labspec.finding import listed
from labspec.guide._markdown import code
from labspec.plan import Plan, Workload
from labspec.predict.values import APP, Hop, Request, Span
from labspec.propagation._base import Start
from labspec.services._base import Target

_DIGITS = frozenset("0123456789abcdef")

_NAMED = 6
"""Services that a sentence names."""


class Call(NamedTuple):
    """A request that one service sends to another."""

    caller: Workload
    target: Target
    callee: Workload


def calls(plan: Plan) -> Iterator[Call]:
    """All calls, in the order of the spec."""
    workloads = {workload.name: workload for workload in plan.workloads}
    for caller in plan.workloads:
        for target in caller.targets:
            yield Call(caller, target, workloads[target.service])


class Case(NamedTuple):
    """One request of a client."""

    ways: tuple[Request, ...]
    """How it can go: two where a service does not say what it hands on, and that matters."""

    @property
    def usual(self) -> Request:
        """The way in which such services hand the headers on."""
        return self.ways[0]

    @property
    def first(self) -> Hop:
        """The call with which it begins."""
        return self.usual.hops[0]

    @property
    def start(self) -> str:
        """The client, by its name."""
        return self.usual.client


def cases(plan: Plan) -> list[Case]:
    """What the clients request, client by client and call by call."""
    found = groupby(plan.prediction.requests, lambda request: (request.client, request.hops[0].path))
    return [Case(tuple(ways)) for _, ways in found]


def hops(requests: Iterable[Request]) -> Iterator[Hop]:
    """All calls of some requests."""
    return (hop for request in requests for hop in request.hops)


class View(NamedTuple):
    """What is to be seen of one request."""

    spans: tuple[Span, ...]
    """All, the apps' own included, each behind the one that it came from."""
    traces: dict[str, list[Span]]
    """Those that a collector can get, by their trace."""
    orphans: list[Span]
    """Those of them whose parent it cannot get."""


def view(request: Request) -> View:
    """As the properties of a Request, in one walk: they are costly where it has a thousand calls."""
    below: dict[int | None, list[int]] = {}
    for index, hop in enumerate(request.hops):
        below.setdefault(hop.above, []).append(index)
    spans: list[Span] = []
    stack = below.get(None, [])[::-1]
    while stack:
        index = stack.pop()
        spans += request.hops[index].spans
        stack += below.get(index, [])[::-1]
    sent = [span for span in spans if span.reported and span.chance.possible]
    traces: dict[str, list[Span]] = {}
    for span in sent:
        traces.setdefault(span.trace_id, []).append(span)
    ids = {(span.trace_id, span.span_id) for span in sent}
    orphans = [span for span in sent if span.parent_id and (span.trace_id, span.parent_id) not in ids]
    return View(tuple(spans), traces, orphans)


def share(request: Request) -> float:
    """Percent of these requests of which a collector gets something."""
    spans = (span for hop in request.hops for span in hop.spans if span.reported and span.chance.possible)
    return max((span.chance.percent for span in spans), default=0.0)


def is_random(plan: Plan) -> bool:
    """Whether some request is traced by chance."""
    return any(0 < share(request) < 100 for request in plan.prediction.requests)


class Shown(NamedTuple):
    """Which ids the lines of the access log show whole."""

    trace: bool
    span: bool
    request: bool


def shown(plan: Plan) -> Shown:
    """What the predicted lines have of the ids of their spans; nothing where there is no log, or no request."""
    trace = span = request = False
    for hop in hops(plan.prediction.requests):
        for line, made in logged(hop):
            trace = trace or (made is not None and holds(line, made.trace_id))
            span = span or (made is not None and holds(line, made.span_id))
            request = request or hop.carried.get("x-request-id", "\n") in line
    return Shown(trace, span, request)


def holds(text: str, identifier: str) -> bool:
    """Whether `text` has the id, and not only as a part of another: a span id may be the right half of its trace's."""
    start = text.find(identifier)
    while start >= 0:
        around = text[max(start - 1, 0) : start] + text[start + len(identifier) : start + len(identifier) + 1]
        if _DIGITS.isdisjoint(around):
            return True
        start = text.find(identifier, start + 1)
    return False


def logged(hop: Hop) -> Iterator[tuple[str, Span | None]]:
    """The text of each line of a call, and the span of the sidecar that logs it."""
    for line in hop.lines:
        yield line.text, hop.client if line.direction == "outbound" else hop.server


def starters(plan: Plan) -> dict[Start | None, list[Workload]]:
    """The services that send requests of their own accord, by the way in which their app starts a trace (None: it does not)."""
    found: dict[Start | None, list[Workload]] = {}
    senders = {request.client for request in plan.prediction.requests}
    for workload in plan.workloads:
        if workload.name in senders:
            found.setdefault(workload.starts, []).append(workload)
    return found


def reporters(plan: Plan) -> set[str]:
    """The services of which a collector gets spans."""
    found = hops(plan.prediction.requests)
    return {span.service for hop in found for span in hop.spans if span.reported and span.chance.possible}


def reporting_apps(plan: Plan) -> list[Workload]:
    """The services whose app reports spans of its own."""
    found = hops(plan.prediction.requests)
    own = {span.service for hop in found for span in hop.spans if span.maker == APP and span.reported}
    return [workload for workload in plan.workloads if workload.name in own]


def outside(plan: Plan) -> list[Workload]:
    """The services without a sidecar."""
    return [workload for workload in plan.workloads if not workload.sidecar]


def broken(plan: Plan) -> dict[str, str]:
    """The services at which a request leaves its trace, and the reason in words."""
    found = (gap for request in plan.prediction.requests for gap in request.breaks)
    return {gap.service: gap.detail for gap in found}


def names(workloads: Sequence[Workload]) -> str:
    """Their names as code: `a`, `b` and `c`; the first few of many."""
    return named([workload.name for workload in workloads])


def named(services: Sequence[str]) -> str:
    """As `names`, for names."""
    found = [code(name) for name in services[:_NAMED]]
    left = len(services) - len(found)
    return listed([*found, f"{left} more"] if left else found)


def number(value: float) -> str:
    """`100`, `0.5`."""
    return f"{round(value, 2):g}"


def either(statuses: Iterable[int]) -> str:
    """`200 or 502`."""
    return " or ".join(f"{status:03}" for status in statuses)
