"""Kubernetes objects as mappings: their metadata, and the order in which files list them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from labspec.yamltext import Comments

Body = Mapping[str, Any]

PART_OF = "app.kubernetes.io/part-of"
"""The label that says to which lab an object belongs; pruning and teardown go by it."""

VARIANT = "labspec/variant"
"""The annotation of a Deployment that says which of the lab's forms runs."""

BASE = "base"
"""What the form is called that is no variant."""


class Object(NamedTuple):
    """One Kubernetes object, and the comments that a learner reads beside its keys."""

    body: Body
    comments: Comments = MappingProxyType({})


def labels(name: str, lab: str) -> dict[str, str]:
    """The labels of every object: https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/."""
    return {"app.kubernetes.io/name": name, PART_OF: lab, "app.kubernetes.io/managed-by": "labspec"}


def pod_labels(name: str, version: str, lab: str, *, sidecar: bool) -> dict[str, str]:
    """The labels of a pod: `app` and `version` are what Istio and Kiali call it by."""
    return {
        "app": name,
        "version": version,
        **labels(name, lab),
        "sidecar.istio.io/inject": "true" if sidecar else "false",
    }


def metadata(name: str, namespace: str | None, lab: str, owner: str | None = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401  # any YAML value
    """Metadata of an object that belongs to `owner` (a service or the collector; its own name where absent)."""
    place = {"namespace": namespace} if namespace else {}
    return {"name": name, **place, "labels": labels(owner or name, lab), **more}


def group_kind(body: Body) -> tuple[str, str]:
    """`("apps/v1", "Deployment")`."""
    return str(body["apiVersion"]), str(body["kind"])


def identity(body: Body) -> tuple[str, str, str, str]:
    """What no two objects of a lab share: API version, kind, namespace, name."""
    return (*group_kind(body), str(body["metadata"].get("namespace", "")), str(body["metadata"]["name"]))
