"""What holds for the traces of all requests: who starts them, who samples them, who hands their headers on."""

import math
from collections.abc import Iterator

from labspec.guide import handing, origins
from labspec.guide._facts import cases, hops, is_random, named, number, share, view
from labspec.guide._markdown import code, prose
from labspec.guide._onthewire import said
from labspec.meaning import cut_off
from labspec.plan import Plan
from labspec.predict.values import APP, SIDECAR, Request, Span, whole
from labspec.propagation._base import OPENTELEMETRY

_BOTH_WANT = "1.31"
"""From this Istio on a sidecar of the opentelemetry tracer reports only what its own sampling takes too."""

_MOST_ROUNDS = 9999
"""What scripts/traffic.sh takes."""


def sections(plan: Plan) -> Iterator[str]:
    """What holds for all requests."""
    yield from origins.starts(plan)
    if plan.collector is not None:
        yield from _sampling(plan)
        yield handing.forwarding(plan)
        yield handing.invalid_parent(plan)


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
    """A sentence for each trace; a NUL stands for the clients. `own` have a sampling of their own."""
    spans = view(request).spans
    seen: dict[str, Span] = {}
    for span in spans:
        if span.maker != APP or span.reported:
            seen.setdefault(whole(span.trace_id), span)
    shared = {whole(span.trace_id) for span in spans if span.maker != APP}
    told: list[Span] = []
    for trace, first in seen.items():
        decider = next((span for span in spans if whole(span.trace_id) == trace and span.decides), first)
        if trace not in shared:
            yield f"No sidecar takes part in the trace of {code(first.service)}'s app in the requests of \0: that app alone decides on it."
            continue
        told.append(first)
        if len(told) > 1:
            if not (decider.maker != APP and first.chance.percent >= 100):
                yield _again(request, decider, first, told[0])
        elif decider.maker == APP:
            yield _by_app(plan, request, decider, first)
        else:
            starter = next(span for span in spans if whole(span.trace_id) == trace)
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
    part = {"traceparent": "the last two digits of ", "b3": "the third part of "}.get(header, "")
    where = f"{part}{code(header)}"
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
