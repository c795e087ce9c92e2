"""What Istio's control plane would make of a lab's files, held against the lab's plan.

The program tests/real/istio gives the report. The expectations come from the Plan alone; `compared` returns what they disagree on.
"""

import json
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from labspec.mesh import Proxy, Tracer
from labspec.plan import Plan, Workload

VERSION = "v0.0.0-20260827124520-eed52ebb66ad"
"""Of the Go module istio.io/istio."""

_SPANS = {"zipkin": "/api/v2/spans"}
"""Tracer -> the path that its spans are posted to."""


class Comparison:
    """Counts what was held against the plan, and keeps what was otherwise."""

    def __init__(self) -> None:
        self.count = 0
        self.disagreements: list[str] = []

    def same(self, what: str, found: object, planned: object) -> None:
        """Notes one comparison."""
        self.count += 1
        if found != planned:
            self.disagreements.append(f"{what}: {found!r}, planned {planned!r}")


class Refused(NamedTuple):
    """Istio takes no such lab."""

    reasons: list[str]


def namespaces(plan: Plan) -> str:
    """The namespace that a lab expects to find, as a manifest before its own."""
    if plan.owns_namespace:
        return ""
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": plan.namespace}}
    return json.dumps(body) + "\n---\n"


def rendered(program: str, folder: Path) -> str:
    """The objects that `kubectl apply -k` would send, by kubectl or kustomize."""
    verb = "kustomize" if Path(program).name == "kubectl" else "build"
    done = subprocess.run([program, verb, str(folder)], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def selected(plan: Plan, stream: str) -> Comparison:
    """Whether the selector of the scripts finds every rendered object, and each pod runs what the plan says."""
    comparison = Comparison()
    wanted = {"app.kubernetes.io/part-of": plan.name, "app.kubernetes.io/managed-by": "labspec"}
    containers = {(workload.namespace, workload.name): workload.container for workload in plan.workloads}
    for body in yaml.safe_load_all(stream):
        metadata = body["metadata"]
        who = f"{body['kind']} {metadata['name']}"
        own = metadata.get("labels", {})
        comparison.same(f"{who}: labels", {label: own.get(label) for label in wanted}, wanted)
        container = containers.get((metadata.get("namespace", ""), metadata["name"]))
        if body["kind"] == "Deployment" and container is not None:
            run = body["spec"]["template"]["spec"]["containers"][0]
            seen = (run["image"], tuple(run.get("command", ())), tuple(run.get("args", ())))
            comparison.same(f"{who}: what runs", seen, (container.image, container.command, container.args))
    return comparison


def report(program: str, plan: Plan, folder: Path, stream: str, dump: Path | None = None) -> dict[str, Any] | Refused:
    """What Istio makes of the lab in `folder`, whose rendered objects are `stream`."""
    done = subprocess.run(
        [
            program,
            *("-iop", str(folder / "istio" / "operator.yaml"), "-manifests", "-"),
            *("-istio-version", f"{plan.istio_version}.0", *(("-dump", str(dump)) if dump else ())),
        ],
        input=namespaces(plan) + stream,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if not done.stdout:
        pytest.fail(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    if "refused" in found:
        return Refused([f"{reason['stage']}: {reason['message']}" for reason in found["refused"]])
    return found


def compared(plan: Plan, found: dict[str, Any] | Refused) -> Comparison:
    """The whole report against the whole plan."""
    comparison = Comparison()
    if isinstance(found, Refused):
        comparison.same("refused", found.reasons, [])
        return comparison
    _silence(comparison, plan, found)
    _injection(comparison, plan, found)
    _services(comparison, plan, found)
    proxies = {proxy.service: proxy for proxy in plan.mesh.proxies}
    workloads = {workload.name: workload for workload in plan.workloads}
    for sidecar in found["workloads"]:
        if sidecar["injected"] and sidecar["name"] in proxies:
            _sidecar(comparison, plan, workloads[sidecar["name"]], proxies[sidecar["name"]], sidecar)
    return comparison


def _silence(comparison: Comparison, plan: Plan, found: dict[str, Any]) -> None:
    """Nothing that the plan does not predict: a lab without a tracer has none, a rate of 0 samples nothing."""
    predicted = set()
    for proxy in plan.mesh.proxies:
        if proxy.tracer.value is None:
            predicted.add("tracing-off")
        elif proxy.sampling.value == 0:
            predicted.add("zero-sampling")
    said = {finding["code"] for finding in found["findings"] if finding["level"] != "info"}
    comparison.same("findings", said, predicted if any(workload.replicas for workload in plan.workloads) else set())
    for log in ("istiodLog", "warnings", "resourceWarnings", "operatorWarnings", "ignored"):
        comparison.same(log, found.get(log, []), [])


def _injection(comparison: Comparison, plan: Plan, found: dict[str, Any]) -> None:
    planned = {(workload.namespace, workload.name): workload.replicas > 0 for workload in plan.workloads}
    if plan.collector is not None:
        planned[plan.collector.namespace, plan.collector.deployment] = False
    seen = {(pod["namespace"], pod["name"]): pod["injected"] for pod in found["workloads"] if not pod.get("fromIstio")}
    comparison.same("pods with a sidecar", seen, planned)


def _services(comparison: Comparison, plan: Plan, found: dict[str, Any]) -> None:
    # Istio goes by appProtocol where there is one, so a wrong name shows only here.
    seen = {
        service["host"]: [
            (port["port"], port["name"].partition("-")[0], port["treatedAs"]) for port in service["ports"]
        ]
        for service in found["services"]
        if service["namespace"] == plan.namespace
    }
    for workload in plan.workloads:
        listener = workload.listener
        ports = [(listener.port, listener.protocol, listener.protocol)] if listener else []
        planned = ports if workload.has_service else None
        comparison.same(f"ports of Service {workload.name}", seen.get(_host(plan, workload)), planned)


def _host(plan: Plan, workload: Workload) -> str:
    return f"{workload.name}.{workload.namespace}.svc.{plan.cluster_domain}"


def _sidecar(comparison: Comparison, plan: Plan, workload: Workload, proxy: Proxy, sidecar: dict[str, Any]) -> None:
    who = workload.name
    comparison.same(f"{who}: service name", sidecar["serviceName"], proxy.service_name)
    comparison.same(f"{who}: labels", sidecar["labels"].get("version"), workload.version)
    comparison.same(f"{who}: service account", sidecar["serviceAccount"], workload.name)
    for direction in ("client", "server"):
        settings = sidecar["tracing"][direction]
        comparison.same(f"{who}: {direction}: distinct tracing settings", len(settings), 1)
        for setting in settings:
            _tracing(comparison, f"{who}: {direction}", proxy, setting)
    _log(comparison, who, proxy, sidecar["accessLogs"])
    _routes(comparison, plan, workload, proxy, sidecar)


def _tracing(comparison: Comparison, who: str, proxy: Proxy, setting: dict[str, Any]) -> None:
    tracer = proxy.tracer.value
    comparison.same(f"{who}: makes spans", setting["enabled"], tracer is not None)
    comparison.same(f"{who}: tracer's source", setting["providerSource"], tracer.source if tracer else "none")
    # Istio adds its own (istio.mesh_id, ...) whatever one sets.
    own_tags = [tag for tag in setting.get("customTags", {}) if not tag.startswith("istio.")]
    comparison.same(f"{who}: custom tags", own_tags, [])
    if tracer is None:
        comparison.same(f"{who}: tracing section", setting["hcmTracing"], False)  # a value, no switch
        return
    comparison.same(f"{who}: tracer", setting["providerType"], tracer.kind)
    comparison.same(f"{who}: name in spans", setting["serviceName"], proxy.service_name)
    comparison.same(f"{who}: sampling", setting["randomSampling"], proxy.sampling.value)
    # A caller's decision is always obeyed: Istio has no setting for these two.
    comparison.same(f"{who}: client sampling", setting["clientSampling"], 100)
    comparison.same(f"{who}: overall sampling", setting["overallSampling"], 100)
    option = setting["providerConfig"].get("trace_context_option", "USE_B3")
    comparison.same(f"{who}: headers", option, {"b3": "USE_B3"}[tracer.format.name])
    _collector(comparison, who, tracer, setting["collector"])


def _collector(comparison: Comparison, who: str, tracer: Tracer, collector: dict[str, Any]) -> None:
    port = tracer.address.rpartition(":")[2]
    comparison.same(f"{who}: collector", collector["address"], tracer.address)
    comparison.same(f"{who}: collector's path", collector.get("path"), _SPANS[tracer.kind])
    for part in ("clusterExists", "serviceExists", "portExists"):
        comparison.same(f"{who}: collector: {part}", collector[part], True)
    comparison.same(f"{who}: collector's endpoints", _ports(collector["endpoints"]), [port])
    comparison.same(f"{who}: collector's container port", collector.get("containerPortDeclared"), True)


def _ports(endpoints: list[str]) -> list[str]:
    return [endpoint.rpartition(":")[2] for endpoint in endpoints]


def _log(comparison: Comparison, who: str, proxy: Proxy, logs: dict[str, Any]) -> None:
    text = proxy.log.value.text
    planned = [] if text is None else [("file", "/dev/stdout", "TEXT", f"{text}\n")]
    for place, settings in logs.items():
        seen = [tuple(setting.get(key) for key in ("type", "path", "encoding", "format")) for setting in settings]
        comparison.same(f"{who}: access log of {place}", seen, planned)


def _routes(comparison: Comparison, plan: Plan, workload: Workload, proxy: Proxy, sidecar: dict[str, Any]) -> None:
    """How the sidecar reaches each Service of the lab, and how it takes what comes to its own."""
    outbound = {(route["host"], route["port"]): route for route in sidecar["outbound"]}
    for other in plan.workloads:
        if other.listener is None or not other.has_service:
            continue
        route = outbound.get((_host(plan, other), other.listener.port), {})
        who = f"{workload.name} to {other.name}"
        comparison.same(f"{who}: protocol", route.get("treatedAs"), other.listener.protocol)
        comparison.same(f"{who}: traced", route.get("traced"), proxy.tracer.value is not None)
        # The program makes one pod of each Deployment.
        pods = [str(other.listener.target_port)] if other.replicas else []
        comparison.same(f"{who}: endpoints", _ports(route.get("endpoints", [])), pods)
    if workload.listener is not None and workload.has_service:
        chains = [chain for chain in sidecar["inbound"] if chain["port"] == workload.listener.target_port]
        comparison.same(f"{workload.name}: takes HTTP", any(chain["http"] for chain in chains), True)
        comparison.same(f"{workload.name}: is called", sidecar["serviceHosts"], [_host(plan, workload)])
    else:
        comparison.same(f"{workload.name}: is called", sidecar["serviceHosts"], [])
