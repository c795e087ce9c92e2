"""base/<service>.yaml: ServiceAccount, Service and Deployment of each service."""

from collections.abc import Iterator
from typing import Any

from labspec.artifacts._base import Manifests
from labspec.plan import Plan, Workload
from labspec.resource import VARIANT, Object, metadata, pod_labels
from labspec.services._base import Listener
from labspec.services._env import Variable
from labspec.shell import literal_for_kubernetes
from labspec.yamltext import document


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
    labels = pod_labels(workload.name, workload.version, plan.name, sidecar=workload.sidecar)
    annotations = {**_config(plan, workload), **workload.annotations}
    template = {
        "metadata": {
            "labels": {**labels, **workload.labels},
            **({"annotations": annotations} if annotations else {}),
        },
        "spec": {
            "serviceAccountName": workload.name,
            "enableServiceLinks": False,
            "containers": [_container(plan, workload)],
            **_volumes(workload),
        },
    }
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(plan, workload),
        "spec": {
            "replicas": workload.replicas,
            "selector": {"matchLabels": {"app": workload.name}},
            "template": template,
        },
    }
    place = ("spec", "template", "metadata", "labels", "sidecar.istio.io/inject")
    why = (
        "The pod gets its sidecar when it is created, whatever the namespace's label says."
        if workload.sidecar
        else "Outside the mesh: no sidecar, and so no spans."
    )
    return Object(body, {place: why})


def _metadata(plan: Plan, workload: Workload) -> dict[str, Any]:
    annotations = {VARIANT: plan.variant, **workload.annotations}
    found = metadata(workload.name, workload.namespace, plan.name, annotations=annotations)
    return {**found, "labels": {**found["labels"], **workload.labels}}


def _config(plan: Plan, workload: Workload) -> dict[str, str]:
    """With the older API a service's own sampling is an annotation; it replaces the mesh's whole `tracing`, the address too."""
    if plan.api != "meshConfig" or workload.sampling is None or plan.receiver is None or not workload.sidecar:
        return {}
    address = f"{plan.receiver.host}:{plan.receiver.port}"
    settings = {"tracing": {"sampling": workload.sampling, "zipkin": {"address": address}}}
    return {"proxy.istio.io/config": document(settings)}


def _volumes(workload: Workload) -> dict[str, Any]:
    program = workload.container.program
    return {"volumes": [{"name": "program", "configMap": {"name": program.config_map}}]} if program else {}


def _container(plan: Plan, workload: Workload) -> dict[str, Any]:
    container = workload.container
    listener = workload.listener
    return {
        "name": container.name,
        "image": container.image,
        **plan.images.policy(),
        **({"command": list(container.command)} if container.command else {}),
        **({"args": list(container.args)} if container.args else {}),
        **({"env": [_variable(each) for each in container.env]} if container.env else {}),
        **({"ports": [{"name": listener.protocol, "containerPort": listener.target_port}]} if listener else {}),
        **({"readinessProbe": dict(container.readiness)} if container.readiness else {}),
        "resources": {
            "requests": dict(container.requests),
            **({"limits": dict(container.limits)} if container.limits else {}),
        },
        **_mounts(workload),
    }


def _variable(variable: Variable) -> dict[str, Any]:
    if not variable.source:
        return {"name": variable.name, "value": literal_for_kubernetes(variable.value)}
    if variable.source == "field":
        # Kubernetes fills the version in; without it here `kubectl apply --server-side` sees a conflict.
        field = {"apiVersion": "v1", "fieldPath": variable.value}
        return {"name": variable.name, "valueFrom": {"fieldRef": field}}
    source = {f"{variable.source}KeyRef": {"name": variable.holder, "key": variable.value}}
    return {"name": variable.name, "valueFrom": source}


def _mounts(workload: Workload) -> dict[str, Any]:
    program = workload.container.program
    return {"volumeMounts": [{"name": "program", "mountPath": program.folder, "readOnly": True}]} if program else {}


ARTIFACT = Manifests(_objects)
