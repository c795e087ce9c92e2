"""What one request of the lab looks like: its headers, its spans, and who decides that it is traced.

These functions say what the Plan makes certain; an engine that walks the path of a request can take their place.
"""

import math
from collections.abc import Iterator, Sequence

from labspec.finding import listed
from labspec.guide._facts import Call, calls, headers_in, is_random, number, operation
from labspec.guide._markdown import block, bullets, cell, code, page, prose, table
from labspec.guide._sample import APP_SPAN, app_trace
from labspec.plan import Plan, Workload
from labspec.propagation._base import Start

_MOST = 50
"""Requests that the table lists."""

_MOST_ROUNDS = 9999
"""What scripts/traffic.sh takes."""

_NAMED = 6
"""Services that a sentence names."""


def section(plan: Plan) -> str:
    """The chapter on one request; the access log has a chapter of its own."""
    found = list(calls(plan))
    if not found:
        return page(
            ["## What one request looks like", "No service calls another: there is no request, no span and no trace."]
        )
    if not plan.clients:
        idle = prose("No client has a pod (`replicas: 0`), so nobody sends them.")
        return page(["## What one request looks like", _requests(plan, found), idle])
    return page(
        [
            "## What one request looks like",
            _requests(plan, found),
            *_starts(plan),
            _spans(plan, found),
            *_sampling(plan),
            _forwarding(plan, found),
            _invalid_parent(plan),
        ]
    )


def headers(plan: Plan, start: Start) -> str:
    """The headers that an application's own tracer sends, with invented ids."""
    return "\n".join(
        header.replace("$trace_id", app_trace(start)).replace("$span_id", APP_SPAN)
        for header in plan.propagation.start(start).headers
    )


def names(workloads: Sequence[Workload]) -> str:
    """Their names as code: `a`, `b` and `c`; the first few of many."""
    shown = [code(workload.name) for workload in workloads[:_NAMED]]
    left = len(workloads) - len(shown)
    return listed([*shown, f"{left} more"] if left else shown)


def starting(plan: Plan) -> dict[Start | None, list[Workload]]:
    """The clients by the way in which the traces of their requests start."""
    found: dict[Start | None, list[Workload]] = {}
    for client in plan.clients:
        found.setdefault(client.starts, []).append(client)
    return found


def _requests(plan: Plan, found: list[Call]) -> str:
    title = "Name of its spans" if plan.collector else "Goes to"
    rows = [
        [
            cell(call.caller.name),
            cell(f"{call.target.method} {call.target.url}"),
            cell(operation(plan, call)) if plan.collector else cell(f"{operation(plan, call).removesuffix('/*')}"),
        ]
        for call in found[:_MOST]
    ]
    more = f"And {len(found) - _MOST} more, which base/ shows." if len(found) > _MOST else ""
    return page(
        [
            prose(
                "Each item of a service's `calls` is a request, and a trace, of its own."
                if plan.collector
                else "Each item of a service's `calls` is a request of its own."
            ),
            table(["Client", "Request", title], rows),
            more,
        ]
    )


def _starts(plan: Plan) -> Iterator[str]:
    yield "### Who starts the trace" if plan.collector else "### No tracer"
    if plan.collector is None:
        yield prose(
            "This lab has no collector, so no sidecar has a tracer: the sidecars make no span and write no trace header."
        )
    for start, clients in starting(plan).items():
        if start is not None:
            yield from _started_by_app(plan, start, clients)
        elif plan.collector is not None:
            yield prose(
                f"{names(clients)} {'sends' if len(clients) == 1 else 'send'} no trace header. The sidecar beside the client starts the trace: "
                "it invents a trace id of 128 bits (32 hex digits) and a span id, and writes them into the request. "
                "Some texts say that Envoy traces only requests that already carry trace headers; that is not so."
            )


def _started_by_app(plan: Plan, start: Start, clients: list[Workload]) -> Iterator[str]:
    verb, it = ("sends", "it") if len(clients) == 1 else ("send", "they")
    yield prose(
        f"{names(clients)} {verb} trace headers as an app with a tracer of its own does. For each request {it} "
        f"invent{'s' if it == 'it' else ''} a trace id of {start.bits} bits ({start.bits // 4} hex digits) and a span id, "
        f"and {'says' if it == 'it' else 'say'} that the trace {'is' if start.sampled else 'is not'} sampled (invented ids, as an example):"
    )
    yield block(headers(plan, start), "text")
    if plan.collector is None:
        yield prose("The sidecars hand these headers on untouched. They look healthy, and no trace stands behind them.")
    else:
        yield prose(
            "The sidecar takes part in this trace: it keeps the trace id and its width, and puts a span id of its own into the request."
        )
        yield prose(
            "New ids for each request matter: with constant ones all requests would end up in one endless trace."
        )


def _spans(plan: Plan, found: list[Call]) -> str:
    sent = [call for call in found if call.caller.replicas]
    if plan.collector is None or not sent:
        return ""
    title = plan.collector.ui.title
    call = next((call for call in sent if call.is_answered), sent[0])
    can_be = any(call.caller.starts is None or call.caller.starts.sampled for call in sent)
    parent = "none: it is the root" if call.caller.starts is None else "the app's span, which nobody reports"
    rows = [["CLIENT", f"the sidecar of {cell(call.caller.name)}", cell(call.caller.service_name), parent]]
    if call.is_answered:
        server = f"the sidecar of {cell(call.callee.name)}"
        rows.append(["SERVER", server, cell(call.callee.service_name), "the CLIENT span"])
    lead = (
        f"{'' if can_be else 'In this lab no request is sampled, so there are none. '}A sampled request leaves "
        f"{'two spans' if len(rows) == 2 else 'one span'} in one trace. The sidecars report them, not the apps. "
        f"For a request of {code(call.caller.name)} to {code(call.callee.name)}:"
    )
    name = f"The spans are named after the route in the caller's sidecar: {code(operation(plan, call))}."
    parts = [prose(lead), table(["Span", "Made by", f"Service in {title}", "Parent"], rows), prose(name)]
    return page(["### Which spans it leaves", *parts, _without_pod(sent)])


def _without_pod(sent: list[Call]) -> str:
    idle = sorted({call.callee.name for call in sent if not call.is_answered})
    if not idle:
        return ""
    return prose(
        f"{listed(code(name) for name in idle)} {'has' if len(idle) == 1 else 'have'} no pod (`replicas: 0`): "
        "a request there ends in a 503 of the caller's own sidecar, with the CLIENT span alone."
    )


def _sampling(plan: Plan) -> Iterator[str]:
    if plan.collector is None or not plan.clients:
        return
    header = next(iter(headers_in(plan, "sampled")), plan.propagation.headers[0])
    yield "### Which requests are sampled"
    for start, clients in starting(plan).items():
        of = f"the requests of {names(clients)}"
        if start is None and plan.percent >= 100:
            yield prose(f"All {of}: the sampling of this lab is 100 %. The sidecar of the client decides.")
        elif start is None:
            yield prose(
                f"{number(plan.percent)} % of {of}, by chance. The sidecar of the client decides for the whole trace."
            )
        elif start.sampled:
            lower = (
                f", although the sampling of this lab is {number(plan.percent)} %"
                if plan.percent < 100
                else ", whatever the sampling of the mesh says"
            )
            yield prose(f"All {of}{lower}: the app says {code(f'{header}: 1')}, and every sidecar obeys.")
        else:
            yield prose(
                f"None of {of}, whatever the sampling of the mesh says: the app says {code(f'{header}: 0')}, and every sidecar obeys."
            )
    yield prose(
        f"The decision travels with the request, in {code(header)}, so that a trace is whole or not there. Requests that are not sampled carry ids too, but nobody reports their spans."
    )
    if is_random(plan):
        yield _chance(plan)


def _chance(plan: Plan) -> str:
    share = plan.percent / 100
    lead = "So a missing trace is no fault by itself"
    none_of_twenty = 100 * (1 - share) ** 20
    if none_of_twenty < 1:
        return prose(f"{lead}: about {number(round(100 - plan.percent, 2))} of 100 requests leave none.")
    often = f"in {none_of_twenty:.0f} of 100 cases" if none_of_twenty < 99 else "nearly always"
    enough = math.ceil(math.log(0.05) / math.log(1 - share))
    rounds = math.ceil(enough / min(len(client.targets) for client in plan.clients if client.starts is None))
    command = f" To send so many: `./scripts/traffic.sh base {rounds}`." if rounds <= _MOST_ROUNDS else ""
    return prose(
        f"{lead}: among 20 requests there is {often} no trace at all. "
        f"Of {enough} requests at least one has a trace, in 95 of 100 cases.{command}"
    )


def _forwarding(plan: Plan, found: list[Call]) -> str:
    if plan.collector is None:
        return ""
    callees = list({call.callee.name: call.callee for call in found}.values())
    if any(callee.targets for callee in callees):
        return ""
    who = f"{names(callees)} {'calls' if len(callees) == 1 else 'call'} nobody"
    forward = listed(code(header) for header in plan.propagation.forward)
    return page(
        [
            "### Who has to forward headers",
            prose(
                f"Nobody in this lab. {who}, so there is no next request that would need the headers. A service in the middle has to copy them from the request that it gets to those that it sends, or the trace breaks there: {forward}."
            ),
        ]
    )


def _invalid_parent(plan: Plan) -> str:
    clients = [client for client in plan.clients if client.starts and client.starts.sampled]
    if plan.collector is None or not clients:
        return ""
    return page(
        [
            "### The warning about an invalid parent",
            prose(
                f"{plan.collector.ui.title} marks the first span of each trace of {names(clients)} with a warning: {code(plan.collector.ui.orphan_warning)}. It is expected here."
            ),
            bullets(
                [
                    "The app sends the id of a span of its own, and the sidecar's span names it as its parent.",
                    "Nobody reports the app's span: a tracer library in the app would. So the trace has a parent that was never seen.",
                ]
            ),
        ]
    )
