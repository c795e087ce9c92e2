"""What simulated pods log and execute, as objects of kwok."""

import shutil
from pathlib import Path
from typing import Any

from labspec.plan import Plan
from tests.real.cluster import Body, Cluster


def simulated(kind: str, name: str, selector: Body, **parts: Any) -> Body:
    """An object that tells kwok how its pods behave."""
    metadata = {"name": name}
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": kind,
        "metadata": metadata,
        "spec": {"selector": selector, **parts},
    }


def logged(form: Plan, folder: Path) -> str:
    """Writes what the pods log of the predicted request; gives its trace."""
    request = form.prediction.requests[0]
    (hop,) = request.hops
    lines = {(line.service, "istio-proxy"): line.text for line in hop.lines}
    sent = f" traceID={hop.app.trace_id} spanID={hop.app.span_id}" if hop.app else ""
    texts = {**lines, ("frontend", "curl"): f"{hop.method} {hop.url} 200{sent}"}
    for (name, container), text in texts.items():
        (folder / f"{name}.{container}.log").write_text(f"2026-01-01T00:00:00.0Z stdout F {text}\n")
    (folder / "backend.http-echo.log").touch()
    (trace,) = request.traces
    return trace


def recorded(cluster: Cluster, namespace: str, folder: Path) -> list[Body]:
    """That the lab's pods log what is in these files."""
    pods = {
        pod["metadata"]["labels"]["app"]: pod["metadata"]["name"]
        for pod in cluster.get("pods", f"--namespace={namespace}")
    }
    return [
        simulated(
            "ClusterLogs",
            file.stem.replace(".", "-"),
            {"matchNames": [pods[file.name.partition(".")[0]]]},
            logs=[{"containers": [file.stem.partition(".")[2]], "logsFile": str(file)}],
        )
        for file in sorted(folder.glob("*.*.log"))
    ]


def commands(folder: Path, status: str) -> Body:
    """Pods in which a shell finds these programs alone: what a client's script needs, and a curl that knows the answer."""
    programs = folder / "programs"
    programs.mkdir()
    for name in ("tr", "cut", "seq"):
        (programs / name).symlink_to(shutil.which(name) or "")
    (programs / "curl").write_text(f"#!/bin/sh\nprintf %s {status}\n")
    (programs / "curl").chmod(0o755)
    path = [{"name": "PATH", "value": str(programs)}]
    execs = [{"containers": ["curl"], "local": {"workDir": str(folder), "envs": path}}]
    return simulated("ClusterExec", "clients", {"matchNamespaces": ["default"]}, execs=execs)
