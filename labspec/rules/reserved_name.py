"""A name that is taken already."""

from collections.abc import Iterator

from labspec.finding import ERROR
from labspec.lab import Lab
from labspec.mesh import CLUSTER_DOMAIN
from labspec.rules._base import Hit, Rule

# Files of base/ that are not a service's.
_FILES = frozenset({"collector", "kustomization", "namespaces", "programs", "telemetry"})


def _check(lab: Lab) -> Iterator[Hit]:
    taken = {name: f"base/{name}.yaml is another file of the lab" for name in _FILES}
    if lab.namespace() == "default":
        taken["kubernetes"] = "the Service kubernetes in namespace default is the cluster's own API"
    backend = lab.spec.collector.backend(lab.surroundings(CLUSTER_DOMAIN))
    if backend is not None and backend.namespace == lab.namespace():
        for name in (backend.deployment, *backend.services):
            taken[name] = f"the collector has that name in namespace {backend.namespace}"
    for name in lab.spec.services:
        if name in taken:
            yield Hit(("services", name), f'the name "{name}" is taken: {taken[name]}', "choose another name", key=True)


RULE = Rule(
    id="reserved-name",
    severity=ERROR,
    summary="A service has a name that something else in its place has already.",
    why="Two objects of one kind, namespace and name are one object: applying the lab would overwrite the other, the cluster's own API among them.",
    failing="namespace: default\nservices:\n  frontend: {kind: curl, calls: [kubernetes]}\n  kubernetes: {kind: http-echo}",
    mended="namespace: default\nservices:\n  frontend: {kind: curl, calls: [orders]}\n  orders: {kind: http-echo}",
    source="https://kubernetes.io/docs/concepts/overview/working-with-objects/names/",
    on_lab=_check,
    needs=("namespace", "name", "collector"),
)
