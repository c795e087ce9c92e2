"""traffic.sh: what it runs in the clients' pods, and how it judges the answers."""

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.scripts.conftest import LabTree

OWN = ROOT / "tests" / "labs" / "own-namespace.yaml"
GOOD = "GET http://backend/ 200 traceID=463ac35c9f6413ad spanID=a2fb4a1d1a96d312\n"


def _lab(folder: Path, services: str) -> LabTree:
    head = 'apiVersion: labspec/v1\nname: demo\nistio: {version: "1.30", api: meshConfig}\npropagation: {format: b3}\nservices:\n'
    return LabTree(head + services, folder)


def test_ten_rounds_run_in_the_app_container_of_the_client(lab: LabTree) -> None:
    lab.kubectl.answer("exec", GOOD * 10)
    done = lab.run("traffic")
    assert (done.code, done.err) == (0, "")
    assert done.out == "frontend, 10 rounds:\n" + GOOD * 10 + "10 of 10 requests answered 200\n"
    (call,) = lab.kubectl.calls
    assert call.startswith(
        "exec --pod-running-timeout=20s --namespace=default deployment/frontend --container=curl -- sh -c for round in $(seq 10); do "
    )


def test_the_shell_in_the_pod_runs_the_rounds(lab: LabTree, tmp_path: Path) -> None:
    curl = tmp_path / "bin" / "curl"
    curl.parent.mkdir()
    curl.write_text('#!/bin/sh\nprintf 200\necho "$*" >>"$0.log"\n')
    curl.chmod(0o755)
    lab.kubectl.path.write_text(f'#!/usr/bin/env bash\nshift 6\nPATH="{curl.parent}:$PATH" exec "$@"\n')
    done = lab.run("traffic", "base", "3")
    assert done.code == 0
    assert done.out.endswith("3 of 3 requests answered 200\n")
    sent = Path(f"{curl}.log").read_text().splitlines()
    assert len(set(sent)) == 3, "ids are new for each request"
    assert all(line.endswith("-H x-b3-sampled: 1 http://backend/") for line in sent)


def test_each_client_sends_and_each_callee_may_have_another_status(tmp_path: Path) -> None:
    lab = LabTree(OWN, tmp_path)
    orders = "GET http://orders:8080/ 201\n"
    lab.kubectl.answer("deployment/reader", orders + "POST http://stock/items?page=2 200\n")
    lab.kubectl.answer("deployment/teacher", orders)
    done = lab.run("traffic", "base", "1")
    assert done.code == 0, done.err
    assert done.out.endswith("3 of 3 requests answered 200 or 201\n")
    assert all("--namespace=own-namespace" in call for call in lab.kubectl.calls)


def test_the_sidecar_answers_for_a_callee_without_a_pod(tmp_path: Path) -> None:
    lab = _lab(tmp_path, "  web: {kind: curl, calls: [api]}\n  api: {kind: http-echo, replicas: 0}\n")
    lab.kubectl.answer("exec", "GET http://api/ 503\n")
    assert lab.run("traffic", "base", "1").out.endswith("1 of 1 requests answered 503\n")


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        ("000", "000: no answer; a pod or its sidecar is not ready: "),
        ("403", "403: an authorization policy forbids it: "),
        ("404", "404: something else answers under that name: "),
        ("503", "503: a sidecar reached no ready pod, or the service failed: "),
        ("301", "301: the service answers otherwise than this lab's: "),
    ],
)
def test_a_wrong_answer_is_counted_and_explained(lab: LabTree, status: str, cause: str) -> None:
    lab.kubectl.answer("exec", GOOD * 2 + f"GET http://backend/ {status} traceID=1 spanID=2\n" * 3)
    done = lab.run("traffic", "base", "5")
    assert done.code == 1
    assert f"3 GET http://backend/ {status}\n" in done.err
    assert "error: 2 of 5 requests answered 200\n  " + cause in done.err
    assert done.err.endswith(f"the sidecars' log lines say more: {lab.out}/scripts/logs.sh\n")


def test_missing_answers_are_wrong_too(lab: LabTree) -> None:
    lab.kubectl.answer("exec", GOOD)
    done = lab.run("traffic")
    assert done.code == 1
    assert "error: 1 of 10 requests answered 200\n" in done.err


def test_a_pod_that_is_not_there(lab: LabTree) -> None:
    lab.kubectl.answer("exec", err='Error from server (NotFound): deployments.apps "frontend" not found\n', code=1)
    done = lab.run("traffic")
    assert done.code == 1
    assert "error: the requests of frontend could not be sent from its pod\n" in done.err
    assert "NotFound" in done.err
    assert f"if not: {lab.out}/scripts/deploy.sh" in done.err


@pytest.mark.parametrize("rounds", ["0", "-1", "ten", "10000", "$(id)", "a[$(id)]"])
def test_rounds_are_a_number(lab: LabTree, rounds: str) -> None:
    done = lab.run("traffic", "base", rounds)
    assert (done.code, lab.kubectl.calls) == (1, [])
    assert done.err == f'error: "{rounds}" is no number of rounds\n  write one from 1 to 9999\n'


def test_a_lab_without_clients_says_so(tmp_path: Path) -> None:
    lab = _lab(tmp_path, "  api: {kind: http-echo}\n")
    done = lab.run("traffic")
    assert (done.code, done.out) == (0, "This lab has no client: nothing sends requests.\n")
    assert lab.kubectl.calls == []


def test_values_of_the_spec_stay_what_they_are(tmp_path: Path) -> None:
    path = "/it's?a=$(touch${IFS}x)&b='$HOME;~"
    spec = f'  web: {{kind: curl, calls: [{{to: api, path: "{path.replace("{IFS}", "IFS")}"}}]}}\n  api: {{kind: http-echo}}\n'
    lab = _lab(tmp_path, spec)
    shown = path.replace("{IFS}", "IFS")
    lab.kubectl.answer("exec", f"GET http://api{shown} 200\n")
    assert lab.run("traffic", "base", "1").code == 0
    assert f"http://api{shown}".replace("'", "'\"'\"'") in lab.kubectl.calls[0]


def test_any_right_status_is_right(tmp_path: Path) -> None:
    services = "  web: {kind: curl, calls: [api]}\n  api: {kind: relay, errors: {percent: 20, status: 503}}\n"
    lab = _lab(tmp_path, services)
    lab.kubectl.answer("exec", "GET http://api/ 200\nGET http://api/ 503\n")
    assert lab.run("traffic", "base", "2").out.endswith("2 of 2 requests answered 200 or 503\n")
    lab.kubectl.answer("exec", "GET http://api/ 200\nGET http://api/ 502\n")
    assert "error: 1 of 2 requests answered 200 or 503\n" in lab.run("traffic", "base", "2").err


def test_calls_by_chance_count_when_they_are_sent(tmp_path: Path) -> None:
    services = (
        "  web: {kind: curl, calls: [[a, {to: b, percent: 50}]]}\n  a: {kind: http-echo}\n  b: {kind: http-echo}\n"
    )
    lab = _lab(tmp_path, services)
    lab.kubectl.answer("exec", "GET http://b/ 200\nGET http://a/ 200\nGET http://a/ 200\n")
    assert lab.run("traffic", "base", "2").out.endswith("3 of 3 requests answered 200\n")
    lab.kubectl.answer("exec", "GET http://b/ 200\n")
    assert "error: 1 of 2 requests answered 200\n" in lab.run("traffic", "base", "2").err


def test_where_chance_sends_nothing_it_says_so(tmp_path: Path) -> None:
    lab = _lab(tmp_path, "  web: {kind: curl, calls: [{to: a, percent: 1}]}\n  a: {kind: http-echo}\n")
    done = lab.run("traffic")
    assert (done.code, done.err) == (0, "")
    assert "No request was sent" in done.out


def test_a_client_that_cannot_be_told(tmp_path: Path) -> None:
    lab = _lab(tmp_path, "  web: {kind: custom, image: 'x:1', port: none, calls: [a]}\n  a: {kind: http-echo}\n")
    done = lab.run("traffic")
    assert done.code == 0
    assert "web sends its own" in done.out


def test_a_variant_without_clients(tmp_path: Path) -> None:
    services = "  web: {kind: curl, calls: [a]}\n  a: {kind: http-echo}\nvariants: {still: {services: {web: null}}}\n"
    lab = _lab(tmp_path, services)
    lab.kubectl.answer("exec", "GET http://a/ 200\n")
    assert lab.run("traffic", "still").out == "This lab has no client: nothing sends requests.\n"
    assert lab.run("traffic", "base", "1").code == 0
    assert len(lab.kubectl.calls) == 1
    assert 'no variant "other"' in lab.run("traffic", "other").err
