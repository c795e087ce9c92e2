"""kustomization.yaml, base/kustomization.yaml, and overlays/<variant>/ with what each variant changes."""

from collections.abc import Iterator
from typing import Any

from labspec.artifacts._base import Files, manifests, yaml_file
from labspec.artifacts._mesh import operator_path
from labspec.bundle import File
from labspec.overlay import overlay
from labspec.plan import Plan
from labspec.resource import Object, identity

_HEAD = """\
`kubectl apply -k .` deploys the lab on a mesh that scripts/install.sh installed.
"""


def _files(plan: Plan) -> Iterator[File]:
    yield yaml_file(plan, "kustomization.yaml", [_kustomization(["base"])], _HEAD)
    files = manifests(plan)
    yield yaml_file(plan, "base/kustomization.yaml", [_kustomization([name for name, _ in files])])
    base = [found for _, objects in files for found in objects]
    for variant in plan.variants:
        yield from _overlay(plan, base, variant)


def _overlay(plan: Plan, base: list[Object], variant: Plan) -> Iterator[File]:
    """The difference of two compilations, as kustomize takes it."""
    files = manifests(variant)
    change = overlay(base, [found for _, objects in files for found in objects])
    added = {identity(found.body) for found in change.added}
    folder = f"overlays/{variant.variant}"
    resources = ["../../base"]
    for name, objects in files:
        new = [found for found in objects if identity(found.body) in added]
        if new:
            resources.append(name)
            yield yaml_file(plan, f"{folder}/{name}", new)
    patches = {"patches": list(change.patches)} if change.patches else {}
    body = _kustomization(resources, **patches)
    yield yaml_file(plan, f"{folder}/kustomization.yaml", [body], _head(plan, variant))


def _head(plan: Plan, variant: Plan) -> str:
    operator = operator_path(plan, variant)
    needs = (
        "the same mesh settings as the lab itself"
        if operator == operator_path(plan, plan)
        else "mesh settings of its own"
    )
    return (
        f"The variant {variant.variant}. scripts/deploy.sh {variant.variant} switches to it, and takes away what it does not have.\n"
        f"It needs {needs}, {operator}: with others its sidecars may trace or log otherwise, or not at all.\n"
    )


def _kustomization(resources: list[str], **more: Any) -> Object:  # noqa: ANN401  # any YAML value
    body = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": resources, **more}
    return Object(body)


ARTIFACT = Files(_files)
