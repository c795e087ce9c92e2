"""What a plan means: its settings as flat facts, and the difference of two of them in words."""

from collections import Counter
from collections.abc import Iterator, Mapping

from labspec.finding import listed
from labspec.lab import SERVICE_KINDS
from labspec.plan import Plan, Workload
from labspec.predict.values import APP, SIDECAR, Request, Span
from labspec.services._base import Target
from labspec.services._env import Variable
from labspec.wording import BESIDE, THEN, changes_of

__all__ = ["changes", "changes_of", "facts", "settings"]

_LONGEST = 80
"""Of a text, such as a container's arguments, that a fact holds in full."""


def changes(old: Plan, new: Plan) -> tuple[str, ...]:
    """What is different in `new`, a line for each setting, then what that does to the requests. Empty where nothing is."""
    return changes_of(facts(old), facts(new))


def facts(plan: Plan) -> Mapping[str, str]:
    """The settings of one form of a lab, and what they do, in the order in which people are told.

    Keys are `sampling` for the lab's, `frontend: sampling` for a service's, `service frontend` for its being there, and
    `request frontend GET http://backend/` (with `: sampled` and others behind it) for what a request does.
    """
    return {**dict(_lab(plan)), **dict(_services(plan)), **dict(_requests(plan))}


def settings(plan: Plan) -> Mapping[str, Mapping[str, str]]:
    """The facts of each form of a lab by its name, `base` first."""
    return {form.variant: facts(form) for form in plan.forms}


def _lab(plan: Plan) -> Iterator[tuple[str, str]]:
    yield "name", plan.name
    yield "namespace", plan.namespace
    if plan.owns_namespace != (plan.namespace == plan.name):
        # Else it follows from the name.
        yield "createNamespace", "true" if plan.owns_namespace else "false"
    yield "istio version", plan.istio_version
    yield "istio profile", plan.istio_profile
    yield "tracing API", plan.api
    yield "sidecars speak", plan.propagation.name
    yield "sampling", _percent(plan.percent)
    yield "collector", _collector(plan)
    if plan.images.registry is not None:
        yield "image registry", plan.images.registry
    if plan.images.pullPolicy is not None:
        yield "image pull policy", plan.images.pullPolicy
    yield "access log", plan.log.encoding or "none"
    if plan.log.pieces:
        yield (
            "access log format",
            " ".join(f"{piece.key}={piece.text}" if piece.key else piece.text for piece in plan.log.pieces),
        )


def _collector(plan: Plan) -> str:
    if plan.collector is None:
        return "none"
    where = plan.receiver
    return f"{plan.collector.kind} by {where.protocol} to {where.host}:{where.port}" if where else plan.collector.kind


def _services(plan: Plan) -> Iterator[tuple[str, str]]:
    for workload in plan.workloads:
        yield f"service {workload.name}", workload.kind
        for name, value in _service(workload):
            yield f"{workload.name}: {name}", value


def _service(workload: Workload) -> Iterator[tuple[str, str]]:
    tracer = workload.tracer
    yield "image", workload.container.image
    yield "replicas", str(workload.replicas)
    yield "sidecar", "yes" if workload.sidecar else "no"
    if workload.sampling is not None:
        yield "sampling", _percent(workload.sampling)
    if workload.listener is not None:
        yield "port", f"{workload.listener.port}, in the container {workload.listener.target_port}"
    if tracer is not None:
        start = tracer.start
        yield "own tracer", workload.speaks.name
        yield "own tracer's decision", start.flag
        yield "own tracer's ids", f"{start.bits} bits, {'the same for each request' if start.fixed else 'random'}"
        yield "own tracer's spans", "reported by nobody" if tracer.export == "none" else f"reported by {tracer.export}"
    if workload.targets:
        yield "calls", THEN.join(BESIDE.join(map(_call, step)) for step in workload.steps)
        if workload.callers:
            yield "forwards", _forwards(workload)
    yield from _fields(workload)
    if workload.round is not None:
        yield "every", f"{workload.pause} s" if workload.pause else "only when scripts/traffic.sh asks"
    else:
        # A client's arguments follow from all the others.
        yield "arguments", _arguments(workload)


def _fields(workload: Workload) -> Iterator[tuple[str, str]]:
    """What is said of its pods, and changes nothing of the requests."""
    if workload.container.probe:
        yield "probe", _short(workload.container.probe)
    if workload.container.requests != SERVICE_KINDS[workload.kind].REQUESTS:
        yield "requests", _amounts(workload.container.requests)
    if workload.container.limits:
        yield "limits", _amounts(workload.container.limits)
    for variable in workload.container.env:
        yield f"env {variable.name}", _variable(variable)
    for what, marks in (("label", workload.labels), ("annotation", workload.annotations)):
        for key, text in marks.items():
            yield f"{what} {key}", _short(text) or "empty"


def _call(target: Target) -> str:
    share = f" in {_percent(target.percent)}" if target.percent < 100 else ""
    return f"{target.method} {target.url}{share}"


def _forwards(workload: Workload) -> str:
    forwarding = workload.forwarding
    if not forwarding.is_known:
        return "unknown"
    return "all" if forwarding.is_all else ", ".join(forwarding.patterns) or "none"


def _arguments(workload: Workload) -> str:
    return _short(" ".join((*workload.container.command, *workload.container.args)))


def _amounts(amounts: Mapping[str, str]) -> str:
    return " and ".join(f"{amount} {'CPU' if name == 'cpu' else name}" for name, amount in amounts.items())


def _variable(variable: Variable) -> str:
    if variable.source == "field":
        return f"the pod's {variable.value}"
    if variable.source:
        return f"{variable.value} of {variable.kind} {variable.holder}"
    return _short(variable.value) or "empty"


def _short(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    from hashlib import sha256  # noqa: PLC0415  # most need none

    return f"sha256:{sha256(text.encode()).hexdigest()[:16]}"


def _requests(plan: Plan) -> Iterator[tuple[str, str]]:
    seen: Counter[str] = Counter()
    for request in plan.prediction.requests:
        first = request.hops[0]
        name = f"request {request.client} {first.method} {first.url}{_assumption(request)}"
        seen[name] += 1
        name += f" ({seen[name]})" if seen[name] > 1 else ""
        for what, value in _request(request):
            yield f"{name}{what}", value


def _assumption(request: Request) -> str:
    if not request.assumed:
        return ""
    many = len(request.unknown) > 1
    hands = "hand" if many else "hands"
    what = f"{hands} the headers on" if request.assumed == "forwards" else f"{hands} nothing on"
    return f" if {listed(request.unknown)} {what}"


def _request(request: Request) -> Iterator[tuple[str, str]]:
    traces = request.traces
    yield "", spans_in_words(traces)
    yield ": answered", " or ".join(map(str, request.hops[0].statuses))
    if not traces:
        return
    yield ": sampled", listed(dict.fromkeys(_percent(max(span.share for span in spans)) for spans in traces.values()))
    yield ": decided by", listed(dict.fromkeys(maker(span) for trace in traces for span in deciders(request, trace)))
    cuts = cut_off(request)
    if cuts:
        yield (
            ": cut off",
            "; ".join(
                f"{name}: {_percent(whole)} before it, {_percent(part)} behind" for name, (whole, part) in cuts.items()
            ),
        )
    if request.breaks:
        yield ": breaks", "; ".join(f"{found.service}, because {found.detail}" for found in request.breaks)
    orphans = sum(_orphans(spans) for spans in traces.values())
    if orphans:
        yield ": spans without their parent", str(orphans)


def spans_in_words(traces: Mapping[str, tuple[Span, ...]]) -> str:
    """`2 + 2 spans in 2 traces`."""
    counts = [len(spans) for spans in traces.values()]
    if not counts:
        return "no span"
    number = f"{' + '.join(map(str, counts))} span{'s' if sum(counts) > 1 else ''}"
    return f"{number} in {len(counts)} trace{'s' if len(counts) > 1 else ''}"


def maker(span: Span) -> str:
    """`frontend's app`, or `frontend's sidecar`."""
    return f"{span.service}'s {'app' if span.maker == APP else 'sidecar'}"


def deciders(request: Request, trace_id: str) -> tuple[Span, ...]:
    """The spans whose makers decide whether a trace is sampled: one, or an app's and then that of a sidecar which draws as well."""
    first = request.decider(trace_id)
    if first is None:
        return ()
    sidecar = next((span for span in request.traces.get(trace_id, ()) if span.maker == SIDECAR), None)
    if first.maker != APP or first.reported or sidecar is None:
        return (first,)
    if sidecar.decides:
        # It does not read what the app says: x-b3-flags.
        return (sidecar,)
    return (first, sidecar) if 0 < sidecar.chance.percent < first.chance.percent else (first,)


def cut_off(request: Request) -> Mapping[str, tuple[float, float]]:
    """The services at which traces end for a part of the requests, with the percent of sampled ones before and behind.

    The sidecars behind such a service draw again, and report fewer than those before it.
    """
    spans = {(span.trace_id, span.span_id): span for span in request.spans}
    found: dict[str, tuple[float, float]] = {}
    for hop in request.hops:
        for span in (hop.client, hop.server):
            above = spans.get((span.trace_id, span.parent_id)) if span and hop.above is not None else None
            if span and above and above.chance.percent - span.chance.percent > 1e-6:
                found.setdefault(hop.caller, (above.chance.percent, span.chance.percent))
    return found


def _orphans(spans: tuple[Span, ...]) -> int:
    ids = {span.span_id for span in spans}
    return sum(bool(span.parent_id) and span.parent_id not in ids for span in spans)


def _percent(number: float) -> str:
    return f"{number:.4g} %"
