"""Cleaning up, and where things are."""

from collections.abc import Iterator

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
    return page(
        [
            "## Cleaning up",
            block("./scripts/teardown.sh           # the lab\n./scripts/teardown.sh --istio   # and Istio", "bash"),
            bullets(stays),
        ]
    )


def tree(plan: Plan) -> str:
    """The chapter on the files."""
    lines = [f"{path:<34}{about}".rstrip() for path, about in _files(plan)]
    return page(
        [
            "## Where things are",
            block("\n".join(lines), "text"),
            prose("All of it is generated from the spec; a build writes it anew."),
        ]
    )


def _files(plan: Plan) -> Iterator[tuple[str, str]]:
    yield "kustomization.yaml", "kubectl apply -k . deploys the lab"
    yield "README.md", "this guide"
    yield "base/kustomization.yaml", "what belongs to the lab"
    if plan.owns_namespace:
        yield "base/namespaces.yaml", "the lab's namespace"
    for workload in plan.workloads[:_MOST]:
        yield f"base/{workload.name}.yaml", f"the service {workload.name}"
    if len(plan.workloads) > _MOST:
        yield "base/...", f"{len(plan.workloads) - _MOST} more services"
    if plan.collector is not None:
        yield "base/collector.yaml", plan.collector.ui.title
    yield "istio/operator.yaml", "the mesh settings, for istioctl"
    yield from _scripts(plan)


def _scripts(plan: Plan) -> Iterator[tuple[str, str]]:
    title = plan.collector.ui.title if plan.collector else ""
    yield "scripts/lab.sh", "all steps, one after the other"
    yield "scripts/preflight.sh", "is everything there?"
    yield "scripts/install.sh", "Istio with the settings of this lab"
    yield "scripts/deploy.sh", "the services" + (f" and {title}" if title else "")
    yield "scripts/restart.sh", "new pods where the old ones have no sidecar, or old settings"
    yield "scripts/traffic.sh", "requests on demand" if plan.clients else "says that there is no client"
    yield "scripts/logs.sh", "the access log" if plan.log.text is not None else "says that there is no access log"
    yield "scripts/ui.sh", f"{title}'s page" if title else "says that there is no collector"
    yield "scripts/teardown.sh", "takes the lab away"
