"""base/programs.yaml: the programs that labspec brings into containers, each once."""

from collections.abc import Iterator

from labspec.artifacts._base import Manifests
from labspec.plan import Plan
from labspec.resource import Object, metadata


def _objects(plan: Plan) -> Iterator[tuple[str, tuple[Object, ...]]]:
    programs = {workload.container.program for workload in plan.workloads if workload.container.program}
    objects = tuple(
        Object(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": metadata(program.config_map, plan.namespace, plan.name),
                "data": {program.name: program.text},
            }
        )
        for program in sorted(programs)
    )
    if objects:
        yield "programs.yaml", objects


ARTIFACT = Manifests(_objects)
