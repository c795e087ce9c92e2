"""The objects that `kubectl apply -k` would send, held against the lab's plan: labels, what runs, who chooses which tracer.

Istio's control plane does not look at these; tests/real/oracle.py has what it looks at.
"""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from labspec.plan import Plan, Workload
from labspec.resource import PART_OF, VARIANT
from tests.real.comparison import Comparison

Body = Mapping[str, Any]


def rendered(program: str, folder: Path) -> str:
    """The objects of a folder, by kubectl or kustomize."""
    verb = "kustomize" if Path(program).name == "kubectl" else "build"
    done = subprocess.run([program, verb, str(folder)], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def selected(plan: Plan, stream: str) -> Comparison:
    """Whether the selector of the scripts finds every object, each pod runs what the plan says, and one Telemetry rules."""
    comparison = Comparison()
    bodies = list(yaml.safe_load_all(stream))
    wanted = {PART_OF: plan.name, "app.kubernetes.io/managed-by": "labspec"}
    workloads = {(workload.namespace, workload.name): workload for workload in plan.workloads}
    programs = {
        (body["metadata"].get("namespace", ""), body["metadata"]["name"]): body["data"]
        for body in bodies
        if body["kind"] == "ConfigMap"
    }
    for body in bodies:
        metadata = body["metadata"]
        who = f"{body['kind']} {metadata['name']}"
        own = metadata.get("labels", {})
        comparison.same(f"{who}: labels", {label: own.get(label) for label in wanted}, wanted)
        if body["kind"] == "Deployment":
            comparison.same(f"{who}: variant", metadata.get("annotations", {}).get(VARIANT), plan.variant)
            workload = workloads.get((metadata.get("namespace", ""), metadata["name"]))
            if workload is not None:
                _runs(comparison, who, workload, body["spec"], programs)
    _telemetries(comparison, plan, [body for body in bodies if body["kind"] == "Telemetry"])
    return comparison


def _runs(
    comparison: Comparison, who: str, workload: Workload, spec: Body, programs: Mapping[tuple[str, str], Body]
) -> None:
    pod = spec["template"]["spec"]
    container, run = workload.container, pod["containers"][0]
    seen = (run["image"], tuple(run.get("command", ())), tuple(run.get("args", ())))
    comparison.same(f"{who}: what runs", seen, (container.image, container.command, container.args))
    comparison.same(f"{who}: replicas", spec["replicas"], workload.replicas)
    program = container.program
    if program is not None:
        volumes = {volume["name"]: volume["configMap"]["name"] for volume in pod["volumes"]}
        mounted = {mount["mountPath"]: volumes[mount["name"]] for mount in run["volumeMounts"]}
        files = programs.get((workload.namespace, mounted.get(program.folder, "")), {})
        comparison.same(f"{who}: program", files.get(program.name), program.text)


def _telemetries(comparison: Comparison, plan: Plan, bodies: list[Body]) -> None:
    """Of two without a selector in one namespace Istio takes the older; one without a provider switches tracing off."""
    planned = [plan.provider.name] if plan.provider else []
    for body in bodies:
        chosen = [provider["name"] for setting in body["spec"]["tracing"] for provider in setting["providers"]]
        comparison.same(f"Telemetry {body['metadata']['name']}: providers", chosen, planned)
    whole = [body["metadata"]["namespace"] for body in bodies if "selector" not in body["spec"]]
    comparison.same("Telemetries without a selector", whole, [plan.namespace for _ in planned])
