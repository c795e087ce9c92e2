"""What a lab asks of the cluster: the sum of its containers' requests."""

from labspec.plan import Plan
from labspec.quantity import nano, total_cpu, total_memory

# What Istio's profiles ask for each sidecar: https://istio.io/latest/docs/setup/additional-setup/config-profiles/.
_SIDECAR = {"demo": ("10m", "40Mi")}
_SIDECAR_ELSEWHERE = ("100m", "128Mi")


def total(plan: Plan) -> str:
    """`70m CPU and 300Mi memory (3 pods, 2 of them with a sidecar)`."""
    cpu = memory = pods = sidecars = 0
    side = _SIDECAR.get(plan.istio_profile, _SIDECAR_ELSEWHERE)
    own = {"cpu": side[0], "memory": side[1]}
    asked = [(workload.container.requests, workload.replicas) for workload in plan.workloads]
    asked += [(own, workload.replicas) for workload in plan.workloads if workload.sidecar]
    asked += [(plan.collector.requests, 1)] if plan.collector else []
    for requests, count in asked:
        cpu += count * (nano(requests["cpu"]) or 0)
        memory += count * (nano(requests["memory"]) or 0)
    for workload in plan.workloads:
        pods += workload.replicas
        sidecars += workload.replicas * workload.sidecar
    pods += plan.collector is not None
    return f"{total_cpu(cpu)} CPU and {total_memory(memory)} memory ({pods} pods, {sidecars} of them with a sidecar)"
