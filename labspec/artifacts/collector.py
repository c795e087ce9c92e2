"""base/collector.yaml: the trace collector."""

from collections.abc import Iterator

from labspec.artifacts._base import Manifests
from labspec.plan import Plan
from labspec.resource import Object


def _objects(plan: Plan) -> Iterator[tuple[str, tuple[Object, ...]]]:
    if plan.collector is not None:
        yield "collector.yaml", plan.collector.objects


ARTIFACT = Manifests(_objects)
