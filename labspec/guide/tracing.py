"""Who starts the traces of a lab, and who samples them."""

import math
from collections.abc import Iterator

from labspec.finding import listed
from labspec.guide import handing
from labspec.guide._facts import cases, hops, is_random, named, names, number, share, starters, view
from labspec.guide._markdown import block, code, prose
from labspec.guide._onthewire import said
from labspec.meaning import cut_off
from labspec.plan import Plan, Workload
from labspec.predict.values import APP, SIDECAR, Request, Span
from labspec.propagation._base import OPENTELEMETRY, Start

_BOTH_WANT = "1.31"
"""From this Istio on a sidecar of the opentelemetry tracer reports only what its own sampling takes too."""

_MOST_ROUNDS = 9999
"""What scripts/traffic.sh takes."""


def sections(plan: Plan) -> Iterator[str]:
    """What holds for all requests."""
    yield from _starts(plan)
    if plan.collector is not None:
        yield from _sampling(plan)
        yield handing.forwarding(plan)
        yield handing.invalid_parent(plan)


def _starts(plan: Plan) -> Iterator[str]:
    yield "### Who starts the trace" if plan.collector else "### No tracer"
    if plan.collector is None:
        yield prose(
            "This lab has no collector, so no sidecar has a tracer: the sidecars make no span and write no trace header."
        )
    for start, clients in starters(plan).items():
        if start is not None:
            yield from _started_by_app(plan, start, clients)
        elif plan.collector is not None:
            yield from _started_by_sidecar(plan, clients)


def _started_by_sidecar(plan: Plan, clients: list[Workload]) -> Iterator[str]:
    inside = [client for client in clients if client.sidecar]
    bare = [client for client in clients if not client.sidecar]
    written = listed(code(header) for header in _written(plan, inside))
    if inside:
        yield prose(
            f"{names(inside)} {'sends' if len(inside) == 1 else 'send'} no trace header. The sidecar beside the client starts the trace: "
            f"it invents a trace id of 128 bits (32 hex digits) and a span id, and writes them into the request ({written}). "
            "Some texts say that Envoy traces only requests that already carry trace headers; that is not so."
        )
    if bare:
        yield prose(
            f"{names(bare)} {'has no sidecar and sends' if len(bare) == 1 else 'have no sidecar and send'} no trace header: the first sidecar on the way starts the trace, with a SERVER span."
        )


def _written(plan: Plan, clients: list[Workload]) -> list[str]:
    """The headers in which the sidecars of these clients write the ids of a new trace."""
    wanted = {client.name for client in clients}
    first = next((request.hops[0] for request in plan.prediction.requests if request.client in wanted), None)
    if first is None or first.client is None or not first.received:
        return list(plan.propagation.needed)
    ids = (first.client.trace_id, first.client.span_id)
    return [name for name, value in first.carried.items() if any(part in value for part in ids)]


def _started_by_app(plan: Plan, start: Start, clients: list[Workload]) -> Iterator[str]:
    one = len(clients) == 1
    says = {
        "true": "that the trace is sampled",
        "false": "that the trace is not sampled",
        "debug": "that the trace is to be sampled past every rate (debug)",
        "defer": "nothing of the decision: it leaves that to the first sidecar",
    }
    ids = "always the same trace id" if start.fixed else "for each request a new trace id"
    spoken = clients[0].speaks
    yield prose(
        f"{names(clients)} {'sends' if one else 'send'} trace headers as an app with a tracer of its own does: {ids} "
        f"of {start.bits} bits ({start.bits // 4} hex digits) and a span id, in the format {code(spoken.name)}. "
        f"It says {says[start.flag]}:"
    )
    yield block(_example(plan, clients), "text")
    if plan.collector is None:
        yield prose("The sidecars hand these headers on untouched. They look healthy, and no trace stands behind them.")
        return
    yield prose(_taken(plan, clients))
    if not _is_heard(plan, clients):
        return
    if start.fixed:
        yield prose(
            "With constant ids all requests end up in one endless trace. Here that is so on purpose (`ids: fixed`)."
        )
    else:
        yield prose(
            "New ids for each request matter: with constant ones all requests would end up in one endless trace."
        )


def _example(plan: Plan, clients: list[Workload]) -> str:
    wanted = {client.name for client in clients}
    sent = next(request.hops[0].sent for request in plan.prediction.requests if request.client in wanted)
    return "\n".join(f"{name}: {value}" for name, value in sent.items())


def _is_heard(plan: Plan, clients: list[Workload]) -> bool:
    """Whether sidecars look at the headers that these apps send."""
    return any(not set(client.speaks.needed).isdisjoint(plan.propagation.headers) for client in clients)


def _taken(plan: Plan, clients: list[Workload]) -> str:
    """What the first sidecar makes of the app's headers."""
    wanted = {client.name for client in clients}
    request = next(request for request in plan.prediction.requests if request.client in wanted)
    app = request.hops[0].app
    made = next((span for hop in request.hops for span in (hop.client, hop.server) if span), None)
    if made is None:
        return "No sidecar is on the way, so nobody makes a span of it."
    if app is not None and made.trace_id.endswith(app.trace_id):
        return "The first sidecar takes part in this trace: it keeps the trace id and its width, and puts a span id of its own into the request."
    return (
        f"The sidecars speak {code(plan.propagation.name)} and do not look at these headers: the first one starts a trace of its own, "
        "with other ids, and hands the app's headers on beside its own."
    )


def _sampling(plan: Plan) -> Iterator[str]:
    found: dict[str, list[str]] = {}
    own = {workload.name for workload in plan.workloads if workload.sampling is not None}
    for case in cases(plan):
        for way in case.ways:
            for sentence in _decisions(plan, way, own):
                clients = found.setdefault(sentence, [])
                if case.start not in clients:
                    clients.append(case.start)
    if not found:
        return
    yield "### Which requests are sampled"
    for sentence, clients in found.items():
        yield prose(sentence.replace("\0", named(clients)))
    yield prose(_carried(plan))
    if is_random(plan):
        yield _chance(plan)


def _decisions(plan: Plan, request: Request, own: set[str]) -> Iterator[str]:
    """A sentence for each trace that sidecars take part in; a NUL stands for the clients. `own` have a sampling of their own."""
    spans = view(request).spans
    seen: dict[str, Span] = {}
    for span in spans:
        if span.maker != APP or span.reported:
            seen.setdefault(span.trace_id, span)
    for place, (trace, first) in enumerate(seen.items()):
        decider = next((span for span in spans if span.trace_id == trace and span.decides), first)
        if place:
            if not (decider.maker != APP and first.chance.percent >= 100):
                yield _again(request, decider, first, next(iter(seen.values())))
        elif decider.maker == APP:
            yield _by_app(plan, request, decider, first)
        else:
            starter = next(span for span in spans if span.trace_id == trace)
            yield _unread(plan, starter) + _by_sidecar(own, request, decider)


def _unread(plan: Plan, starter: Span) -> str:
    """What an app says of sampling that no sidecar reads."""
    workload = next(workload for workload in plan.workloads if workload.name == starter.service)
    if starter.maker != APP or workload.starts is None or workload.starts.flag != "debug":
        return ""
    return (
        f"The app of {code(starter.service)} says {said(workload, 'debug')}, which Envoy hands on and does not read. "
    )


def _by_sidecar(own: set[str], request: Request, decider: Span) -> str:
    percent = decider.chance.percent
    whose = f"the sampling of {code(decider.service)}" if decider.service in own else "the sampling of this lab"
    who = (
        "The sidecar of the client decides"
        if decider.service == request.client
        else f"The sidecar of {code(decider.service)}, the first on the way, decides"
    )
    if percent >= 100:
        return f"All the requests of \0: {whose} is 100 %. {who}."
    if percent <= 0:
        return f"None of the requests of \0: {whose} is 0 %. {who}."
    cut = _cut(request)
    return f"{number(percent)} % of the requests of \0, by chance: that is {whose}. {who}{'' if cut else ' for the whole trace'}{cut}."


def _cut(request: Request) -> str:
    """Where a trace ends half-way, and how often it goes on."""
    found = next(iter(cut_off(request).items()), None)
    if found is None:
        return ""
    name, (_, beyond) = found
    return (
        f". Behind {code(name)}, which does not hand on `x-request-id`, the sidecars draw again, "
        f"so only {number(beyond)} % of the requests have a trace beyond it"
    )


def _by_app(plan: Plan, request: Request, decider: Span, first: Span) -> str:
    workload = next(workload for workload in plan.workloads if workload.name == decider.service)
    flag = workload.starts.flag if workload.starts else "true"
    word = said(workload, flag)
    if flag == "false":
        return f"None of the requests of \0, whatever the sampling of the mesh says: the app says {word}, and every sidecar obeys."
    percent = first.chance.percent
    if percent < 100:
        return (
            f"{number(percent)} % of the requests of \0: the app says {word}, but from Istio 1.31 on a sidecar that speaks W3C reports "
            f"only what its own sampling takes as well{_cut(request)}."
        )
    if plan.propagation.tracer == OPENTELEMETRY and plan.istio_version >= _BOTH_WANT:
        return (
            f"All the requests of \0: the app says {word}, and the sampling of the first sidecar takes all. From Istio 1.31 on "
            f"a sidecar that speaks W3C reports only what both want{_cut(request)}."
        )
    lower = (
        f", although the sampling of this lab is {number(plan.percent)} %"
        if plan.percent < 100
        else ", whatever the sampling of the mesh says"
    )
    return f"All the requests of \0{lower}: the app says {word}, and every sidecar obeys."


def _again(request: Request, decider: Span, first: Span, before: Span) -> str:
    joined = len({hop.carried.get("x-request-id") for hop in request.hops if hop.reached}) == 1
    start = f"Behind the break the sidecar of {code(decider.service)} starts another trace for the requests of \0"
    if decider.maker == APP:
        return f"Behind the break the app of {code(decider.service)} decides for the requests of \0."
    if joined and first.chance == before.chance:
        return f"{start}. It goes by `x-request-id`, which arrives: either both traces are sampled or none."
    if joined and first.chance.percent > before.chance.percent:
        return (
            f"{start}, in {number(first.chance.percent)} % of them. `x-request-id` arrives, but it carries only a yes: "
            "the second trace is there whenever the first is, and for other requests too."
        )
    if joined:
        return (
            f"{start}, in {number(first.chance.percent)} % of them: what the app says in its header is not in `x-request-id`, "
            "so that sidecar goes by its own sampling."
        )
    return (
        f"Behind the break the sidecar of {code(decider.service)} decides anew for the requests of \0, {number(first.chance.percent)} %: "
        "often only one of the two traces is there."
    )


def _carried(plan: Plan) -> str:
    carried = (hop.carried for hop in hops(plan.prediction.requests) if hop.client or hop.server)
    header = next(
        (found for each in carried if (found := plan.propagation.read(each).carrier)), plan.propagation.needed[0]
    )
    where = f"the last two digits of {code(header)}" if header == "traceparent" else code(header)
    draws = any(
        span.maker == SIDECAR and span.decides and span.chance.possible
        for hop in hops(plan.prediction.requests)
        for span in hop.spans
    )
    mark = (
        " A sidecar that decides to sample marks `x-request-id` as well: its fifteenth character is then `9`. Only a yes is marked there, not a no."
        if draws
        else ""
    )
    torn = any(cut_off(request) for request in plan.prediction.requests)
    whole = "" if torn else ", so that a trace is whole or not there"
    return (
        f"The decision travels with the request, in {where}{whole}.{mark} "
        "Requests that are not sampled carry ids too, but nobody reports their spans."
    )


def _chance(plan: Plan) -> str:
    random = [request for request in plan.prediction.requests if 0 < share(request) < 100]
    percent = min(share(request) for request in random)
    part = percent / 100
    lead = "So a missing trace is no fault by itself"
    none_of_twenty = 100 * (1 - part) ** 20
    if none_of_twenty < 1:
        return prose(f"{lead}: about {number(100 - percent)} of 100 requests leave none.")
    often = f"in {none_of_twenty:.0f} of 100 cases" if none_of_twenty < 99 else "nearly always"
    enough = math.ceil(math.log(0.05) / math.log(1 - part))
    clients = {request.client for request in random}
    own = [client for client in plan.clients if client.name in clients]
    rounds = math.ceil(enough / min((len(client.targets) for client in own), default=1))
    command = (
        f" To send so many: `./scripts/traffic.sh {plan.variant} {rounds}`." if own and rounds <= _MOST_ROUNDS else ""
    )
    return prose(
        f"{lead}: among 20 requests there is {often} no trace at all. "
        f"Of {enough} requests at least one has a trace, in 95 of 100 cases.{command}"
    )
