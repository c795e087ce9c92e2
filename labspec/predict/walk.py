"""The walk of a request over the services of a lab: apps, and the sidecars that stand before and behind them."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from labspec.calls import operation, seen_by, statuses, url
from labspec.finding import Path
from labspec.lab import FORMATS, Lab
from labspec.mesh import Mesh, Proxy
from labspec.predict.breaks import break_at
from labspec.predict.chance import ALWAYS, NEVER, Chance
from labspec.predict.logline import Side, line_of
from labspec.predict.sidecar import Header, Headers, Ids, Made, passed, texts
from labspec.predict.tags import tags
from labspec.predict.values import (
    APP,
    CLIENT,
    INBOUND,
    OUTBOUND,
    SERVER,
    SIDECAR,
    Break,
    Hop,
    Line,
    Prediction,
    Request,
    Span,
)
from labspec.propagation._base import FIXED_SPAN, FIXED_TRACE, Context, Format, started
from labspec.services._base import AppTracer, Call, Service

MOST_HOPS = 2_000
"""Of one request that are followed: where each service calls each there are more than any lab can show."""


def predict(lab: Lab, mesh: Mesh) -> Prediction:
    """What each request of `lab` does. A call that is never made (`percent: 0`) is no request. Calls to services that the lab does not have are left out; a cycle is followed once."""
    found: list[Request] = []
    answers = statuses(lab)
    called = lab.called()
    for name, service in lab.spec.services.items():
        if service.acts(called=name in called) and service.replicas:
            for path, call in lab.calls_of(name):
                if call.to in lab.spec.services and call.percent:
                    walks = [_Walk(lab, mesh, answers, forwards=forwards) for forwards in (True, False)]
                    found += _both_ways(walks, name, path, call)
    return Prediction(tuple(found))


def _both_ways(walks: "list[_Walk]", client: str, path: Path, call: Call) -> list[Request]:
    """The request; twice where a service on its way does not say what it hands on, and that matters."""
    walk, dropping = walks
    usual = walk.request(client, path, call)
    if not walk.unknown:
        return [usual]
    other = dropping.request(client, path, call)
    if _shape(usual) == _shape(other):
        return [usual]
    unknown = tuple(walk.unknown)
    return [usual._replace(assumed="forwards", unknown=unknown), other._replace(assumed="drops", unknown=unknown)]


def _shape(request: Request) -> list[tuple[object, ...]]:
    """What a collector would see of it."""
    order = list(request.traces)
    spans = {span.span_id: number for number, span in enumerate(request.spans)}
    return [
        (
            order.index(span.trace_id),
            spans.get(span.parent_id),
            bool(span.parent_id),
            span.service,
            span.kind,
            span.share,
        )
        for span in request.reported
    ]


class _Came(NamedTuple):
    """A request at the app of a service."""

    headers: Headers
    context: Context | None
    """What the app's own tracer made of it."""
    chance: Chance
    trace: str
    """The mesh's trace so far; empty where no sidecar was on the way."""


class _Due(NamedTuple):
    """A call that is still to be followed."""

    caller: str
    path: Path
    call: Call
    came: _Came | None
    """The request because of which it is sent; None for the first."""
    above: int | None
    branch: float
    way: tuple[str, ...]
    """The services that called one another so far."""


class _Walk:
    def __init__(self, lab: Lab, mesh: Mesh, answers: dict[str, tuple[int, ...]], *, forwards: bool) -> None:
        self._lab = lab
        self._proxies = {proxy.service: proxy for proxy in mesh.proxies}
        self._answers = answers
        self._forwards = forwards
        self._ids = Ids()
        self._hops: list[Hop] = []
        self._breaks: list[Break] = []
        self.unknown: dict[str, None] = {}

    def request(self, client: str, path: Path, call: Call) -> Request:
        """The whole request that begins with `call`."""
        due = [_Due(client, path, call, None, None, 100.0, (client,))]
        while due and len(self._hops) < MOST_HOPS:
            # A chain may be longer than Python's stack.
            due += reversed(list(self._follow(due.pop())))
        return Request(client, tuple(self._hops), tuple(self._breaks), "", (), cut=bool(due))

    def _follow(self, due: _Due) -> Iterator[_Due]:
        """Notes what one call does; gives the calls that follow from it."""
        call, came, index = due.call, due.came, len(self._hops)
        branch = round(due.branch * call.percent / 100, 8)
        sent, app = self._sent(due.caller, call, came, branch)
        side = Side(self._lab, due.caller, call, seen_by(self._lab, self._answers, due.caller, call) or (200,))
        carried, client, out = self._through(self._proxies.get(due.caller), sent, side, CLIENT, branch)
        hop = Hop(
            due.caller, call.to, due.path, due.above, call.method, url(self._lab, call), branch, side.statuses,
            texts(sent), texts(carried), {}, app, client, None, None, (out,) if out else (),
        )  # fmt: skip
        self._hops.append(hop)
        if not side.reached:
            # Headers are written when a request is sent on, and this one is not.
            self._hops[index] = hop._replace(carried={}, reached=False)
            self._note_break(index, came, client)
            return
        received, server, inward = self._through(self._proxies.get(call.to), carried, side, SERVER, branch)
        here = self._arrived(call.to, received, branch, due.caller, server or client, came)
        self._hops[index] = hop._replace(
            received=texts(received),
            server=server,
            answering=here[1],
            lines=tuple(line for line in (out, inward) if line),
        )
        self._note_break(index, came, client or server)
        for path, inner in self._lab.calls_of(call.to) if call.to not in due.way else ():
            if inner.to in self._lab.spec.services and inner.percent:
                yield _Due(call.to, path, inner, here[0], index, branch, (*due.way, call.to))

    def _through(
        self, proxy: Proxy | None, headers: Headers, side: Side, kind: str, branch: float
    ) -> tuple[Headers, Span | None, Line | None]:
        """What a sidecar, if there is one, makes of a request: headers, span and log line."""
        if proxy is None:
            return headers, None, None
        passage = passed(proxy, headers, self._ids, self._lab.spec.istio.version)
        is_client = kind == CLIENT
        span = self._span(proxy, passage.made, side, kind, branch) if passage.made else None
        # Headers are written when the request is sent on; a sidecar that answers itself logs what it got.
        seen = (
            passage.headers
            if side.reached or not is_client
            else {**headers, "x-request-id": passage.headers["x-request-id"]}
        )
        line = line_of(proxy, side, OUTBOUND if is_client else INBOUND, texts(seen), passage.made)
        return passage.headers, span, line

    def _span(self, proxy: Proxy, made: Made, side: Side, kind: str, branch: float) -> Span:
        own, peer = (side.caller, side.call.to) if kind == CLIENT else (side.call.to, side.caller)
        return Span(
            own, proxy.service_name, SIDECAR, kind, peer, operation(self._lab, side.call.to),
            made.trace_id, made.span_id, made.parent_id, made.chance, made.decides, True, branch, side.statuses,
            tags(proxy, side, kind),
        )  # fmt: skip

    def _sent(self, caller: str, call: Call, came: _Came | None, branch: float) -> tuple[Headers, Span | None]:
        """The headers of a call as the app sends them, and the span of its own tracer."""
        service = self._lab.spec.services[caller]
        headers = self._forwarded(caller, service, came)
        tracer = service.own_tracer()
        if tracer is None:
            return headers, None
        form = self._format(tracer)
        if came is None or came.context is None:
            written, made = self._started(form, tracer)
        else:
            made = Made(came.context.trace_id, self._ids.span(), came.context.span_id, came.chance, decides=False)
            written = form.write(came.context._replace(span_id=made.span_id, parent_id=made.parent_id))
        headers = {**headers, **{name: Header(text, made.chance) for name, text in written.items()}}
        return headers, self._app_span(caller, tracer, made, CLIENT, call.to, branch, self._answers[call.to])

    def _started(self, form: Format, tracer: AppTracer) -> tuple[dict[str, str], Made]:
        start = tracer.start
        invented = (FIXED_TRACE, FIXED_SPAN) if start.fixed else (self._ids.trace(), self._ids.span())
        written = started(form, start, *invented)
        context = form.read(written).context
        assert context is not None  # noqa: S101  # it was written by the same format
        chance = NEVER if start.sampled is False else ALWAYS
        # Sidecars decide where no decision that they read goes with the trace.
        return written, Made(context.trace_id, context.span_id, "", chance, context.sampled is not None)

    def _forwarded(self, caller: str, service: Service, came: _Came | None) -> Headers:
        if came is None:
            return {}
        forwarding = service.forwarding()
        if not forwarding.is_known:
            self.unknown[caller] = None
            return came.headers if self._forwards else {}
        return {
            name: header
            for name, header in came.headers.items()
            if any(fnmatchcase(name, pattern) for pattern in forwarding.patterns)
        }

    def _arrived(  # noqa: PLR0913, PLR0917  # all of it changes from call to call
        self, name: str, headers: Headers, branch: float, caller: str, last: Span | None, came: _Came | None
    ) -> tuple[_Came, Span | None]:
        """The request at the callee's app, and the span of its own tracer."""
        trace = last.trace_id if last else came.trace if came else ""
        tracer = self._lab.spec.services[name].own_tracer()
        if tracer is None:
            return _Came(headers, None, ALWAYS, trace), None
        form = self._format(tracer)
        context = form.read(texts(headers)).context
        if context is None:
            written, made = self._started(form, tracer)
            context = form.read(written).context
        else:
            made = self._continued(form, tracer, context, headers)
            sampled = tracer.start.sampled if context.sampled is None else context.sampled
            context = context._replace(span_id=made.span_id, parent_id=made.parent_id, sampled=sampled)
        span = self._app_span(name, tracer, made, SERVER, caller, branch, self._answers[name])
        return _Came(headers, context, made.chance, trace), span

    def _continued(self, form: Format, tracer: AppTracer, context: Context, headers: Headers) -> Made:
        """The app's span in the trace that it got; where no decision came with it, the app decides."""
        if context.sampled is None:
            chance = NEVER if tracer.start.sampled is False else ALWAYS
        else:
            carrier = form.read(texts(headers)).carrier
            chance = headers[carrier].chance if context.sampled else NEVER
        return Made(context.trace_id, self._ids.span(), context.span_id, chance, context.sampled is None)

    def _app_span(  # noqa: PLR0913, PLR0917  # a span has so many parts
        self, service: str, tracer: AppTracer, made: Made, kind: str, peer: str, branch: float, answers: tuple[int, ...]
    ) -> Span:
        return Span(
            service, service, APP, kind, peer, "", made.trace_id, made.span_id, made.parent_id, made.chance, made.decides,
            tracer.export != "none", branch, answers, (),
        )  # fmt: skip

    def _format(self, tracer: AppTracer) -> Format:
        return FORMATS.get(tracer.format or "", self._lab.format())

    def _note_break(self, index: int, came: _Came | None, span: Span | None) -> None:
        found = break_at(self._lab, self._hops[index], index, came.trace if came else "", span)
        if found is not None:
            self._breaks.append(found)
