"""kustomization.yaml and base/kustomization.yaml."""

from collections.abc import Iterator

from labspec.artifacts._base import Files, manifests, yaml_file
from labspec.bundle import File
from labspec.plan import Plan
from labspec.resource import Object

_HEAD = """\
`kubectl apply -k .` deploys the lab on a mesh that scripts/install.sh installed.
"""


def _files(plan: Plan) -> Iterator[File]:
    yield yaml_file(plan, "kustomization.yaml", [_kustomization(["base"])], _HEAD)
    yield yaml_file(plan, "base/kustomization.yaml", [_kustomization([name for name, _ in manifests(plan)])])


def _kustomization(resources: list[str]) -> Object:
    return Object({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": resources})


ARTIFACT = Files(_files)
