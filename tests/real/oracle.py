"""What Istio's control plane would make of a lab's files, held against the lab's plan.

The program tests/real/istio gives the report. The expectations come from the Plan alone; `compared` returns what they disagree on.
"""

import json
import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from labspec.mesh import Proxy, Tracer
from labspec.plan import Plan, Workload
from tests.real.comparison import Comparison

VERSION = "v0.0.0-20260827124520-eed52ebb66ad"
"""Of the Go module istio.io/istio."""

_WAYS = {"zipkin": ("http", "/api/v2/spans"), "otlp-grpc": ("grpc", None), "otlp-http": ("http", "/v1/traces")}
"""Protocol -> how spans go, and the path that they are posted to."""

_OPTIONS = {"b3": "USE_B3", "b3+w3c": "USE_B3_WITH_W3C_PROPAGATION"}
"""Propagation format -> which headers Envoy's zipkin tracer is told to use; its opentelemetry tracer knows one format."""

_RACE = re.compile(r'gatewayclasses\.gateway\.networking\.k8s\.io "istio(-remote)?" already exists')
"""Two controllers of istiod make the same object at once now and then, and one of them tries again."""


class Refused(NamedTuple):
    """Istio takes no such lab."""

    reasons: list[str]


def namespaces(plan: Plan) -> str:
    """The namespaces that a lab expects to find, as manifests before its own."""
    expected = {plan.namespace, *([plan.collector.namespace] if plan.collector else [])}
    made = {plan.namespace} if plan.owns_namespace else set()
    bodies = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in expected - made]
    # That of Istio comes with Istio.
    return "".join(
        f"{json.dumps(body)}\n---\n" for body in bodies if body["metadata"] != {"name": plan.istio_namespace}
    )


def report(program: str, plan: Plan, operator: Path, stream: str, dump: Path | None = None) -> dict[str, Any] | Refused:
    """What Istio with the settings of `operator` makes of the lab whose rendered objects are `stream`."""
    done = subprocess.run(
        [
            program,
            *("-iop", str(operator), "-manifests", "-"),
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
    running = {workload.name for workload in plan.workloads if workload.replicas}
    predicted = set()
    for proxy in plan.mesh.proxies:
        if proxy.service not in running:
            continue
        if proxy.tracer.value is None:
            predicted.add("no-provider" if _is_untold(plan) else "tracing-off")
        elif proxy.sampling.value == 0:
            predicted.add("zero-sampling")
    said = {finding["code"] for finding in found["findings"] if finding["level"] != "info"}
    comparison.same("findings", said, predicted)
    absent = [each for each in plan.workloads if each.has_service and not each.replicas]
    warnings = [f"Service {each.namespace}/{each.name} selects no pod" for each in absent]
    comparison.same("warnings", sorted(found.get("warnings", [])), sorted(warnings))
    comparison.same("istiodLog", [line for line in found.get("istiodLog", []) if not _RACE.search(line)], [])
    for log in ("resourceWarnings", "operatorWarnings", "ignored"):
        comparison.same(log, found.get(log, []), [])


def _is_untold(plan: Plan) -> bool:
    """Whether nothing says that there is no tracer: then Envoy has a tracing section, and no tracer to go with it."""
    return plan.api == "telemetry"


def _injection(comparison: Comparison, plan: Plan, found: dict[str, Any]) -> None:
    planned = {
        (workload.namespace, workload.name): workload.sidecar and workload.replicas > 0 for workload in plan.workloads
    }
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
            _tracing(comparison, f"{who}: {direction}", plan, proxy, setting)
    _log(comparison, who, proxy, sidecar["accessLogs"])
    _routes(comparison, plan, workload, proxy, sidecar)


def _tracing(comparison: Comparison, who: str, plan: Plan, proxy: Proxy, setting: dict[str, Any]) -> None:
    tracer = proxy.tracer.value
    comparison.same(f"{who}: makes spans", setting["enabled"], tracer is not None)
    comparison.same(f"{who}: tracer's source", setting["providerSource"], tracer.source if tracer else "none")
    # Istio adds its own (istio.mesh_id, ...) whatever one sets.
    own_tags = [tag for tag in setting.get("customTags", {}) if not tag.startswith("istio.")]
    comparison.same(f"{who}: custom tags", own_tags, [])
    if tracer is None:
        comparison.same(f"{who}: tracing section", setting["hcmTracing"], _is_untold(plan))
        return
    if not setting["enabled"]:
        return  # it has nothing more to compare
    comparison.same(f"{who}: tracer", setting["providerType"], tracer.kind)
    comparison.same(f"{who}: name in spans", setting["serviceName"], proxy.service_name)
    comparison.same(f"{who}: sampling", setting["randomSampling"], proxy.sampling.value)
    # A caller's decision is always obeyed: Istio has no setting for these two.
    comparison.same(f"{who}: client sampling", setting["clientSampling"], 100)
    comparison.same(f"{who}: overall sampling", setting["overallSampling"], 100)
    if tracer.kind == "zipkin":
        config = setting["providerConfig"]
        # A bootstrap has the names of the fields as they are in the protocol's source.
        option = config.get("traceContextOption", config.get("trace_context_option", "USE_B3"))
        comparison.same(f"{who}: headers", option, _OPTIONS[tracer.format.name])
        wide = config.get("traceId128bit", config.get("trace_id_128bit"))
        comparison.same(f"{who}: ids of 128 bits", wide, True)  # a value, no switch
        shared = config.get("sharedSpanContext", config.get("shared_span_context"))
        comparison.same(f"{who}: client and server share a span", shared, False)
    _collector(comparison, who, tracer, setting["collector"])


def _collector(comparison: Comparison, who: str, tracer: Tracer, collector: dict[str, Any]) -> None:
    port = tracer.address.rpartition(":")[2]
    transport, path = _WAYS[tracer.protocol]
    comparison.same(f"{who}: collector", collector["address"], tracer.address)
    comparison.same(f"{who}: way to the collector", (collector["transport"], collector.get("path")), (transport, path))
    comparison.same(f"{who}: collector: HTTP/2", collector["http2"], transport == "grpc")
    for part in ("clusterExists", "serviceExists", "portExists"):
        comparison.same(f"{who}: collector: {part}", collector[part], True)
    comparison.same(f"{who}: collector's endpoints", _ports(collector["endpoints"]), [port])
    comparison.same(f"{who}: collector's container port", collector.get("containerPortDeclared"), True)


def _ports(endpoints: list[str]) -> list[str]:
    return [endpoint.rpartition(":")[2] for endpoint in endpoints]


def _log(comparison: Comparison, who: str, proxy: Proxy, logs: dict[str, Any]) -> None:
    log = proxy.log.value
    wanted = {piece.key: piece.text for piece in log.pieces} if log.text is None else f"{log.text}\n"
    planned = [("file", "/dev/stdout", log.encoding, wanted)] if log.encoding else []
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
