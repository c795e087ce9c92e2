"""Title, what one needs, and the picture of who calls whom."""

from collections.abc import Iterator

from labspec.calls import parted
from labspec.envoy.versions import KUBERNETES
from labspec.finding import listed
from labspec.guide._facts import calls, named, names, number, outside, reporters, reporting_apps
from labspec.guide._markdown import block, bullets, code, mermaid, page, plain, prose
from labspec.plan import Plan
from labspec.sources import making, namespace_file, sources

_MOST = 100
"""Arrows that a picture takes: more are neither readable nor drawn by GitHub."""

_LONGEST = 40


def section(plan: Plan, requested: str) -> str:
    """The first page; `requested` is what the lab's containers ask of the cluster."""
    description = plain(" ".join(plan.description.split())) if plan.description else ""
    return page([f"# {plan.name}", description, _needs(plan, requested), _graph(plan), _variants(plan)])


def _needs(plan: Plan, requested: str) -> str:
    first, last = KUBERNETES[plan.istio_version]
    needed = [
        f"A Kubernetes cluster of version 1.{first} to 1.{last}, and `kubectl` that can reach it.",
        f"`istioctl` of version {plan.istio_version}, with any patch number.",
        "`bash`; version 3.2 is enough.",
        *(
            f"The namespace {code(name)}, which the lab uses and does not make: `kubectl create namespace {name}`."
            for name in _given(plan)
        ),
        *_sources(plan),
        *(["`curl`: the scripts ask the collector with it."] if plan.collector else []),
    ]
    asked = prose(
        f"The lab's pods request {requested}. A request is the share that the scheduler sets aside, not what a pod uses. "
        f"What Istio's profile {code(plan.istio_profile)} requests for each sidecar is in the sum; Istio's own pods come on top."
    )
    return page(["## What you need", bullets(needed), asked])


def _sources(plan: Plan) -> Iterator[str]:
    """What containers take from Secrets and ConfigMaps."""
    for place, source in enumerate(sources(plan)):
        keys = listed(code(key) for key in source.keys)
        many = "s" if len(source.keys) > 1 else ""
        first = f"after {code(f'kubectl apply -f {namespace_file(plan, plan)}')} " if plan.owns_namespace else ""
        told = (
            " `--from-file=KEY=FILE` keeps a value out of the shell's history. labspec never sees one: pods refer to it by name."
            if not place
            else ""
        )
        yield (
            f"The {source.kind} {code(source.name)} in namespace {code(plan.namespace)}, of which containers take the key{many} {keys}: "
            f"{first}{code(making(source, plan.namespace))}.{told}"
        )


def _given(plan: Plan) -> list[str]:
    """Namespaces that have to be there: Istio's comes with Istio, the lab's own with the lab."""
    own = [] if plan.owns_namespace else [plan.namespace]
    used = [*own, plan.collector.namespace] if plan.collector else own
    there = {"default", plan.istio_namespace, *([plan.namespace] if plan.owns_namespace else [])}
    return [name for name in dict.fromkeys(used) if name not in there]


def _graph(plan: Plan) -> str:
    found = list(calls(plan))
    if len(found) + len(plan.workloads) > _MOST:
        picture = prose(
            f"{len(plan.workloads)} services and {len(found)} calls are too many for a picture. `base/` has one file for each service."
        )
    else:
        picture = block("\n".join(_chart(plan)), "mermaid")
    lead = prose(f"Services run in namespace {code(plan.namespace)}, {_sidecars(plan)}.{_dotted(plan)}")
    return page(["## Who calls whom", picture, lead, _uncalled(plan)])


def _variants(plan: Plan) -> str:
    if not plan.variants:
        return ""
    found = named([variant.variant for variant in plan.variants])
    many = "variants" if len(plan.variants) > 1 else "variant"
    return prose(
        f'All of this is about the lab itself. Its {many} {found} {"have" if many == "variants" else "has"} a chapter below, "Variants".'
    )


def _sidecars(plan: Plan) -> str:
    bare = outside(plan)
    if len(bare) == len(plan.workloads):
        return "none with a sidecar"
    return f"each with a sidecar but {names(bare)}" if bare else "each with a sidecar"


def _dotted(plan: Plan) -> str:
    if plan.collector is None or not reporters(plan):
        return ""
    apps = reporting_apps(plan)
    own = f", and so {'does the app' if len(apps) == 1 else 'do the apps'} of {names(apps)}" if apps else ""
    return f" Dotted arrows are spans on their way to {plan.collector.ui.title}; the sidecars send them{own}."


def _chart(plan: Plan) -> Iterator[str]:
    """Nodes are numbered: a service may have the name of a mermaid keyword."""
    nodes = {workload.name: f"n{index}" for index, workload in enumerate(plan.workloads)}
    yield "flowchart LR"
    for workload in plan.workloads:
        label = mermaid(workload.name)
        yield f"  {nodes[workload.name]}{f'[{label}]' if workload.listener else f'([{label}])'}"
    for call in calls(plan):
        _, path = parted(call.target.url)
        often = f" in {number(call.target.percent)} percent" if call.target.percent < 100 else ""
        request = mermaid(f"{call.target.method} {path if len(path) <= _LONGEST else path[:_LONGEST] + '...'}{often}")
        yield f"  {nodes[call.caller.name]} -->|{request}| {nodes[call.callee.name]}"
    if plan.collector is not None and (found := reporters(plan)):
        yield f"  collector[({mermaid(plan.collector.ui.title)})]"
        yield from (f"  {nodes[workload.name]} -.-> collector" for workload in plan.workloads if workload.name in found)


def _uncalled(plan: Plan) -> str:
    senders = {request.client for request in plan.prediction.requests}
    idle = [
        workload
        for workload in plan.workloads
        if workload.listener and not workload.callers and workload.name not in senders
    ]
    if not idle:
        return ""
    rest = "it has no Service and gets no request." if len(idle) == 1 else "they have no Service and get no request."
    return prose(f"Nobody calls {names(idle)}: {rest}")
