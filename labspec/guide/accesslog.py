"""What the access log of this lab looks like, and what its ids prove."""

from collections.abc import Iterator

from labspec.guide._facts import Call, calls, operators_of, shown
from labspec.guide._markdown import block, bullets, code, page, prose
from labspec.guide._sample import UNKNOWN, line
from labspec.guide.request import starting
from labspec.plan import Plan


def section(plan: Plan) -> str:
    """The chapter on the access log."""
    if plan.log.text is None:
        return page(
            [
                "## What the access log looks like",
                prose("There is none: this lab writes no access log (`logs: {format: none}`)."),
            ]
        )
    samples = list(_samples(plan))
    lead = "The sidecars, not the apps, write one line for each request, each in this format of Envoy:"
    return page(
        [
            "## What the access log looks like",
            lead,
            block(plan.log.text, "text"),
            *_examples(plan, samples),
        ]
    )


def _samples(plan: Plan) -> Iterator[Call]:
    """One call for each way in which a trace starts."""
    found = list(calls(plan))
    for clients in starting(plan).values():
        members = {client.name for client in clients}
        own = [call for call in found if call.caller.name in members]
        if own:
            yield next((call for call in own if call.is_answered), own[0])


def _examples(plan: Plan, samples: list[Call]) -> Iterator[str]:
    texts: list[str] = []
    for call in samples:
        request = code(f"{call.target.method} {call.target.url}")
        asked = f"{code(call.caller.name)} calls {code(call.callee.name)} ({request})"
        lead = prose(
            f"{asked}. The line of the caller's sidecar, outbound (an example: ids, times and addresses are invented):"
        )
        texts.append(line(plan, call, inbound=False))
        yield page([lead, block(texts[-1], "text")])
        if call.is_answered:
            texts.append(line(plan, call, inbound=True))
            yield page(
                [
                    prose(f"The line of {code(call.callee.name)}'s sidecar, inbound, for the same request:"),
                    block(texts[-1], "text"),
                ]
            )
    if samples:
        open_end = (
            [f"`{UNKNOWN}` stands for what only the cluster can tell."]
            if any(UNKNOWN in text for text in texts)
            else []
        )
        answered = any(call.is_answered for call in samples)
        yield bullets([*_meaning(plan, answered=answered), *open_end])
        yield from _dashes(plan, answered=answered)


def _meaning(plan: Plan, *, answered: bool) -> Iterator[str]:
    ids = shown(plan)
    if plan.collector is None:
        if (ids.trace or ids.span) and any(client.starts for client in plan.clients):
            yield "A trace id in this log stands for no trace: no sidecar has a tracer, so it is the one that the client sent."
        return
    title = plan.collector.ui.title
    if ids.trace and answered:
        yield "Both lines of one request show the same trace id."
    if ids.span and answered:
        yield _span_ids(plan)
    if ids.trace:
        yield (
            "A trace id in a log proves no trace: requests that are not sampled have one too. "
            f"Only {title} knows whether the trace is there."
        )
    elif ids.request:
        yield (
            "The lines show no trace id. The way to the trace is the request id: every span has it as the tag "
            f"`guid:x-request-id`, which {title} can search."
        )
    else:
        yield (
            "The lines show no trace id and no request id, so nothing leads from a line to its trace; "
            f"search in {title} by service and time."
        )
    for name in dict.fromkeys(operator.name for operator in operators_of(plan)):
        if name in plan.propagation.silent:
            yield f"{code(f'%{name}%')} is `-` on every line: {plan.propagation.silent[name]}."


def _span_ids(plan: Plan) -> str:
    own = ", and none is the one that the app sent" if any(client.starts for client in plan.clients) else ""
    return (
        f"The span ids differ: each line shows the sidecar's own span{own}. "
        "Equal ids on both sides would mean that no tracer is active."
    )


def _dashes(plan: Plan, *, answered: bool) -> Iterator[str]:
    ids = shown(plan)
    if not plan.clients or not (ids.trace or ids.span):
        return
    yield "### When an id is `-`"
    if plan.collector is None:
        yield prose(_without_tracer(plan))
        return
    yield prose(
        "Not for the requests of this lab that reach their service. It is right in these lines:"
        if answered
        else "It is right in these lines:"
    )
    bare = any(client.starts is None for client in plan.clients)
    then = (
        "The id is then `-`, or the one that the client sent."
        if bare
        else "The id is then the one that the client sent."
    )
    local = (
        "Requests that a sidecar answers itself, because it knows no route or no ready pod (503 `UH`): "
        f"it writes trace headers only when it sends a request on. {then}"
    )
    yield bullets(["Connections that are not read as HTTP: TCP, or traffic that is only passed through.", local])
    if bare and answered:
        yield prose('`-` on every line means that the sidecar has no tracer: see "No trace at all" below.')


def _without_tracer(plan: Plan) -> str:
    without = [client for client in plan.clients if client.starts is None]
    if len(without) == len(plan.clients):
        return "On every line of this lab: no sidecar has a tracer and no client sends ids. That is right here."
    if without:
        return "For requests of clients that send no ids themselves. That is right here: no sidecar has a tracer."
    return "Not for the requests of this lab: each client sends ids itself, and the sidecars pass them on."
