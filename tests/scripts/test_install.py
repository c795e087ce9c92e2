from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.scripts.conftest import LabTree

MESH = """\
accessLogEncoding: TEXT
accessLogFile: /dev/stdout
accessLogFormat: |
  [%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% traceID=%REQ(X-B3-TRACEID)% \
spanID=%REQ(X-B3-SPANID)% service=%DOWNSTREAM_LOCAL_ADDRESS%
defaultConfig:
  tracing:
    sampling: 100
    zipkin:
      address: jaeger-collector.istio-system.svc.cluster.local:9411
enableTracing: true
trustDomain: cluster.local"""
OLD_MESH = "enableTracing: false\ntrustDomain: theirs"


@pytest.fixture
def cluster(lab: LabTree) -> LabTree:
    """A cluster that has no Istio yet."""
    lab.kubectl.answer("{.data.mesh}", MESH)
    return lab


def owned_by(tree: LabTree, lab: str) -> None:
    tree.kubectl.answer("--selector=app=istiod", "deployment.apps/istiod\n")
    tree.kubectl.answer("annotations.labspec/lab", lab)
    tree.kubectl.answer("{.data.mesh}", OLD_MESH, before="rollout status")


def install(tree: LabTree) -> str:
    return f"install --filename={tree.out}/istio/operator.yaml --skip-confirmation"


def test_fresh(cluster: LabTree) -> None:
    run = cluster.run("install")
    assert (run.code, run.err) == (0, "")
    assert cluster.istioctl.calls == ["version --remote=false", install(cluster)]
    assert "    address: jaeger-collector.istio-system.svc.cluster.local:9411\n" in run.out
    assert "    sampling: 100\n" in run.out
    assert run.out.endswith(f"Istio is ready. Next: {cluster.out}/scripts/deploy.sh\n")


def test_deploy_goes_on_by_itself(cluster: LabTree) -> None:
    run = cluster.run("install", LABSPEC_STEP="deploy")
    assert (run.code, run.err) == (0, "")
    assert run.out.endswith("\nIstio is ready.\n")


def test_marks_what_it_installed_then_waits(cluster: LabTree) -> None:
    cluster.run("install")
    marked, waited = (
        cluster.kubectl.called("annotate")[0],
        cluster.kubectl.called("rollout status deployment/istiod")[0],
    )
    assert marked == "annotate configmap istio --namespace=istio-system --overwrite labspec/lab=istio-jaeger"
    assert "--timeout=0s" in waited
    assert cluster.kubectl.calls.index(marked) < cluster.kubectl.calls.index(waited)


def test_own_mesh_again(cluster: LabTree) -> None:
    owned_by(cluster, "istio-jaeger")
    assert cluster.run("install").code == 0
    assert cluster.kubectl.called("annotate")


@pytest.mark.parametrize("other", ["", "other-lab"])
def test_mesh_of_others_needs_yes(cluster: LabTree, other: str) -> None:
    owned_by(cluster, other)
    run = cluster.run("install")
    assert run.code == 1
    assert "    trustDomain: theirs\n" in run.out
    assert "    enableTracing: true\n" in run.out
    assert ("(from the lab other-lab)" in run.out) == bool(other)
    assert "error: nothing was changed" in run.err
    assert f"{cluster.out}/scripts/install.sh --yes" in run.err
    assert cluster.istioctl.calls == ["version --remote=false"]
    assert not cluster.kubectl.called("annotate")


@pytest.mark.parametrize("arguments", [("--yes",), ("base", "--yes"), ("--yes", "base")])
def test_mesh_of_others_with_yes_is_changed_and_stays_theirs(cluster: LabTree, arguments: tuple[str, ...]) -> None:
    owned_by(cluster, "")
    run = cluster.run("install", *arguments)
    assert run.code == 0
    assert "    trustDomain: theirs\n" in run.out
    assert cluster.istioctl.called(install(cluster))
    assert not cluster.kubectl.called("annotate", "labspec/lab")
    assert cluster.kubectl.called("annotate", "labspec/operator")


def test_istioctl_of_another_version(cluster: LabTree) -> None:
    cluster.istioctl.answer("version", "client version: 1.31.0")
    run = cluster.run("install")
    assert run.code == 1
    assert "istioctl is of version 1.31, this lab is made for Istio 1.30" in run.err
    assert cluster.kubectl.calls == []


def test_half_an_installation_is_marked_too(cluster: LabTree) -> None:
    cluster.istioctl.answer("install", err="timed out\n", code=1)
    run = cluster.run("install")
    assert run.code == 1
    assert "timed out\nerror: Istio was not installed\n" in run.err
    assert cluster.kubectl.called("annotate")
    assert not cluster.kubectl.called("rollout")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--selector=app=istiod", "namespace istio-system could not be read"),
        ("annotations.labspec/lab", "ConfigMap istio in istio-system could not be read"),
        ("annotate", "Istio was not installed"),
        ("rollout status", "istiod was not ready within 0 seconds"),
        ("{.data.mesh}", "ConfigMap istio in istio-system could not be read"),
    ],
)
def test_each_failing_call(cluster: LabTree, words: str, message: str) -> None:
    cluster.kubectl.answer(words, err="forbidden\n", code=1)
    run = cluster.run("install")
    assert run.code == 1
    assert f"forbidden\nerror: {message}" in run.err
    assert "ready. Next" not in run.out


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("enableTracing: true", "enableTracing: false"),
        ("sampling: 100", "sampling: 1000"),
        ("zipkin:\n      address: ", "zipkin:\n      address: other-"),
        ("accessLogFile: /dev/stdout", 'accessLogFile: ""'),
        ("traceID=", "trace="),
    ],
)
def test_setting_that_did_not_arrive(cluster: LabTree, line: str, instead: str) -> None:
    assert line in MESH
    cluster.kubectl.answer("{.data.mesh}", MESH.replace(line, instead))
    run = cluster.run("install")
    assert run.code == 1
    assert "error: the mesh settings lack: " in run.err


def test_without_collector(tmp_path: Path) -> None:
    tree = LabTree(ROOT / "tests" / "labs" / "no-collector.yaml", tmp_path)
    tree.istioctl.answer("version", "1.29.2")
    tree.kubectl.answer("{.data.mesh}", "accessLogEncoding: TEXT\naccessLogFile: /dev/stdout\nenableTracing: false\n")
    run = tree.run("install")
    assert run.code == 0, run.err
    assert run.out.splitlines()[0] == "The mesh has:"
    assert "    accessLogFile: /dev/stdout\n" in run.out


def test_unknown_variant(cluster: LabTree) -> None:
    run = cluster.run("install", "--yes", "w3")
    assert (run.code, cluster.istioctl.calls) == (1, [])
    assert 'no variant "w3"' in run.err


W3C_MESH = """\
accessLogEncoding: TEXT
accessLogFile: /dev/stdout
accessLogFormat: |
  [%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% traceID=%TRACE_ID% \
spanID=%SPAN_ID% service=%DOWNSTREAM_LOCAL_ADDRESS%
extensionProviders:
- name: istio-jaeger-otlp-grpc
  opentelemetry:
    port: 4317
    service: jaeger-collector.istio-system.svc.cluster.local
trustDomain: cluster.local"""


@pytest.mark.parametrize("arguments", [("w3c",), ("--yes", "w3c"), ("w3c", "--yes")])
def test_variant_has_its_own_settings(cluster: LabTree, arguments: tuple[str, ...]) -> None:
    cluster.kubectl.answer("{.data.mesh}", W3C_MESH)
    run = cluster.run("install", *arguments)
    assert (run.code, run.err) == (0, "")
    assert cluster.istioctl.called(f"--filename={cluster.out}/istio/w3c.yaml")
    assert run.out.endswith("/scripts/deploy.sh w3c\n")


@pytest.mark.parametrize("missing", ["otlp-grpc", "traceID=%TRACE_ID%", "accessLogEncoding: TEXT", "service: jaeger"])
def test_setting_of_a_variant_that_did_not_arrive(cluster: LabTree, missing: str) -> None:
    cluster.kubectl.answer("{.data.mesh}", W3C_MESH.replace(missing, "x"))
    run = cluster.run("install", "w3c")
    assert run.code == 1
    assert "the mesh settings lack: " in run.err
    assert not cluster.kubectl.called("labspec/operator")
