"""What a lab asks of the cluster: the sum of its containers' requests."""

from labspec.plan import Plan

# What Istio's profiles ask for each sidecar: https://istio.io/latest/docs/setup/additional-setup/config-profiles/.
_SIDECAR = {"demo": ("10m", "40Mi")}
_SIDECAR_ELSEWHERE = ("100m", "128Mi")


def total(plan: Plan) -> str:
    """`70m CPU and 300Mi memory (3 pods, 2 of them with a sidecar)`; of Kubernetes' units only m and Mi are in use here."""
    cpu = memory = pods = sidecars = 0
    side = _SIDECAR.get(plan.istio_profile, _SIDECAR_ELSEWHERE)
    for workload in plan.workloads:
        own = {"cpu": side[0], "memory": side[1]}
        for asked in (workload.container.requests, own) if workload.sidecar else (workload.container.requests,):
            cpu += workload.replicas * int(asked["cpu"].removesuffix("m"))
            memory += workload.replicas * int(asked["memory"].removesuffix("Mi"))
        pods += workload.replicas
        sidecars += workload.replicas * workload.sidecar
    if plan.collector is not None:
        cpu += int(plan.collector.requests["cpu"].removesuffix("m"))
        memory += int(plan.collector.requests["memory"].removesuffix("Mi"))
        pods += 1
    return f"{cpu}m CPU and {memory}Mi memory ({pods} pods, {sidecars} of them with a sidecar)"
