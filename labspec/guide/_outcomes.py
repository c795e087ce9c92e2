"""Troubles with the traces themselves: too few, too many, in pieces. Often that is what this lab is to show."""

from collections.abc import Iterator

from labspec.finding import listed
from labspec.guide._facts import hops, is_random, named, names, number, outside, share
from labspec.guide._markdown import code
from labspec.guide._trouble import Trouble
from labspec.meaning import cut_off
from labspec.plan import Plan, Workload
from labspec.predict.values import FOREIGN, UNKNOWN

_RIGHT = "That is right here."


def troubles(plan: Plan) -> Iterator[Trouble]:
    """Those of labs with a collector."""
    if plan.receiver is not None:
        yield from _sampling(plan)
        yield from _by_the_app(plan)
        yield from _one_span(plan)
        yield from _broken(plan)
        yield from _holes(plan)
        yield from _one_trace(plan)


def _sampling(plan: Plan) -> Iterator[Trouble]:
    if not is_random(plan):
        return
    rates = sorted({share(request) for request in plan.prediction.requests if 0 < share(request) < 100})
    rate = listed([f"{number(each)} %" for each in rates])
    if plan.provider is not None:
        look = f"kubectl -n {plan.namespace} get telemetries.telemetry.istio.io -o yaml | grep randomSamplingPercentage"
    else:
        look = f"kubectl -n {plan.istio_namespace} get configmap istio -o yaml | grep sampling"
    yield Trouble(
        "Some requests have a trace, others have none",
        f"{rate} of them are sampled, by chance. {_RIGHT}",
        look,
        "to see more of them raise `sampling: {percent: ...}` in the spec, or send more requests.",
    )


def _by_the_app(plan: Plan) -> Iterator[Trouble]:
    shares: dict[str, float] = {}
    for request in plan.prediction.requests:
        shares[request.client] = max(shares.get(request.client, 0.0), share(request))
    heard = [client for client in plan.workloads if client.starts and client.name in shares]
    refusing = [
        client for client in heard if client.starts and client.starts.sampled is False and not shares[client.name]
    ]
    forcing = [client for client in heard if client.starts and client.starts.sampled and shares[client.name] >= 100]
    if refusing:
        yield Trouble(
            f"No request of {names(refusing)} ever has a trace",
            f"its tracer says `not sampled` (`tracer: {{sampled: false}}`), and every sidecar obeys, whatever the sampling says. {_RIGHT}",
            _sampled_by(plan, refusing[0]),
            "write `sampled: true` in the spec, or leave `tracer` out.",
        )
    if forcing and plan.percent < 100:
        yield Trouble(
            f"Every request of {names(forcing)} has a trace, not {number(plan.percent)} %",
            f"its tracer says `sampled`, and every sidecar obeys. The sampling of the mesh is only for traces that a sidecar starts. {_RIGHT}",
            _sampled_by(plan, forcing[0]),
            "leave `tracer` out of the spec: then the sidecar starts the traces and samples them.",
        )


def _sampled_by(plan: Plan, client: Workload) -> str:
    """How to see the header that the app sends."""
    wanted = client.speaks.flags[client.starts.flag if client.starts else "true"].header
    if client.round is not None and client.pause is None:
        return f"grep -i {wanted} scripts/traffic.sh"
    return f"kubectl -n {plan.namespace} get deploy {client.name} -o yaml | grep -i {wanted}"


def _one_span(plan: Plan) -> Iterator[Trouble]:
    hop = next((hop for hop in hops(plan.prediction.requests) if hop.client and hop.server), None)
    if hop is None:
        return
    bare = outside(plan)
    right = (
        f" Calls from or to {names(bare)} always have one: {'it has' if len(bare) == 1 else 'they have'} no sidecar."
        if bare
        else ""
    )
    empty = [workload for workload in plan.workloads if workload.callers and not workload.replicas]
    if empty:
        right += f" Calls to {names(empty)} always have one: {'it has' if len(empty) == 1 else 'they have'} no pod."
    yield Trouble(
        "A call has one span instead of two",
        f"one of the two pods has no sidecar: without the CLIENT span that of {code(hop.caller)}, without the SERVER span that of {code(hop.callee)}.{right}",
        f"istioctl proxy-status | grep -E '({hop.caller}|{hop.callee})-'",
        "as above, for a pod without a sidecar. A trace that is seconds old may also be half there: sidecars send spans every five seconds.",
    )


def _broken(plan: Plan) -> Iterator[Trouble]:
    gaps = {gap.service: gap for request in plan.prediction.requests for gap in request.breaks}
    own = {workload.name: workload.speaks for workload in plan.workloads}
    forward = ", ".join(code(header) for header in plan.propagation.forward)
    copy = f"let the app copy {forward} from the request that it gets to those that it sends."
    if gaps:
        service, gap = next(iter(gaps.items()))
        why = "; ".join(f"{code(name)}: {each.detail}" for name, each in list(gaps.items())[:3])
        sure = (
            "That is possible here: the spec does not say."
            if all(each.reason == UNKNOWN for each in gaps.values())
            else _RIGHT
        )
        yield Trouble(
            "One request leaves several traces",
            f"the trace breaks on its way. {why}. {sure}",
            _log_of(plan, service),
            copy
            if gap.reason != FOREIGN
            else f"let the app's tracer speak {code(plan.propagation.name)}{', or the sidecars what the app speaks' if own[service].tracer else ''}.",
        )
        return
    middle = [workload for workload in plan.workloads if workload.targets and workload.callers and workload.replicas]
    believed = [workload for workload in middle if workload.container.program is None]
    if believed:
        yield Trouble(
            "One request leaves several traces",
            f"{names(believed)} {'does' if len(believed) == 1 else 'do'} not hand on what the spec says: labspec believes it, and cannot look into the image.",
            _log_of(plan, believed[0].name),
            copy,
        )


def _log_of(plan: Plan, service: str) -> str:
    workload = next(workload for workload in plan.workloads if workload.name == service)
    container = "istio-proxy" if workload.sidecar else workload.container.name
    return f"kubectl -n {plan.namespace} logs deploy/{service} -c {container} --tail=20"


def _holes(plan: Plan) -> Iterator[Trouble]:
    """Spans of one trace that are not sampled together."""
    torn = list(dict.fromkeys(name for request in plan.prediction.requests for name in cut_off(request)))
    if torn:
        does = "does" if len(torn) == 1 else "do"
        yield Trouble(
            "Some traces end half-way",
            f"{named(torn)} {does} not hand on `x-request-id`, so the sidecars behind draw again whether they report. {_RIGHT}",
            _log_of(plan, torn[0]),
            "let the app hand on `x-request-id` as well.",
        )


def _one_trace(plan: Plan) -> Iterator[Trouble]:
    fixed = [workload for workload in plan.workloads if workload.starts and workload.starts.fixed]
    if fixed:
        yield Trouble(
            "All requests are in one trace",
            f"{names(fixed)} {'sends' if len(fixed) == 1 else 'send'} the same ids each time (`ids: fixed`). {_RIGHT}",
            _sampled_by(plan, fixed[0]),
            "leave `ids` out of the spec: then each request gets ids of its own.",
        )
