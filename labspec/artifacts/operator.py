"""istio/operator.yaml: how istioctl installs the mesh for this lab, and istio/<variant>.yaml where a variant needs it otherwise."""

from collections.abc import Iterator

from labspec.artifacts._base import Files, yaml_file
from labspec.artifacts._mesh import operator, operator_path, providers
from labspec.bundle import File
from labspec.plan import Plan
from labspec.resource import Object
from labspec.yamltext import Comments

_HEAD = """\
For `istioctl install -f` only (scripts/install.sh): Kubernetes has no such resource, so it stands in no kustomization.
"""
_MESH = ("spec", "meshConfig")


def _files(plan: Plan) -> Iterator[File]:
    for form in plan.forms:
        if form.is_base or operator_path(plan, form) != operator_path(plan, plan):
            head = _HEAD if form.is_base else f"{_HEAD}Of the variant {form.variant}.\n"
            found = Object(operator(plan, form), _comments(plan, form))
            yield yaml_file(plan, operator_path(plan, form), [found], head)


def _comments(plan: Plan, form: Plan) -> Comments:
    tracing = (*_MESH, "defaultConfig", "tracing")
    found: dict[tuple[str | int, ...], str] = {}
    if form.api == "meshConfig" and form.receiver is None:
        found[*_MESH, "enableTracing"] = "No collector, no tracer: sidecars make no spans and no trace headers."
    elif form.api == "meshConfig":
        found[tracing] = "Read by a sidecar at its start: restart the pods after a change (scripts/restart.sh)."
        found[*tracing, "sampling"] = (
            "Percent of the traces that a sidecar starts; written out, because the default depends on the profile."
        )
        found[*tracing, "zipkin", "address"] = "Resolved by each proxy; nothing reports a wrong one."
    if providers(plan):
        whose = "this lab and its variants need" if plan.variants else "this lab needs"
        found[*_MESH, "extensionProviders"] = (
            f"All that {whose}; they replace the profile's list. A Telemetry resource selects one, the others do nothing."
        )
    return found


ARTIFACT = Files(_files)
