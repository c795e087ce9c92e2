"""istioctl has nothing to say against any lab that labspec has nothing to say against."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from labspec.artifacts._mesh import operator_path
from labspec.resource import BASE
from tests.real.cases import Case, every_case
from tests.real.objects import rendered
from tests.real.oracle import VERSION
from tests.real.verification import record

pytestmark = pytest.mark.real

TELEMETRY = """\
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: NAME, namespace: demo}
spec: {tracing: [{randomSamplingPercentage: 1}]}
---
"""

UNNAMED = """\
apiVersion: v1
kind: Service
metadata: {name: backend, namespace: demo}
spec: {selector: {app: backend}, ports: [{port: 80}]}
"""


@pytest.fixture(scope="session")
def istioctl(tool: Callable[..., str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs it without any cluster: an analysis that asked one would fail."""
    program = tool("istioctl")

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env={"KUBECONFIG": "/dev/null", "HOME": "/nonexistent"},
        )

    return run


@every_case
def test_istioctl_agrees(
    case: Case,
    tmp_path: Path,
    tool: Callable[..., str],
    istioctl: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    case.build(tmp_path)
    stream = tmp_path / "stream.yaml"
    stream.write_text(rendered(tool("kubectl", "kustomize"), case.overlay(tmp_path)), encoding="utf-8")
    # A variant with the lab's own mesh settings has nothing new to say there.
    files = [*([case.operator(tmp_path)] if has_own_settings(case) else []), stream]
    for file in files:
        done = istioctl("validate", "-f", file)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", f'"{file}" is valid\n')
    done = istioctl("analyze", "--use-kube=false", "-A", "-o", "json", "--failure-threshold", "Info", stream)
    assert (done.returncode, json.loads(done.stdout)) == (0, [])
    for what, count in (("validate", len(files)), ("analyze --use-kube=false -A", 1)):
        record(spec=case.name, tool="istioctl", version=VERSION, what=what, count=count)


def has_own_settings(case: Case) -> bool:
    """Whether no other form of the lab before it has the file of its mesh settings."""
    return case.variant == BASE or operator_path(case.base_plan(), case.plan()) != "istio/operator.yaml"


@every_case
def test_the_operator_renders_with_the_labs_settings(
    case: Case, tmp_path: Path, istioctl: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    plan = case.build(tmp_path)
    if not has_own_settings(case):
        return
    operator = case.operator(tmp_path)
    done = istioctl("manifest", "generate", "-f", operator)
    assert (done.returncode, done.stderr) == (0, "")
    # The CRDs are a megabyte that Python would take seconds to read.
    texts = [
        text
        for text in done.stdout.split("\n---\n")
        if re.search(r"^kind: (ConfigMap|Deployment)$", text, re.MULTILINE)
    ]
    named = {(body["kind"], body["metadata"]["name"]): body for body in map(yaml.safe_load, texts)}
    assert ("Deployment", "istiod") in named
    settings = yaml.safe_load(operator.read_text(encoding="utf-8"))["spec"]["meshConfig"]
    mesh = yaml.safe_load(named["ConfigMap", "istio"]["data"]["mesh"])
    assert within(settings, mesh)
    assert named["ConfigMap", "istio"]["metadata"]["namespace"] == plan.istio_namespace
    record(spec=case.name, tool="istioctl", version=VERSION, what="manifest generate: every setting in the mesh config")


def within(part: Any, whole: Any) -> bool:
    """Whether every setting of `part` stands in `whole`."""
    if not isinstance(part, dict):
        return bool(part == whole)
    return isinstance(whole, dict) and all(key in whole and within(value, whole[key]) for key, value in part.items())


def test_validate_sees_a_port_without_a_name(
    tmp_path: Path, istioctl: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    (tmp_path / "stream.yaml").write_text(UNNAMED, encoding="utf-8")
    assert istioctl("validate", "-f", tmp_path / "stream.yaml").returncode != 0


def test_analyze_sees_two_telemetries_for_one_namespace(
    tmp_path: Path, istioctl: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    two = "".join(TELEMETRY.replace("NAME", name) for name in ("one", "two"))
    (tmp_path / "stream.yaml").write_text(two, encoding="utf-8")
    done = istioctl("analyze", "--use-kube=false", "-A", "-o", "json", tmp_path / "stream.yaml")
    assert {message["code"] for message in json.loads(done.stdout)} == {"IST0160"}
