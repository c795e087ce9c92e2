"""Cleaning up, and where things are."""

from collections.abc import Iterator, Mapping

from labspec.guide._markdown import block, bullets, code, page, prose
from labspec.plan import Plan

_MOST = 50
_ISTIO = "`--istio` takes Istio away only if this lab installed it; where others use it, it needs `--yes` too. "


def cleaning(plan: Plan) -> str:
    """The chapter on taking the lab away."""
    stays = [
        "Without `--istio` the mesh stays, with the settings of this lab.",
        _ISTIO + f"The namespace {code(plan.istio_namespace)} stays.",
        f"The namespace {code(plan.namespace)} goes only if this lab made it and nothing else is in it."
        if plan.owns_namespace
        else f"The namespace {code(plan.namespace)} stays: the lab did not make it.",
    ]
    if plan.collector is not None:
        other = plan.collector.namespace not in {plan.namespace, plan.istio_namespace}
        place = f" The namespace {code(plan.collector.namespace)} stays." if other else ""
        stays.append(f"{plan.collector.ui.title} goes, and the traces with it.{place}")
    if plan.variants:
        stays.append("It takes the lab away from whichever variant is there.")
    return page(
        [
            "## Cleaning up",
            block("./scripts/teardown.sh           # the lab\n./scripts/teardown.sh --istio   # and Istio", "bash"),
            bullets(stays),
        ]
    )


def tree(plan: Plan, operators: Mapping[str, str]) -> str:
    """The chapter on the files; `operators` says which mesh settings each form needs."""
    lines = [f"{path:<34}{'' if len(path) < 34 else ' '}{about}".rstrip() for path, about in _files(plan, operators)]
    return page(
        [
            "## Where things are",
            block("\n".join(lines), "text"),
            prose("All of it is generated from the spec; a build writes it anew."),
        ]
    )


def _files(plan: Plan, operators: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield "kustomization.yaml", "kubectl apply -k . deploys the lab"
    yield "README.md", "this guide"
    yield "base/kustomization.yaml", "what belongs to the lab"
    if plan.owns_namespace:
        yield "base/namespaces.yaml", "the lab's namespace"
    if any(workload.container.program for workload in plan.workloads):
        yield "base/programs.yaml", "the programs that run in the lab's containers"
    for workload in plan.workloads[:_MOST]:
        yield f"base/{workload.name}.yaml", f"the service {workload.name}"
    if len(plan.workloads) > _MOST:
        yield "base/...", f"{len(plan.workloads) - _MOST} more services"
    if plan.collector is not None:
        yield "base/collector.yaml", plan.collector.ui.title
    if plan.provider is not None:
        yield "base/telemetry.yaml", "which tracer the sidecars have, and what they sample"
    yield operators[plan.variant], "the mesh settings, for istioctl"
    yield from _variants(plan, operators)
    yield from _scripts(plan)


def _variants(plan: Plan, operators: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for variant in plan.variants:
        if operators[variant.variant] != operators[plan.variant]:
            yield operators[variant.variant], f"those of the variant {variant.variant}"
    for variant in plan.variants:
        yield f"overlays/{variant.variant}/", f"what the variant {variant.variant} changes"


def _scripts(plan: Plan) -> Iterator[tuple[str, str]]:
    title = plan.collector.ui.title if plan.collector else ""
    yield "scripts/lab.sh", "all steps, one after the other"
    yield "scripts/preflight.sh", "is everything there?"
    yield "scripts/install.sh", "Istio with the settings of this lab"
    yield "scripts/deploy.sh", "the services" + (f" and {title}" if title else "")
    yield (
        "scripts/restart.sh",
        "new pods where the old ones have no sidecar" + (", or old settings" if plan.api == "meshConfig" else ""),
    )
    yield "scripts/traffic.sh", "requests on demand" if plan.clients else "says that there is no client"
    yield "scripts/logs.sh", "the access log" if plan.log.encoding else "says that there is no access log"
    yield "scripts/ui.sh", f"{title}'s page" if title else "says that there is no collector"
    yield "scripts/teardown.sh", "takes the lab away"
