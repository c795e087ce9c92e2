from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.scripts.conftest import LabTree

CHANGED = "2026-01-02T03:04:05Z"
OLD, NEW = "2026-01-02T03:04:04Z", "2026-01-02T03:04:06Z"


def pod(
    service: str,
    created: str = NEW,
    *,
    deleted: str = "",
    containers: str = "app ",
    init: str = "istio-init istio-proxy",
    name: str = "",
) -> str:
    return f"{service}|{name or service + '-1'}|{created}|{deleted}|{containers} {init}\n"


@pytest.fixture
def cluster(lab: LabTree) -> LabTree:
    """A cluster in which all pods of the lab are right."""
    lab.kubectl.answer("get configmap istio", f"2026-01-01T00:00:00Z {CHANGED} 2026-01-01T12:00:00Z")
    pods(lab, pod("frontend"), pod("backend"), pod("jaeger", OLD, init=""))
    return lab


def pods(tree: LabTree, *lines: str, after: str = "") -> None:
    tree.kubectl.answer("get pods", "".join(lines), after=after)


def test_nothing_to_do(cluster: LabTree) -> None:
    run = cluster.run("restart")
    assert (run.code, run.out, run.err) == (0, "No pod needs a restart.\n", "")
    assert not cluster.kubectl.called("rollout")


def test_asks_for_the_times_at_which_the_settings_were_written(cluster: LabTree) -> None:
    cluster.run("restart")
    (call,) = cluster.kubectl.called("get configmap istio")
    assert "--namespace=istio-system --show-managed-fields" in call
    assert "[?(@.fieldsV1.f\\:data)]" in call


@pytest.mark.parametrize(
    "containers", [("app istio-proxy", ""), ("app", "istio-init istio-proxy"), ("app", "istio-proxy")]
)
def test_sidecar_among_either_kind_of_container(cluster: LabTree, containers: tuple[str, str]) -> None:
    pods(cluster, pod("frontend", containers=containers[0], init=containers[1]))
    assert cluster.run("restart").out == "No pod needs a restart.\n"
    assert "{.spec.containers[*].name} {.spec.initContainers[*].name}" in cluster.kubectl.called("get pods")[0]


def test_pod_without_sidecar(cluster: LabTree) -> None:
    pods(cluster, pod("frontend"), pod("backend", containers="istio-proxy-like", init="istio-init"))
    pods(cluster, pod("frontend"), pod("backend"), after="rollout restart")
    run = cluster.run("restart")
    assert run.code == 0
    assert "Restarting backend: pod backend-1 has no sidecar.\n" in run.out
    assert cluster.kubectl.called("rollout restart") == ["rollout restart --namespace=default deployment/backend"]
    assert cluster.kubectl.called("rollout status") == [
        "rollout status deployment/backend --namespace=default --timeout=0s"
    ]


@pytest.mark.parametrize("created", [OLD, CHANGED, "2025-12-31T23:59:59Z"])
def test_pod_older_than_the_settings(cluster: LabTree, created: str) -> None:
    pods(cluster, pod("frontend", created), pod("frontend", created, name="frontend-2"), pod("backend"))
    pods(cluster, pod("frontend"), pod("backend"), after="rollout restart")
    run = cluster.run("restart")
    assert run.code == 0
    assert run.out.count("Restarting") == 1
    assert f"Restarting frontend: pod frontend-1 is from {created}, the mesh settings are from {CHANGED}.\n" in run.out
    assert cluster.kubectl.called("rollout restart") == ["rollout restart --namespace=default deployment/frontend"]


def test_pods_on_their_way_out_do_not_count(cluster: LabTree) -> None:
    pods(cluster, pod("frontend"), pod("frontend", OLD, deleted=NEW, init=""))
    assert cluster.run("restart").out == "No pod needs a restart.\n"
    assert "--field-selector=status.phase!=Failed,status.phase!=Succeeded" in cluster.kubectl.called("get pods")[0]


def test_no_pods_at_all(cluster: LabTree) -> None:
    pods(cluster)
    assert cluster.run("restart").out == "No pod needs a restart.\n"


def test_several_services_in_one_go(cluster: LabTree) -> None:
    pods(cluster, pod("frontend", OLD), pod("backend", init=""))
    pods(cluster, pod("frontend"), pod("backend"), after="rollout restart")
    assert cluster.run("restart").code == 0
    assert cluster.kubectl.called("rollout restart") == [
        "rollout restart --namespace=default deployment/frontend deployment/backend"
    ]
    assert len(cluster.kubectl.called("rollout status")) == 2


def test_still_without_a_sidecar(cluster: LabTree) -> None:
    pods(cluster, pod("frontend", init=""), pod("backend", init=""))
    run = cluster.run("restart")
    assert run.code == 1
    assert "error: still without a sidecar: frontend-1, backend-1\n" in run.err
    for cause in ("istio-sidecar-injector", "istio-injection=disabled", "istio.io/rev"):
        assert cause in run.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("get configmap istio", "the mesh settings (ConfigMap istio in namespace istio-system) could not be read"),
        ("get pods", "the pods in namespace default could not be read"),
        ("rollout restart", "the restart was refused"),
        ("rollout status", "deployment/frontend was not ready within 0 seconds"),
    ],
)
def test_each_failing_call(cluster: LabTree, words: str, message: str) -> None:
    pods(cluster, pod("frontend", OLD))
    cluster.kubectl.answer(words, err="refused\n", code=1)
    run = cluster.run("restart")
    assert run.code == 1
    assert f"refused\nerror: {message}" in run.err


def test_a_restart_too_soon_after_another_is_tried_again(cluster: LabTree) -> None:
    pods(cluster, pod("frontend", OLD))
    cluster.kubectl.answer("rollout restart", err="please wait\n", code=1, before="rollout restart")
    run = cluster.run("restart", LABSPEC_WAIT="20")
    assert run.code == 0, run.err
    assert len(cluster.kubectl.called("rollout restart")) == 2
    assert "please wait" not in run.err


@pytest.mark.parametrize(("form", "restarts"), [("telemetry", False), ("w3c", False), ("json-logs", True)])
def test_old_pods_matter_where_the_tracer_is_read_at_the_start(cluster: LabTree, form: str, restarts: bool) -> None:
    pods(cluster, pod("frontend", OLD), pod("backend"))
    pods(cluster, pod("frontend"), pod("backend"), after="rollout restart")
    assert cluster.run("restart", form).code == 0
    assert bool(cluster.kubectl.called("rollout restart")) == restarts


@pytest.mark.parametrize("form", ["base", "telemetry"])
def test_pod_without_sidecar_in_any_form(cluster: LabTree, form: str) -> None:
    pods(cluster, pod("frontend", init=""), pod("backend"))
    pods(cluster, pod("frontend"), pod("backend"), after="rollout restart")
    assert cluster.run("restart", form).out.startswith("Restarting frontend: pod frontend-1 has no sidecar.\n")


def test_pod_that_is_to_have_no_sidecar(tmp_path: Path) -> None:
    text = (ROOT / "specs" / "istio-jaeger.yaml").read_text() + "  outside: {services: {backend: {mesh: false}}}\n"
    tree = LabTree(text, tmp_path)
    tree.kubectl.answer("get configmap istio", CHANGED)
    pods(tree, pod("frontend"), pod("backend"))
    pods(tree, pod("frontend"), pod("backend", OLD, init=""), after="rollout restart")
    assert tree.run("restart").out == "No pod needs a restart.\n"
    run = tree.run("restart", "outside")
    assert (run.code, run.err) == (0, "")
    assert run.out.startswith("Restarting backend: pod backend-1 has a sidecar, and is to have none.\n")
