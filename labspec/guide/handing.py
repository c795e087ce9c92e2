"""Who has to hand headers on, and what is missing where nobody reports a span."""

from labspec.finding import listed
from labspec.guide._facts import broken, is_random, named, names, view
from labspec.guide._markdown import bullets, code, page, prose
from labspec.meaning import cut_off
from labspec.plan import Plan, Workload


def forwarding(plan: Plan) -> str:
    """Who has to copy headers, and who does."""
    reached = {hop.callee for request in plan.prediction.requests for hop in request.hops}
    callees = [workload for workload in plan.workloads if workload.name in reached]
    middle = [workload for workload in callees if workload.targets]
    needed = listed(code(header) for header in plan.propagation.forward)
    rule = "A service in the middle has to copy them from the request that it gets to those that it sends, or the trace breaks there"
    if not middle:
        who = f"{names(callees)} {'calls' if len(callees) == 1 else 'call'} nobody"
        text = f"Nobody in this lab. {who}, so there is no next request that would need the headers. {rule}: {needed}."
        return page(["### Who has to forward headers", prose(text)])
    lead = (
        f"A sidecar cannot know which of the requests that leave a pod belongs to which that came in. {rule}: {needed}."
    )
    gaps = broken(plan)
    found: dict[str, list[Workload]] = {}
    for workload in middle:
        found.setdefault(_hands_on(plan, workload, is_broken=workload.name in gaps), []).append(workload)
    return page(
        [
            "### Who has to forward headers",
            prose(lead),
            bullets(
                f"{names(workloads)}: {_plural(does) if len(workloads) > 1 else does}"
                for does, workloads in found.items()
            ),
        ]
    )


def _plural(does: str) -> str:
    return does.replace("copies ", "copy ", 1) if does.startswith("copies ") else does


def _hands_on(plan: Plan, workload: Workload, *, is_broken: bool) -> str:
    effect = " The trace breaks here." if is_broken else ""
    if workload.tracer is not None:
        return f"its own tracer, which speaks {code(workload.speaks.name)}, writes the headers of its calls.{effect}{_rest(workload)}"
    known = workload.forwarding
    if not known.is_known:
        return f"the spec does not say (`forwards: unknown`).{' Both ways are above.' if is_broken else ' Here it makes no difference.'}"
    if known.is_all:
        return f"copies all of them.{effect}"
    if not known.patterns:
        return f"copies none (`forwards: none`).{effect}"
    enough = "" if is_broken else f" That is enough for sidecars that speak {code(plan.propagation.name)}."
    only = listed(code(pattern) for pattern in known.patterns)
    torn = any(workload.name in cut_off(request) for request in plan.prediction.requests)
    lost = ""
    if torn:
        enough = ""
        lost = (
            " That keeps the ids, but without `x-request-id` the sidecars behind draw again, and some traces end here."
        )
    elif is_broken and is_random(plan) and "x-request-id" not in known.patterns:
        lost = " Without `x-request-id` the trace behind it is sampled for itself."
    return f"copies only {only}.{effect}{enough}{lost}"


def _rest(workload: Workload) -> str:
    """What is not known of a service whose tracer writes the ids."""
    return (
        ""
        if workload.forwarding.is_known
        else " Whether it hands on other headers that came, `x-request-id` among them, the spec does not say."
    )


def invalid_parent(plan: Plan) -> str:
    """Spans of apps that nobody reports, and that others name as their parent."""
    if plan.collector is None:
        return ""
    first: dict[str, None] = {}
    inner: dict[str, None] = {}
    others: dict[str, None] = {}
    for request in plan.prediction.requests:
        seen = view(request)
        starts = {spans[0] for spans in seen.traces.values()}
        owners = {(span.trace_id, span.span_id): span.service for span in seen.spans}
        for span in seen.orphans:
            owner = owners.get((span.trace_id, span.parent_id), span.service)
            if span in starts and request.hops[0].app is not None:
                first.setdefault(request.client)
            elif owner == span.service:
                inner.setdefault(owner)
            else:
                others.setdefault(owner)
    if not first and not inner and not others:
        return ""
    marked = [
        *([f"the first span of each trace of {named(list(first))}"] if first else []),
        *([f"the spans of {named(list(inner))} below those of its own app"] if inner else []),
        *([f"the spans of other services below those of the app of {named(list(others))}"] if others else []),
    ]
    return page(
        [
            "### The warning about an invalid parent",
            prose(
                f"{plan.collector.ui.title} marks {listed(marked)} with a warning: {code(plan.collector.ui.orphan_warning)}. It is expected here."
            ),
            bullets(
                [
                    "The app sends the id of a span of its own, and the sidecar's span names it as its parent.",
                    "Nobody reports the app's span: a tracer library in the app would. So the trace has a parent that was never seen.",
                ]
            ),
        ]
    )
