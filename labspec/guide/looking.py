"""The two steps that look at what the requests left: the access log and the collector's page."""

from collections.abc import Iterator

from labspec.guide._facts import Call, calls, is_random, number, shown
from labspec.guide._markdown import code
from labspec.guide._sample import APP_SPAN, TRACE, app_trace, ids
from labspec.guide._step import Step
from labspec.plan import Plan, Workload

_SHOWN = 5
"""Services that an example lists."""

_ADVICE = "To see it, put traceID=${trace_id} spanID=${span_id} into logs.format."


def logs(plan: Plan) -> Step | None:
    """The step of scripts/logs.sh; None where there is no log."""
    if plan.log.text is None or not any(workload.replicas for workload in plan.workloads):
        return None
    call = _call(plan)
    running = [workload for workload in plan.workloads if workload.replicas]
    pods = [call.caller, call.callee] if call else running[:1]
    followed = call is not None and plan.collector is not None and _is_followed(plan)
    title = plan.collector.ui.title if plan.collector else ""
    return Step(
        title="Read the access log" + (" and find the trace" if followed else ""),
        command="./scripts/logs.sh",
        does="Shows the newest lines of every sidecar."
        + (f" Then it follows a request of each client to {title}." if followed else ""),
        output="\n".join(_logs_output(plan, call)),
        remarks=tuple(_logs_remarks(plan)),
        by_hand="\n".join(
            f"kubectl -n {pod.namespace} logs deploy/{pod.name} -c istio-proxy --tail=20" for pod in pods
        ),
    )


def page_step(plan: Plan) -> Step | None:
    """The step of scripts/ui.sh; None where there is no page."""
    if plan.collector is None:
        return None
    ui = plan.collector.ui
    services = _services(plan)
    return Step(
        title=f"Look at the traces in {ui.title}",
        command="./scripts/ui.sh",
        does=f"Checks that {ui.title} knows the lab's services, then makes its page reachable from this machine, for 10 minutes or until you press Ctrl-C. "
        f"Another port: `UI_PORT={ui.local_port + 1} ./scripts/ui.sh`. Only the checks: `./scripts/ui.sh --check`.",
        output="\n".join(
            [
                f"{ui.title} answers.",
                f"It has spans of: {' '.join(services[:_SHOWN])}{' ...' if len(services) > _SHOWN else ''}"
                if services
                else "It gets no spans: nothing in this lab is sampled.",
                f"Open http://localhost:{ui.local_port}{ui.page}",
                "It is there for 600 seconds, or until you press Ctrl-C.",
            ]
        ),
        remarks=tuple(_page_remarks(plan, services)),
        by_hand=f"kubectl -n {plan.collector.namespace} port-forward svc/{ui.service} {ui.local_port}:{ui.port}\n"
        f"# then open http://localhost:{ui.local_port}{ui.page}",
    )


def _call(plan: Plan) -> Call | None:
    """The call that serves as an example: the first of a client with a pod to one with a pod."""
    return next((call for call in calls(plan) if call.caller.replicas and call.is_answered), None)


def _is_followed(plan: Plan) -> bool:
    """Whether scripts/logs.sh asks the collector for ids: those in the log, or those that an app says it sent."""
    return shown(plan).trace or any(client.starts for client in plan.clients)


def _tells(client: Workload) -> bool:
    """Whether the log of its app tells the ids that it sent: that of a loop does."""
    return client.starts is not None and client.pause is not None


def _logs_output(plan: Plan, call: Call | None) -> Iterator[str]:
    for workload in [workload for workload in plan.workloads if workload.replicas][:_SHOWN]:
        yield f"{workload.name}, sidecar:"
        yield "..."
    if call is None or plan.collector is None:
        return
    yield ""
    if not _is_followed(plan):
        yield f"The log format has no trace id. {_ADVICE}"
        return
    client = call.caller
    yield f"A request of {client.name}:"
    if shown(plan).trace:
        yield f"1. More than one sidecar logged the trace id {ids(plan, call, inbound=False).trace}."
        yield from _span_lines(plan, call)
        yield _verdict(plan, client)
        return
    yield "1. The log format has no trace id."
    if client.starts and _tells(client):
        yield f"2. The newest that its app sent: {app_trace(client.starts)}"
        yield _verdict(plan, client)
    else:
        yield f"   {_ADVICE}"


def _span_lines(plan: Plan, call: Call) -> Iterator[str]:
    if not shown(plan).span:
        yield "2. The log format has no span id: whether the sidecars make spans of their own does not show here."
        return
    yield "2. The span ids in it:"
    if _tells(call.caller):
        yield f"   {APP_SPAN} sent by {call.caller.name}'s app"
    for inbound, side in sorted([(False, call.caller.name), (True, call.callee.name)], key=lambda row: row[1]):
        yield f"   {ids(plan, call, inbound=inbound).span} logged by {side}'s sidecar"
    yield "   All differ: each sidecar made a span of its own."


def _verdict(plan: Plan, client: Workload) -> str:
    title = plan.collector.ui.title if plan.collector else ""
    percent = plan.share(client)
    if percent == 0:
        return f"3. {title} has no trace of these ids (10 asked for). Right: nothing of {client.name} is sampled."
    if percent < 100:
        trace = app_trace(client.starts) if client.starts else TRACE
        return f"3. {title} has the trace {trace} ({number(plan.percent)} % of the requests are sampled). Look at it: .../scripts/ui.sh"
    return f"3. {title} has the trace. Look at it: .../scripts/ui.sh"


def _logs_remarks(plan: Plan) -> Iterator[str]:
    if plan.collector is None:
        yield "Without a collector no tracer is active in the sidecars: no span, no trace."
    elif _call(plan) and shown(plan).trace:
        yield "The same trace id at two sidecars means that the headers arrived. It proves no trace: requests that are not sampled have ids too. So the script asks the collector."
        if is_random(plan):
            yield f"Where {plan.collector.ui.title} has none of the ids, the script says how many requests would be enough."
    elif _call(plan):
        yield "The log format has no trace id. To see it, put `traceID=${trace_id} spanID=${span_id}` into `logs.format` of the spec."
    yield "The log of a sidecar is that of the container `istio-proxy` in the service's pod."


def _page_remarks(plan: Plan, services: list[str]) -> Iterator[str]:
    if not services:
        yield "The page opens, and there is no trace of this lab in it. That is right here."
        return
    yield f"Choose the service {code(services[0])} and search: each trace of this lab is one request."
    if is_random(plan) and all(plan.share(client) < 100 for client in plan.clients):
        yield f"Only {number(plan.percent)} % of the requests are sampled. While none is, the script says which services have no spans yet."


def _services(plan: Plan) -> list[str]:
    """Those on the way of requests that are sampled for certain; else of those that may be."""
    shares = {client.name: plan.share(client) for client in plan.clients}
    wanted = {name for name, percent in shares.items() if percent == 100} or {
        name for name, percent in shares.items() if percent
    }
    found = {
        name for call in calls(plan) if call.caller.name in wanted for name in (call.caller.name, call.callee.name)
    }
    return [workload.service_name for workload in plan.workloads if workload.name in found and workload.replicas]
