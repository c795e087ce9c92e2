"""base/namespaces.yaml: the namespaces that the lab makes for itself."""

from collections.abc import Iterator

from labspec.artifacts._base import Manifests
from labspec.plan import Plan
from labspec.resource import Object, metadata


def _objects(plan: Plan) -> Iterator[tuple[str, tuple[Object, ...]]]:
    if plan.owns_namespace:
        yield (
            "namespaces.yaml",
            (Object({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata(plan.namespace, None, plan.name)}),),
        )


ARTIFACT = Manifests(_objects)
