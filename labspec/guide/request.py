"""What one request of the lab looks like: its spans as a tree, its headers, and where it leaves its trace."""

from collections.abc import Iterator

from labspec.finding import counted, listed
from labspec.guide import tracing
from labspec.guide._facts import Case, cases, named, names, number, outside, share, view
from labspec.guide._markdown import block, bullets, cell, code, page, prose, table
from labspec.guide._onthewire import headers, is_whole, other_headers
from labspec.guide._tree import tree
from labspec.meaning import spans_in_words
from labspec.plan import Plan
from labspec.predict.values import FOREIGN, SIDECAR, UNKNOWN, Break, Request

_WHOLE = 3
"""Requests that are shown whole."""

_MOST = 50
"""Requests that the table lists."""

_TITLE = "## What one request looks like"


def section(plan: Plan) -> str:
    """The chapter on one request; the access log has a chapter of its own."""
    found = cases(plan)
    if not found:
        return page([_TITLE, prose(_nothing(plan))])
    examples = chosen(found[:_MOST])
    lead = (
        f"This is computed from the spec, before anything runs: the headers, the spans and the log lines that one request will have. "
        f"Ids are invented; in this guide they agree with one another. {_each(plan, found)}"
    )
    return page(
        [
            _TITLE,
            prose(lead),
            *(_whole(plan, case) for case in examples),
            _others(plan, found, examples),
            *tracing.sections(plan),
        ]
    )


def chosen(found: list[Case]) -> list[Case]:
    """The first request of each sort, as many as are shown whole."""
    sorts: dict[tuple[object, ...], Case] = {}
    for case in found:
        sorts.setdefault(_sort(case), case)
    return list(sorts.values())[:_WHOLE]


def exports(plan: Plan) -> dict[str, str]:
    """How each app with a tracer reports its spans."""
    return {workload.name: workload.tracer.export for workload in plan.workloads if workload.tracer}


def size(request: Request) -> str:
    """`4 spans in 1 trace`; how many a collector gets."""
    return spans_in_words({trace: tuple(spans) for trace, spans in view(request).traces.items()})


def shape(request: Request) -> object:
    """What makes the tree of a request, without names and ids."""
    seen = view(request)
    places = {(span.trace_id, span.span_id): place for place, span in enumerate(seen.spans)}
    parents = tuple(
        (
            span.service,
            span.maker,
            span.kind,
            span.reported,
            span.chance.possible,
            places.get((span.trace_id, span.parent_id)),
        )
        for span in seen.spans
    )
    return parents, len(seen.traces), tuple((gap.hop, gap.reason) for gap in request.breaks)


def _nothing(plan: Plan) -> str:
    idle = [workload for workload in plan.workloads if workload.targets and not workload.replicas]
    if idle:
        has = "has" if len(idle) == 1 else "have"
        return f"{names(idle)} {has} no pod (`replicas: 0`), so nobody sends a request: there is no span and no trace."
    return "No service calls another: there is no request, no span and no trace."


def _each(plan: Plan, found: list[Case]) -> str:
    many = len({case.start for case in found}) < len(found)
    trace = ", and a trace," if plan.collector else ""
    return f"Each item of a client's `calls` is a request{trace} of its own." if many else ""


def _sort(case: Case) -> tuple[object, ...]:
    """What requests that look alike have in common; their names are not part of it."""
    return tuple(
        (request.assumed, tuple(_hop_sort(request)), tuple((gap.hop, gap.reason) for gap in request.breaks))
        for request in case.ways
    )


def _hop_sort(request: Request) -> Iterator[tuple[object, ...]]:
    for hop in request.hops:
        spans = (
            (span.maker, span.kind, span.reported, span.chance.percent, span.decides, bool(span.parent_id))
            for span in hop.spans
        )
        yield hop.above, hop.branch, hop.statuses, tuple(hop.sent), tuple(hop.received), tuple(spans)


def _title(case: Case) -> str:
    return f"{code(case.start)} calls {code(case.first.callee)}"


def _whole(plan: Plan, case: Case) -> str:
    hop = case.first
    sent = f"{code(case.start)} sends {code(f'{hop.method} {hop.url}')}"
    often = f", in {number(hop.branch)} % of its rounds" if hop.branch < 100 else ""
    parts = [f"### {_title(case)}", prose(f"{sent}{often}. {_reached(case)}")]
    if len(case.ways) == 1:
        return page([*parts, *_way(plan, case.usual)])
    who = named(case.usual.unknown)
    parts.append(prose(f"The spec does not say which headers {who} hands on, so here are both ways."))
    for way in case.ways:
        does = "hands the headers on" if way.assumed == "forwards" else "hands nothing on"
        parts += [f"#### If {who} {does}", *_way(plan, way, None if way is case.usual else case.usual)]
    return page(parts)


def _reached(case: Case) -> str:
    """Who is called because of it."""
    inner = list(dict.fromkeys(hop.callee for hop in case.usual.hops[1:]))
    return f"Because of it {named(inner)} {'is' if len(inner) == 1 else 'are'} called too." if inner else ""


def _way(plan: Plan, request: Request, usual: Request | None = None) -> Iterator[str]:
    """One way of a request; where it is not the usual one, only the headers that are others than there."""
    if plan.collector is not None:
        yield from _spans(plan, request)
    if usual is not None:
        yield prose("The headers that are then others:")
        yield block(other_headers(request, usual), "text")
        return
    some = f" (the first calls, and those where a trace breaks, of {len(request.hops)})"
    yield prose(f"The headers on the way that have to do with tracing{'' if is_whole(request) else some}:")
    yield block(headers(request), "text")


def _spans(plan: Plan, request: Request) -> Iterator[str]:
    title = plan.collector.ui.title if plan.collector else "a collector"
    if not view(request).traces:
        yield prose(f"It leaves nothing in {title}. {_why_nothing(plan, request)}")
        return
    by_chance = share(request) < 100
    subject = "Where it is sampled, it" if by_chance else "It"
    optional = any(hop.branch < request.hops[0].branch for hop in request.hops)
    yield prose(
        f"{subject} leaves {'at most ' if optional else ''}{size(request)}. "
        "Each line is a span, below its parent: its service, its kind, its name and its id."
    )
    yield block(tree(request, exports(plan)), "text")
    remarks = list(_remarks(plan, request, title))
    if remarks:
        yield bullets(remarks)


def _why_nothing(plan: Plan, request: Request) -> str:
    if any(span.maker == SIDECAR for hop in request.hops for span in hop.spans):
        return "The sidecars write ids into the headers, and report nothing: it is not sampled."
    without = [workload for workload in outside(plan) if workload.name in {hop.caller for hop in request.hops}]
    return f"{names(without)} {'has' if len(without) == 1 else 'have'} no sidecar." if without else ""


def _remarks(plan: Plan, request: Request, title: str) -> Iterator[str]:
    for service, why in {gap.service: gap for gap in request.breaks}.items():
        yield f"The trace breaks at {code(service)}: {_cause(plan, why)}."
    traces = len(view(request).traces)
    if traces > 1:
        yield f"{title} shows {traces} traces, and nothing in them says that they are one request{_joined(request)}."
    empty = {workload.name for workload in plan.workloads if not workload.replicas}
    idle = sorted({hop.callee for hop in request.hops if hop.callee in empty})
    if idle:
        has = "has" if len(idle) == 1 else "have"
        calling = all(hop.client for hop in request.hops if hop.callee in empty)
        ends = (
            " a request there ends in a 503 of the caller's own sidecar, with the CLIENT span alone."
            if calling
            else " a request there fails."
        )
        yield f"{named(idle)} {has} no pod (`replicas: 0`):{ends}"
    bare = [workload.name for workload in outside(plan) if workload.name in _touched(request)]
    if bare:
        yield f"{named(bare)} {'has' if len(bare) == 1 else 'have'} no sidecar (`mesh: false`): no span is made there."


def _cause(plan: Plan, gap: Break) -> str:
    own = next(workload.speaks for workload in plan.workloads if workload.name == gap.service)
    if gap.reason == FOREIGN and plan.propagation.reads(own):
        more = ", so the app starts a trace"
    elif gap.reason == FOREIGN:
        more = f"; a sidecar looks only for {listed(code(name) for name in plan.propagation.needed)}"
    elif gap.reason == UNKNOWN:
        more = ""
    else:
        more = "; its sidecar cannot know which request a call belongs to, and starts a trace"
    return gap.detail + more


def _joined(request: Request) -> str:
    """Whether the request id still holds the parts together."""
    ids = {hop.carried.get("x-request-id") for hop in request.hops if hop.reached}
    return ", but the tag `guid:x-request-id`, which all their spans share" if len(ids) == 1 else ""


def _touched(request: Request) -> set[str]:
    return {name for hop in request.hops for name in (hop.caller, hop.callee)}


def _others(plan: Plan, found: list[Case], examples: list[Case]) -> str:
    """The requests that are not shown whole."""
    shown = {(case.start, case.first.path) for case in examples}
    rest = [case for case in found[:_MOST] if (case.start, case.first.path) not in shown]
    alike = {_sort(case): _title(case) for case in examples}
    rows = [
        [
            cell(case.start),
            cell(f"{case.first.method} {case.first.url}"),
            " or ".join(dict.fromkeys(size(way) for way in case.ways))
            if plan.collector
            else counted(len(case.usual.hops), "call"),
            f"as {alike[_sort(case)]}" if _sort(case) in alike else _otherwise(case),
        ]
        for case in rest
    ]
    if not rows:
        return ""
    left = len(found) - _MOST
    more = f"And {left} more, which base/ shows." if left > 0 else ""
    leaves = "Leaves" if plan.collector else "Makes"
    return page(["### The other requests", table(["Client", "Request", leaves, "Looks"], rows), more])


def _otherwise(case: Case) -> str:
    gaps = list(dict.fromkeys(gap.service for way in case.ways for gap in way.breaks))
    return f"broken at {named(gaps)}" if gaps else "in a way of its own"
