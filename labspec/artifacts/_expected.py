"""What the sidecars' logs are to show of each client's requests: what the prediction says of them, client by client."""

from collections.abc import Iterator
from math import ceil, log
from typing import NamedTuple

from labspec.artifacts._logline import Reader
from labspec.finding import Path
from labspec.plan import Plan
from labspec.predict.values import Hop, Line, Request, Span

_RAREST = 1e-6
"""A branch of branches may be called so seldom that its share is rounded to nothing."""


class Expected(NamedTuple):
    """Requests of one client, and the first sidecar on their way."""

    client: str
    sidecar: str
    """The service whose sidecar that is: the client's own, where it has one."""
    percent: float
    """How many of the traces that it logs the collector gets."""
    together: bool
    """Whether another sidecar logs the same trace id, for certain."""
    made: bool
    """Whether each round of the client has such a request."""
    per_round: float
    """How many such requests a round has."""
    is_driven: bool
    """Whether scripts/traffic.sh can make it send them."""
    sends: bool
    """Whether its app prints the ids with which the trace begins."""
    twice: bool
    """Whether a line may show a span id that another line shows, too."""
    id_logged: str
    """The trace id in an example line; empty where it shows none."""
    beyond: tuple[str, ...]
    """Services on the way whose sidecars log other traces only."""
    why: str

    @property
    def rule(self) -> str:
        """What is right to find of it in the collector."""
        if 0 < self.percent < 100:
            return "sometimes"
        return "always" if self.percent else "never"

    @property
    def enough(self) -> int:
        """So many requests have a sampled one among them in 95 of 100 cases."""
        return ceil(log(0.05) / log(1 - self.percent / 100))

    @property
    def rounds(self) -> int:
        """So many rounds have enough requests."""
        return ceil(self.enough / max(self.per_round, _RAREST))


class Expectation(NamedTuple):
    """What is to be seen, and what cannot be."""

    followed: tuple[Expected, ...]
    unseen: tuple[str, ...]
    """In words, whose requests the logs do not show, and why."""


class _Seen(NamedTuple):
    """A request, and where the first sidecar on its way logs it."""

    request: Request
    hop: Hop
    line: Line
    span: Span | None
    """Which that sidecar makes of it."""


def expectation(plan: Plan) -> Expectation:
    """For each client what is to be seen of the requests that somebody receives."""
    view = _View(plan)
    running = {workload.name for workload in plan.workloads if workload.replicas}
    groups: dict[tuple[str, str], list[_Seen]] = {}
    unseen: dict[str, None] = {}
    for request in plan.prediction.requests:
        if request.hops[0].callee not in running:
            continue
        seen = _first(request)
        client = request.client
        if seen is None:
            unseen[f"No sidecar is on the way of {client}'s requests: nobody logs them, and nobody traces them."] = None
        elif len(view.clients[seen.line.service]) > 1:
            sidecar = seen.line.service
            known = f"{client} has no sidecar, and that of {sidecar} logs requests of others, too"
            unseen[f"{known}: which are {client}'s does not show."] = None
        else:
            groups.setdefault((client, seen.line.service), []).append(seen)
    return Expectation(tuple(view.expected(group) for group in groups.values()), tuple(unseen))


def _first(request: Request) -> _Seen | None:
    hop = next((hop for hop in request.hops if hop.lines), None)
    return _Seen(request, hop, hop.lines[0], hop.client or hop.server) if hop else None


class _View:
    """The lines of a plan's prediction, as the scripts will read them."""

    def __init__(self, plan: Plan) -> None:
        self._workloads = {workload.name: workload for workload in plan.workloads}
        self._trace, self._span = Reader(plan, "trace_id"), Reader(plan, "span_id")
        self.clients: dict[str, set[str]] = {}
        """Whose requests each sidecar logs."""
        self._requests: dict[str, list[Request]] = {}
        for request in plan.prediction.requests:
            self._requests.setdefault(request.client, []).append(request)
            for line in _lines(request):
                self.clients.setdefault(line.service, set()).add(request.client)

    def expected(self, group: list[_Seen]) -> Expected:
        """What to expect of requests with the same client and the same first sidecar."""
        client, sidecar = group[0].request.client, group[0].line.service
        workload = self._workloads[client]
        ways: dict[Path, list[_Seen]] = {}
        for seen in group:
            ways.setdefault(seen.request.hops[0].path, []).append(seen)
        certain = [way for way in ways.values() if all(seen.hop.branch == 100 for seen in way)]
        # With the same ids for every request all traces are one.
        beyond = () if workload.starts and workload.starts.fixed else self._beyond(group)
        return Expected(
            client=client,
            sidecar=sidecar,
            percent=_percent(group),
            together=any(all(self._together(seen) for seen in way) for way in certain),
            made=bool(certain),
            per_round=sum(way[0].hop.branch / 100 for way in ways.values()),
            is_driven=workload.round is not None,
            sends=workload.round is not None and client == sidecar and all(_sends(seen) for seen in group),
            twice=self._span.knows and any(self._twice(request) for request in self._requests[client]),
            id_logged=self._trace.id(group[0].line.text),
            beyond=beyond,
            why=_why(group) if beyond else "",
        )

    def _together(self, seen: _Seen) -> bool:
        """Whether the trace id of the first line is in another sidecar's, too, whenever there is that line."""
        own = self._trace.id(seen.line.text)
        certain = (line for hop in seen.request.hops if hop.branch >= seen.hop.branch for line in hop.lines)
        return any(line.service != seen.line.service and _same(self._trace.id(line.text), own) for line in certain)

    def _twice(self, request: Request) -> bool:
        """A sidecar that reaches no pod logs the ids that it got; all others those of their own span."""
        app = request.hops[0].app
        ids = [self._span.id(line.text) for line in _lines(request)] + ([app.span_id] if app else [])
        known = [span for span in ids if span]
        return len(known) != len(set(known))

    def _beyond(self, group: list[_Seen]) -> tuple[str, ...]:
        inside: set[str] = set()
        outside: dict[str, None] = {}
        for seen in group:
            own = self._trace.id(seen.line.text)
            for line in _lines(seen.request):
                found = self._trace.id(line.text)
                if found and not _same(found, own):
                    outside[line.service] = None
                else:
                    inside.add(line.service)
        return tuple(service for service in outside if service not in inside)


def _lines(request: Request) -> Iterator[Line]:
    return (line for hop in request.hops for line in hop.lines)


def _percent(group: list[_Seen]) -> float:
    """Of the traces in which that sidecar has a span. The least, where its requests differ in that: none of them is certain then."""
    shares = {_share(seen) for seen in group}
    least = min((share for share in shares if share), default=0.0)
    return least if len(shares) == 1 else min(least, 50.0)


def _share(seen: _Seen) -> float:
    if seen.span is None:
        return 0.0
    spans = [span for hop in seen.request.hops if hop.branch >= seen.hop.branch for span in hop.spans if span.reported]
    return max((span.chance.percent for span in spans if span.trace_id == seen.span.trace_id), default=0.0)


def _sends(seen: _Seen) -> bool:
    app = seen.request.hops[0].app
    return app is not None and seen.span is not None and _same(app.trace_id, seen.span.trace_id)


def _why(group: list[_Seen]) -> str:
    """Where the trace breaks first, in words."""
    breaks = (found for seen in group for found in seen.request.breaks if found.hop)
    return next((f"the trace breaks at {found.service}: {found.detail}" for found in breaks), "it is in another trace")


def _same(one: str, other: str) -> bool:
    """Ids may have zeros before them; an empty one is none."""
    return bool(one) and one.lstrip("0") == other.lstrip("0")
