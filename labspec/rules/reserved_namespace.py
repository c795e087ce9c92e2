"""A namespace in which no lab may live."""

from collections.abc import Iterator

from labspec.finding import ERROR
from labspec.lab import Lab
from labspec.mesh import ROOT_NAMESPACE
from labspec.rules._base import Hit, Rule


def _check(lab: Lab) -> Iterator[Hit]:
    place = ("namespace",) if lab.spec.namespace else ("name",)
    namespace = lab.namespace()
    if namespace.startswith("kube-"):
        yield Hit(
            place,
            f'namespace "{namespace}" belongs to Kubernetes: Istio injects no sidecar there',
            "choose another namespace",
        )
    if namespace == ROOT_NAMESPACE:
        yield Hit(
            place, f'namespace "{namespace}" belongs to Istio', "choose another namespace; the collector may stay there"
        )
    if namespace == "default" and lab.makes_namespace():
        made = lab.spec.createNamespace is not None
        advice = "leave createNamespace out" if made else "write namespace: default, or give the lab another name"
        message = 'namespace "default" is there in every cluster: no lab makes it'
        yield Hit(("createNamespace",) if made else place, message, advice)
    home = lab.spec.collector.home()
    if home is not None and home.startswith("kube-"):
        yield Hit(("collector", "namespace"), f'namespace "{home}" belongs to Kubernetes', "choose another namespace")


RULE = Rule(
    id="reserved-namespace",
    severity=ERROR,
    summary="The lab would live in a namespace of Kubernetes or Istio.",
    why="Istio's injector passes over kube-system, kube-public and kube-node-lease, so no service there has a sidecar; and cleaning up must never touch them. "
    "`default` can be used, but not made: who makes a namespace takes it away in the end.",
    failing="namespace: kube-system",
    mended="namespace: tracing-lab",
    source="istio/istio pkg/kube/inject/inject.go (IgnoredNamespaces)",
    on_lab=_check,
    needs=("namespace", "name", "createNamespace"),
)
