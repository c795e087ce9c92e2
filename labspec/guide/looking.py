"""The two steps that look at what the requests left: the access log and the collector's page."""

from collections.abc import Iterator

from labspec.guide._facts import Case, cases, holds, is_random, logged, number, share, shown
from labspec.guide._markdown import code
from labspec.guide._step import Step
from labspec.plan import Plan, Workload
from labspec.predict.values import SIDECAR, Hop, Request

_SHOWN = 5
"""Services that an example lists."""

_ADVICE = "To see it, put traceID=${trace_id} spanID=${span_id} into logs.format."


def logs(plan: Plan) -> Step | None:
    """The step of scripts/logs.sh; None where there is no log."""
    running = _running(plan)
    if not plan.log.encoding or not running:
        return None
    case = _case(plan)
    pods = (
        [workload for workload in running if workload.name in {case.first.caller, case.first.callee}]
        if case
        else running[:1]
    )
    followed = case is not None and plan.collector is not None and _is_followed(plan)
    title = plan.collector.ui.title if plan.collector else ""
    return Step(
        title="Read the access log" + (" and find the trace" if followed else ""),
        command="./scripts/logs.sh",
        does="Shows the newest lines of every sidecar."
        + (f" Then it follows a request of each client to {title}." if followed else ""),
        output="\n".join(_logs_output(plan, case)),
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


def _running(plan: Plan) -> list[Workload]:
    """The services with a pod that has a sidecar."""
    return [workload for workload in plan.workloads if workload.replicas and workload.sidecar]


def _case(plan: Plan) -> Case | None:
    """The request that serves as an example: the first of a client that traffic.sh drives, to a service with a pod."""
    clients = {client.name for client in plan.clients}
    return next((case for case in cases(plan) if case.start in clients and case.first.received), None)


def _is_followed(plan: Plan) -> bool:
    """Whether scripts/logs.sh asks the collector for ids: those in the log, or those that an app says it sent."""
    return shown(plan).trace or any(client.starts for client in plan.clients)


def _logs_output(plan: Plan, case: Case | None) -> Iterator[str]:
    for workload in _running(plan)[:_SHOWN]:
        yield f"{workload.name}, sidecar:"
        yield "..."
    if case is None or plan.collector is None:
        return
    yield ""
    if not _is_followed(plan):
        yield f"The log format has no trace id. {_ADVICE}"
        return
    yield f"A request of {case.start}:"
    traces = _logged_by_two(case.usual)
    if traces:
        yield f"1. More than one sidecar logged the trace id {traces[0]}."
        yield from _span_lines(plan, case, traces[0])
        yield _verdict(plan, case)
    elif shown(plan).trace:
        yield "..."
    else:
        yield "1. The log format has no trace id."
        yield from _sent_lines(plan, case)


def _logged_by_two(request: Request) -> list[str]:
    """The trace ids that more than one sidecar logs."""
    found: dict[str, set[str]] = {}
    for hop in request.hops:
        for line, (text, made) in zip(hop.lines, logged(hop), strict=True):
            if made is not None and holds(text, made.trace_id):
                found.setdefault(made.trace_id, set()).add(line.service)
    return [trace for trace, services in found.items() if len(services) > 1]


def _sent_lines(plan: Plan, case: Case) -> Iterator[str]:
    app = _told(plan, case.first)
    if app is None:
        yield f"   {_ADVICE}"
        return
    yield f"2. The newest that its app sent: {app[0]}"
    yield _verdict(plan, case)


def _told(plan: Plan, hop: Hop) -> tuple[str, str] | None:
    """Trace id and span id where the log of the client's app tells those that it sent: that of a loop does."""
    client = next(workload for workload in plan.workloads if workload.name == hop.caller)
    return (hop.app.trace_id, hop.app.span_id) if hop.app and client.pause is not None else None


def _span_lines(plan: Plan, case: Case, trace: str) -> Iterator[str]:
    if not shown(plan).span:
        yield "2. The log format has no span id: whether the sidecars make spans of their own does not show here."
        return
    yield "2. The span ids in it:"
    told = _told(plan, case.first)
    if told and told[0] == trace:
        yield f"   {told[1]} sent by {case.start}'s app"
    found = [
        (line.service, made.span_id)
        for hop in case.usual.hops
        for line, (text, made) in zip(hop.lines, logged(hop), strict=True)
        if made is not None and made.trace_id == trace and holds(text, made.span_id)
    ]
    for service, span in sorted(found, key=lambda row: row[0])[:_SHOWN]:
        yield f"   {span} logged by {service}'s sidecar"
    if len(found) > _SHOWN:
        yield "   ..."
    yield "   All differ: each sidecar made a span of its own."


def _verdict(plan: Plan, case: Case) -> str:
    title = plan.collector.ui.title if plan.collector else ""
    percent = share(case.usual)
    if percent == 0:
        return f"3. {title} has no trace of these ids (10 asked for). Right: nothing of {case.start} is sampled."
    if percent < 100:
        trace = next(iter(case.usual.traces))
        return f"3. {title} has the trace {trace} ({number(percent)} % of the requests are sampled). Look at it: .../scripts/ui.sh"
    return f"3. {title} has the trace. Look at it: .../scripts/ui.sh"


def _logs_remarks(plan: Plan) -> Iterator[str]:
    if plan.collector is None:
        yield "Without a collector no tracer is active in the sidecars: no span, no trace."
    elif _case(plan) and shown(plan).trace:
        yield "The same trace id at two sidecars means that the headers arrived. It proves no trace: requests that are not sampled have ids too. So the script asks the collector."
        if is_random(plan):
            yield f"Where {plan.collector.ui.title} has none of the ids, the script says how many requests would be enough."
    elif _case(plan):
        yield "The log format has no trace id. To see it, put `traceID=${trace_id} spanID=${span_id}` into `logs.format` of the spec."
    yield "The log of a sidecar is that of the container `istio-proxy` in the service's pod."


def _page_remarks(plan: Plan, services: list[str]) -> Iterator[str]:
    if not services:
        yield "The page opens, and there is no trace of this lab in it. That is right here."
        return
    traces = max((len(request.traces) for request in plan.prediction.requests[:_SHOWN]), default=1)
    one = "each trace of this lab is one request" if traces == 1 else f"one request of this lab leaves {traces} traces"
    yield f"Choose the service {code(services[0])} and search: {one}."
    rates = {share(request) for request in plan.prediction.requests}
    if is_random(plan) and max(rates) < 100:
        yield f"Only {number(max(rates))} % of the requests are sampled. While none is, the script says which services have no spans yet."


def _services(plan: Plan) -> list[str]:
    """Those with spans of requests that are sampled for certain; else those with spans of requests that may be."""
    certain: set[str] = set()
    possible: set[str] = set()
    for request in plan.prediction.requests:
        for hop in request.hops:
            for span in hop.spans:
                if span.maker == SIDECAR and span.reported and span.chance.possible:
                    (certain if span.share >= 100 else possible).add(span.service)
    wanted = certain or possible
    return [workload.service_name for workload in plan.workloads if workload.name in wanted]
