"""base/<service>.yaml: ServiceAccount, Service and Deployment of each service."""

from collections.abc import Iterator
from typing import Any

from labspec.artifacts._base import Manifests
from labspec.plan import Plan, Workload
from labspec.resource import Object, metadata, pod_labels
from labspec.services._base import Listener


def _objects(plan: Plan) -> Iterator[tuple[str, tuple[Object, ...]]]:
    for workload in plan.workloads:
        account = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": metadata(workload.name, workload.namespace, plan.name),
        }
        service = (_service(plan, workload, workload.listener),) if workload.listener and workload.has_service else ()
        yield f"{workload.name}.yaml", (Object(account), *service, _deployment(plan, workload))


def _service(plan: Plan, workload: Workload, listener: Listener) -> Object:
    # Istio takes the protocol from appProtocol, older tools from the name.
    port = {
        "name": listener.protocol,
        "appProtocol": listener.protocol,
        "port": listener.port,
        "targetPort": listener.protocol,
    }
    spec = {"selector": {"app": workload.name}, "ports": [port]}
    return Object(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata(workload.name, workload.namespace, plan.name),
            "spec": spec,
        }
    )


def _deployment(plan: Plan, workload: Workload) -> Object:
    template = {
        "metadata": {"labels": pod_labels(workload.name, workload.version, plan.name, sidecar=True)},
        "spec": {
            "serviceAccountName": workload.name,
            "enableServiceLinks": False,
            "containers": [_container(workload)],
        },
    }
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(workload.name, workload.namespace, plan.name, annotations={"labspec/variant": "base"}),
        "spec": {
            "replicas": workload.replicas,
            "selector": {"matchLabels": {"app": workload.name}},
            "template": template,
        },
    }
    place = ("spec", "template", "metadata", "labels", "sidecar.istio.io/inject")
    return Object(body, {place: "The pod gets its sidecar when it is created, whatever the namespace's label says."})


def _container(workload: Workload) -> dict[str, Any]:
    container = workload.container
    listener = workload.listener
    return {
        "name": container.name,
        "image": container.image,
        **({"command": list(container.command)} if container.command else {}),
        **({"args": list(container.args)} if container.args else {}),
        **({"ports": [{"name": listener.protocol, "containerPort": listener.target_port}]} if listener else {}),
        **({"readinessProbe": dict(container.readiness)} if container.readiness else {}),
        "resources": {"requests": dict(container.requests)},
    }


ARTIFACT = Manifests(_objects)
