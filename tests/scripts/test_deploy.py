import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.scripts.conftest import LabTree

MINE = "app.kubernetes.io/part-of={0},app.kubernetes.io/managed-by=labspec"
LABS = ROOT / "tests" / "labs"


@pytest.fixture
def cluster(lab: LabTree) -> LabTree:
    """A cluster with Istio."""
    return with_istio(lab)


def with_istio(tree: LabTree, form: str = "base") -> LabTree:
    tree.kubectl.answer("get deployment istiod", "deployment.apps/istiod\n")
    tree.kubectl.answer("caBundle", "LS0t")
    tree.kubectl.answer("get configmap istio", "2026-01-01T00:00:00Z")
    tree.kubectl.answer("{.data.mesh}", MESH)
    has_settings_of(tree, form)
    return tree


def has_settings_of(tree: LabTree, form: str) -> None:
    """install.sh has installed these, and marked them."""
    total = subprocess.run(["cksum"], input=f"{MESH}\n", capture_output=True, text=True, check=True).stdout
    mark = f"{digests(tree)[form]}/{total.strip().replace(' ', '-')}"
    tree.kubectl.answer("annotations.labspec/operator", mark)


def digests(tree: LabTree) -> dict[str, str]:
    """The name of each form's mesh settings."""
    text = (tree.out / "scripts" / "deploy.sh").read_text()
    branches = re.findall(r"^  ([a-z0-9 |-]+)\)\n(.*?)^    ;;", text, re.MULTILINE | re.DOTALL) or [("base", text)]
    found = re.compile("DIGEST='(.*)'")
    return {name: match[1] for names, body in branches for name in names.split(" | ") if (match := found.search(body))}


MESH = "whatever: install.sh left"


def test_applies_prunes_and_waits(cluster: LabTree) -> None:
    run = cluster.run("deploy")
    assert (run.code, run.err) == (0, "")
    mine = MINE.format("istio-jaeger")
    (applied,) = cluster.kubectl.called("apply")
    kinds = ["apps/v1/Deployment", "core/v1/ConfigMap", "core/v1/Service", "core/v1/ServiceAccount"]
    kinds.append("telemetry.istio.io/v1/Telemetry")
    allowed = " ".join(f"--prune-allowlist={kind}" for kind in kinds)
    assert applied == f"apply --kustomize={cluster.out} --prune --selector={mine} {allowed}"
    assert cluster.kubectl.called("rollout status") == [
        "rollout status deployment.apps/istiod --namespace=istio-system --timeout=0s",
        f"rollout status deployment --namespace=istio-system --selector={mine} --timeout=0s",
        f"rollout status deployment --namespace=default --selector={mine} --timeout=0s",
    ]


def test_nothing_is_applied_before_all_is_checked(cluster: LabTree) -> None:
    cluster.run("deploy")
    calls = cluster.kubectl.calls
    applied = next(index for index, call in enumerate(calls) if call.startswith("apply"))
    assert all(call.startswith(("get ", "wait ", "rollout status deployment.apps/istiod")) for call in calls[:applied])


def test_says_what_runs(cluster: LabTree) -> None:
    cluster.kubectl.answer("get pods --namespace=default --selector=" + MINE.format("istio-jaeger"), "frontend 2/2\n")
    run = cluster.run("deploy")
    assert "No pod needs a restart.\n" in run.out
    assert run.out.endswith("Running in namespace default:\nfrontend 2/2\n")


def test_restarts_what_needs_it(cluster: LabTree) -> None:
    cluster.kubectl.answer(
        "field-selector", "backend|backend-1|2025-01-01T00:00:00Z||app istio-proxy\n", before="rollout restart"
    )
    run = cluster.run("deploy")
    assert run.code == 0
    assert cluster.kubectl.called("rollout restart") == ["rollout restart --namespace=default deployment/backend"]


def test_without_istio(cluster: LabTree) -> None:
    cluster.kubectl.answer("get deployment istiod", "")
    run = cluster.run("deploy")
    assert run.code == 1
    assert run.err == f"error: Istio is not in this cluster\n  install it: {cluster.out}/scripts/install.sh\n"


@pytest.mark.parametrize("code", [0, 1])
def test_injector_without_a_certificate(cluster: LabTree, code: int) -> None:
    cluster.kubectl.answer("caBundle", "", code=code)
    run = cluster.run("deploy")
    assert run.code == 1
    assert "error: Istio's sidecar injector was not ready within 0 seconds" in run.err
    assert not cluster.kubectl.called("apply")


def test_waits_for_the_injector(cluster: LabTree) -> None:
    cluster.kubectl.answer("caBundle", "", before="caBundle")
    assert cluster.run("deploy", LABSPEC_WAIT="20").code == 0
    assert len(cluster.kubectl.called("caBundle")) == 2


@pytest.mark.parametrize(
    ("namespace", "found", "shown"),
    [
        ("default", "Service/backend /\n", "Service/backend"),
        (
            "istio-system",
            "Service/tracing other/labspec\nDeployment/jaeger /Helm\n",
            "Service/tracing, Deployment/jaeger",
        ),
    ],
)
def test_takes_nothing_over(cluster: LabTree, namespace: str, found: str, shown: str) -> None:
    cluster.kubectl.answer(f"--namespace={namespace} --output=jsonpath={{range", found)
    run = cluster.run("deploy")
    assert run.code == 1
    assert f"error: namespace {namespace} holds objects that are not of this lab" in run.err
    assert f"  {shown}\n" in run.err
    assert not cluster.kubectl.called("apply")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("get deployment istiod", "namespace istio-system could not be read"),
        ("rollout status deployment.apps/istiod", "istiod was not ready within 0 seconds"),
        ("--namespace=default --output=jsonpath={range .items[*]}{.kind}", "namespace default could not be read"),
        ("apply", "the lab was not applied, or only in part"),
        ("rollout status deployment --namespace=istio-system", "not everything in namespace istio-system was ready"),
        ("rollout status deployment --namespace=default", "not everything in namespace default was ready"),
        ("{.data.mesh}", "ConfigMap istio in istio-system could not be read"),
        (
            "wait --for=condition=Established crd/telemetries",
            "the cluster does not know telemetries.telemetry.istio.io",
        ),
        ("--show-managed-fields", "the mesh settings"),
        (
            "get pods --namespace=default --selector=" + MINE.format("istio-jaeger"),
            "the pods in namespace default could not be read",
        ),
    ],
)
def test_each_failing_call(cluster: LabTree, words: str, message: str) -> None:
    cluster.kubectl.answer(words, err="refused\n", code=1)
    run = cluster.run("deploy")
    assert run.code == 1
    assert f"refused\nerror: {message}" in run.err


def test_failing_restart_fails_the_deployment(cluster: LabTree) -> None:
    cluster.kubectl.answer("field-selector", "backend|backend-1|2027-01-01T00:00:00Z||app\n")
    run = cluster.run("deploy")
    assert run.code == 1
    assert "error: still without a sidecar: backend-1\n" in run.err
    assert run.err.endswith("error: the lab is deployed, but not all of its sidecars are right\n")


@pytest.mark.parametrize(
    ("state", "code"), [("", 0), ("own-namespace|own-namespace/labspec||", 0), ("own-namespace|/||", 1)]
)
def test_own_namespace(tmp_path: Path, state: str, code: int) -> None:
    tree = with_istio(LabTree(LABS / "own-namespace.yaml", tmp_path))
    tree.kubectl.answer("get namespace own-namespace", state)
    run = tree.run("deploy")
    assert run.code == code
    assert bool(tree.kubectl.called("apply")) == (code == 0)
    assert not tree.kubectl.called("Namespace ")
    if code:
        assert "namespace own-namespace is there and is not of this lab" in run.err


def test_without_collector(tmp_path: Path) -> None:
    tree = with_istio(LabTree(LABS / "no-collector.yaml", tmp_path))
    assert tree.run("deploy").code == 0
    (applied,) = tree.kubectl.called("apply")
    assert applied.count("--prune-allowlist=") == 3
    assert not tree.kubectl.called("rollout status deployment --namespace=istio-system")


@pytest.mark.parametrize("form", ["telemetry", "w3c", "one-percent", "json-logs"])
def test_deploys_a_variant_on_its_settings(lab: LabTree, form: str) -> None:
    tree = with_istio(lab, form)
    run = tree.run("deploy", form)
    assert (run.code, run.err) == (0, "")
    (applied,) = tree.kubectl.called("apply")
    assert applied.startswith(f"apply --kustomize={tree.out}/overlays/{form} --prune ")
    assert "--prune-allowlist=telemetry.istio.io/v1/Telemetry" in applied
    assert "/Namespace" not in applied
    assert tree.istioctl.calls == []


@pytest.mark.parametrize(("form", "file"), [("base", "operator"), ("w3c", "w3c"), ("json-logs", "json-logs")])
def test_installs_the_settings_that_the_mesh_lacks(lab: LabTree, form: str, file: str) -> None:
    tree = with_istio(lab, "telemetry")
    tree.kubectl.answer("--selector=app=istiod", "deployment.apps/istiod\n")
    run = tree.run("deploy", form)
    assert run.code == 1
    assert f"The mesh has other settings than istio/{file}.yaml.\n" in run.out
    assert "error: nothing was changed" in run.err
    assert not tree.kubectl.called("apply")
    tree.run("deploy", form, "--yes")
    assert tree.istioctl.called(f"install --filename={tree.out}/istio/{file}.yaml")


def test_mark_of_settings_that_somebody_changed_since_does_not_count(cluster: LabTree) -> None:
    cluster.kubectl.answer("{.data.mesh}", f"{MESH}, and then it changed")
    run = cluster.run("deploy")
    assert run.code == 1
    assert "The mesh has other settings than istio/operator.yaml.\n" in run.out


def test_unknown_variant(cluster: LabTree) -> None:
    run = cluster.run("deploy", "w3")
    assert (run.code, cluster.kubectl.calls) == (1, [])
    assert 'no variant "w3"' in run.err


NO_COLLECTOR = (ROOT / "specs" / "istio-jaeger.yaml").read_text() + "  bare: {collector: {kind: none}}\n"


@pytest.mark.parametrize("left", ["", "deployment.apps/jaeger\n"])
def test_namespaces_that_only_another_variant_uses(tmp_path: Path, left: str) -> None:
    tree = with_istio(LabTree(NO_COLLECTOR, tmp_path), "bare")
    tree.kubectl.answer("telemetries.telemetry.istio.io --namespace=istio-system", left)
    run = tree.run("deploy", "bare")
    assert run.code == 0, run.err
    deleted = tree.kubectl.called("delete", "--namespace=istio-system", f"--selector={MINE.format('istio-jaeger')}")
    assert bool(deleted) == bool(left)


def test_does_not_apply_what_could_not_start(tmp_path: Path) -> None:
    env = "{A: {secret: db, key: password}, B: {configMap: settings, key: mode}}"
    spec = f"services: {{a: {{kind: curl, calls: [b], env: {env}}}, b: {{kind: http-echo}}}}"
    tree = with_istio(LabTree(f"apiVersion: labspec/v1\nname: lab\nnamespace: shop\n{spec}\n", tmp_path))
    tree.kubectl.answer(
        "get customresourcedefinitions",
        "customresourcedefinition.apiextensions.k8s.io/telemetries.telemetry.istio.io\n",
    )
    tree.kubectl.answer("get Secret/db --namespace=shop", "Secret pass ")
    run = tree.run("deploy")
    assert run.err.splitlines() == [
        "error: services take values from what is not in namespace shop, or not whole: Secret/db ConfigMap/settings",
        f"  what to do: {tree.out}/scripts/preflight.sh",
    ]
    assert not tree.kubectl.called("apply")
    tree.kubectl.answer("get Secret/db --namespace=shop", "Secret password ")
    tree.kubectl.answer("get ConfigMap/settings --namespace=shop", "ConfigMap mode ")
    assert (tree.run("deploy").code, len(tree.kubectl.called("apply"))) == (0, 1)
