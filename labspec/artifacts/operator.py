"""istio/operator.yaml: how istioctl installs the mesh for this lab."""

from collections.abc import Iterator
from typing import Any

from labspec.artifacts._base import Files, yaml_file
from labspec.bundle import File
from labspec.plan import Plan
from labspec.resource import Object

_HEAD = """\
For `istioctl install -f` only (scripts/install.sh): Kubernetes has no such resource, so it stands in no kustomization.
"""


def _files(plan: Plan) -> Iterator[File]:
    body = {
        "apiVersion": "install.istio.io/v1alpha1",
        "kind": "IstioOperator",
        "metadata": {"name": plan.name, "namespace": plan.istio_namespace},
        "spec": {"profile": plan.istio_profile, "meshConfig": _mesh_config(plan)},
    }
    yield yaml_file(plan, "istio/operator.yaml", [Object(body, _comments(plan))], _HEAD)


def _mesh_config(plan: Plan) -> dict[str, Any]:
    tracing: dict[str, Any] = {}
    if plan.collector is not None:
        receiver = plan.collector.receivers[0]
        tracing = {
            "defaultConfig": {
                "tracing": {"sampling": plan.percent, "zipkin": {"address": f"{receiver.host}:{receiver.port}"}},
            }
        }
    return {"enableTracing": plan.collector is not None, **tracing, **_access_log(plan)}


def _access_log(plan: Plan) -> dict[str, Any]:
    if plan.log.text is None:
        return {"accessLogFile": ""}
    return {
        "accessLogFile": "/dev/stdout",
        "accessLogEncoding": "TEXT",
        **({} if plan.log.is_own else {"accessLogFormat": plan.log.text + "\n"}),
    }


def _comments(plan: Plan) -> dict[tuple[str | int, ...], str]:
    mesh = ("spec", "meshConfig")
    if plan.collector is None:
        return {(*mesh, "enableTracing"): "No collector, no tracer: sidecars make no spans and no trace headers."}
    return {
        (
            *mesh,
            "defaultConfig",
            "tracing",
        ): "Read by a sidecar at its start: restart the pods after a change (scripts/restart.sh).",
        (
            *mesh,
            "defaultConfig",
            "tracing",
            "sampling",
        ): "Percent of the traces that a sidecar starts; written out, because the default depends on the profile.",
        (
            *mesh,
            "defaultConfig",
            "tracing",
            "zipkin",
            "address",
        ): "Resolved by each proxy; nothing reports a wrong one.",
    }


ARTIFACT = Files(_files)
