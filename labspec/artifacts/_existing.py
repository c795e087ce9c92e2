"""What scripts ask of a cluster: what of the lab is there, and what stands where the lab would put its own."""

from collections.abc import Iterable

from labspec.artifacts._base import manifests
from labspec.plan import Plan
from labspec.resource import PART_OF, identity

Identity = tuple[str, str, str, str]
"""API version, kind, namespace, name."""


def selector(plan: Plan) -> str:
    """The labels of everything that the lab made.

    The lab's name alone does not do: other software says `part-of` too (Istio's own objects are part of `istio`).
    """
    return f"{PART_OF}={plan.name},app.kubernetes.io/managed-by=labspec"


def held(plan: Plan) -> tuple[list[Identity], list[Identity]]:
    """Every object of the lab that lives in a namespace: those of its services, those of its collector."""
    services: list[Identity] = []
    collector: list[Identity] = []
    for file, objects in manifests(plan):
        (collector if file == "collector.yaml" else services).extend(identity(found.body) for found in objects)
    return [found for found in services if found[2]], collector


def kinds(found: Iterable[Identity]) -> str:
    """Their kinds as `kubectl get` takes them, Deployments first: they use the others."""
    order = sorted({(api, kind) for api, kind, _, _ in found}, key=lambda kind: ("/" not in kind[0], kind))
    return ",".join(f"{kind.lower()}.{api.partition('/')[0]}" if "/" in api else kind.lower() for api, kind in order)


def namespaces(plan: Plan) -> list[str]:
    """Where the lab's objects live, the namespace of its services first."""
    return list(dict.fromkeys([plan.namespace, *([plan.collector.namespace] if plan.collector else [])]))


def listed(found: Iterable[Identity]) -> str:
    """Kind/name of each, one a line."""
    return "\n".join(f"{kind}/{name}" for _, kind, _, name in found)


# Needs the setting LAB.
FOREIGN = r"""
newline=$'\n'
owner='{.metadata.labels.app\.kubernetes\.io/part-of}/{.metadata.labels.app\.kubernetes\.io/managed-by}'

foreign() { # namespace, kinds, Kind/name of each object of the lab: prints those that stand there and are not this lab's
  local found object label
  found=$("${kubectl[@]}" get "$2" --namespace="$1" --output="jsonpath={range .items[*]}{.kind}/{.metadata.name} $owner{\"\\n\"}{end}") || return
  while read -r object label; do
    [[ $label != "$LAB/labspec" ]] || continue
    [[ $newline$3$newline != *"$newline$object$newline"* ]] || printf '%s\n' "$object"
  done <<<"$found"
}

namespace_state() { # prints name|owner|istio-injection|istio.io/rev of a namespace, nothing when there is none
  "${kubectl[@]}" get namespace "$1" --ignore-not-found \
    --output="jsonpath={.metadata.name}|$owner|{.metadata.labels.istio-injection}|{.metadata.labels.istio\\.io/rev}"
}
""".lstrip("\n")
