import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.scripts.conftest import LabTree

LABS = ROOT / "tests" / "labs"


@pytest.fixture
def ready(lab: LabTree) -> LabTree:
    """The origin lab before a cluster in which nothing is in its way."""
    return answering(lab)


def answering(tree: LabTree) -> LabTree:
    tree.kubectl.answer("config view", "kind-lab at https://127.0.0.1:6443")
    tree.kubectl.answer("get --raw=/version", '{\n  "emulationMinor": "20",\n  "major": "1",\n  "minor": "34+"\n}')
    tree.kubectl.answer("get namespace default", "default|/||")
    return tree


def test_nothing_in_the_way(ready: LabTree) -> None:
    run = ready.run("preflight")
    assert (run.code, run.err) == (0, "")
    assert run.out.splitlines() == [
        "istioctl: 1.30",
        "cluster: kind-lab at https://127.0.0.1:6443",
        "Kubernetes: 1.34",
        f"Nothing is in the way. Next: {ready.out}/scripts/install.sh",
    ]


def test_changes_nothing(ready: LabTree) -> None:
    ready.run("preflight")
    assert {call.split()[0] for call in ready.kubectl.calls} == {"config", "get"}
    assert ready.istioctl.calls == ["version --remote=false"]


def test_names_its_context(ready: LabTree) -> None:
    assert ready.run("preflight", KUBE_CONTEXT="my lab").code == 0
    assert all(call.startswith("--context=my lab ") for call in [*ready.kubectl.calls, *ready.istioctl.calls])


def test_kubectl_of_several_words(ready: LabTree) -> None:
    assert ready.run("preflight", KUBECTL=f"{ready.kubectl.path} kubectl --").code == 0
    assert all(call.startswith("kubectl -- ") for call in ready.kubectl.calls)


@pytest.mark.parametrize("shown", ["client version: 1.30.3\n", "1.30.3\n", "client version: 1.30-alpha.1\n"])
def test_istioctl_versions_that_fit(ready: LabTree, shown: str) -> None:
    ready.istioctl.answer("version", shown)
    assert ready.run("preflight").code == 0


@pytest.mark.parametrize(
    ("shown", "code", "message"),
    [
        ("client version: 1.29.1\n", 0, "istioctl is of version 1.29, this lab is made for Istio 1.30"),
        ("1.3.0\n", 0, "istioctl is of version 1.3, this lab is made for Istio 1.30"),
        ("1.301.0\n", 0, "istioctl is of version 1.301, this lab is made for Istio 1.30"),
        ("no idea\n", 0, "istioctl does not tell its version"),
        ("", 1, "istioctl does not tell its version"),
    ],
)
def test_istioctl_versions_that_do_not(ready: LabTree, shown: str, code: int, message: str) -> None:
    ready.istioctl.answer("version", shown, code=code)
    run = ready.run("preflight")
    assert run.code == 1
    assert message in run.err
    assert "get istioctl 1.30 from" in run.err


@pytest.mark.parametrize(("minor", "noted"), [("31", True), ("32", False), ("36", False), ("37", True), ("4", True)])
def test_kubernetes_range_is_a_note(ready: LabTree, minor: str, noted: bool) -> None:
    ready.kubectl.answer("get --raw=/version", f'{{"major": "1", "minor": "{minor}"}}')
    run = ready.run("preflight")
    assert run.code == 0
    assert (f"note: Kubernetes is 1.{minor}; Istio 1.30 was tested with 1.32 to 1.36" in run.err) == noted


def test_cluster_that_does_not_tell_its_version(ready: LabTree) -> None:
    ready.kubectl.answer("get --raw=/version", "{}")
    run = ready.run("preflight")
    assert (run.code, run.err) == (0, "note: the cluster does not tell its version\n")


def test_missing_tools(ready: LabTree) -> None:
    run = ready.run("preflight", KUBECTL="no-kubectl", ISTIOCTL="no-istioctl")
    assert run.code == 1
    assert "problem: no-kubectl is not on this machine" in run.err
    assert "problem: no-istioctl is not on this machine" in run.err
    assert "problems to settle first: 2" in run.err


def test_cluster_that_does_not_answer(ready: LabTree) -> None:
    ready.kubectl.answer("get --raw=/version", err="connection refused\n", code=1)
    ready.kubectl.answer("config view", code=1)
    run = ready.run("preflight")
    assert run.code == 1
    assert "cluster: no context is chosen" in run.out
    assert "connection refused\nproblem: the cluster does not answer\n" in run.err
    assert not ready.kubectl.called("get namespace")


def test_injection_disabled(ready: LabTree) -> None:
    ready.kubectl.answer("get namespace default", "default|/|disabled|")
    run = ready.run("preflight")
    assert run.code == 1
    assert "problem: namespace default says istio-injection=disabled" in run.err
    assert "kubectl label namespace default istio-injection-" in run.err


@pytest.mark.parametrize(
    ("labels", "noted"), [("|canary", True), ("|default", False), ("enabled|canary", False), ("enabled|", False)]
)
def test_other_revision_is_a_note(ready: LabTree, labels: str, noted: bool) -> None:
    ready.kubectl.answer("get namespace default", f"default|/|{labels}")
    run = ready.run("preflight")
    assert run.code == 0
    assert ("note: namespace default says istio.io/rev=canary" in run.err, bool(run.err)) == (noted, noted)


FOREIGN_JAEGER = "Deployment/jaeger /\nService/tracing other-lab/labspec\nService/grafana /\nServiceAccount/jaeger istio-jaeger/labspec\n"


def test_foreign_collector(ready: LabTree) -> None:
    ready.kubectl.answer("--namespace=istio-system", FOREIGN_JAEGER)
    run = ready.run("preflight")
    assert run.code == 1
    assert "  Deployment/jaeger, Service/tracing\n" in run.err
    assert "collector: {kind: jaeger, namespace: NAME}" in run.err
    assert "external" not in run.err


def test_foreign_services(ready: LabTree) -> None:
    ready.kubectl.answer(
        "--namespace=default",
        "Deployment/backend /\nService/back /\nService/backends /\nDeployment/frontend istio-jaeger/Helm\n",
    )
    run = ready.run("preflight")
    assert run.code == 1
    assert "  Deployment/backend, Deployment/frontend\n" in run.err


def test_own_objects_are_no_problem(ready: LabTree) -> None:
    ready.kubectl.answer("--namespace=default", "Deployment/backend istio-jaeger/labspec\n")
    assert ready.run("preflight").code == 0


def test_all_problems_at_once(ready: LabTree) -> None:
    ready.istioctl.answer("version", "1.29.0")
    ready.kubectl.answer("get namespace default", "default|/|disabled|")
    ready.kubectl.answer("--namespace=default", "Service/backend /\n")
    ready.kubectl.answer("--namespace=istio-system", FOREIGN_JAEGER)
    run = ready.run("preflight")
    assert (run.code, len(re.findall("^problem: ", run.err, re.MULTILINE))) == (1, 4)
    assert run.err.endswith("error: problems to settle first: 4\n")


@pytest.mark.parametrize("words", ["get namespace default", "--namespace=default", "--namespace=istio-system"])
def test_what_cannot_be_read_is_a_problem(ready: LabTree, words: str) -> None:
    ready.kubectl.answer(words, err="forbidden\n", code=1)
    run = ready.run("preflight")
    assert run.code == 1
    assert "could not be read: kubectl says why above" in run.err
    assert run.err.endswith("error: problems to settle first: 1\n")


def test_namespace_that_the_lab_would_make(tmp_path: Path) -> None:
    tree = answering(LabTree(LABS / "own-namespace.yaml", tmp_path))
    tree.istioctl.answer("version", "1.31.0")
    assert tree.run("preflight").code == 0
    tree.kubectl.answer("get namespace own-namespace", "own-namespace|own-namespace/labspec||")
    assert tree.run("preflight").code == 0
    for owner in ("/", "own-namespace/Helm", "other/labspec"):
        tree.kubectl.answer("get namespace own-namespace", f"own-namespace|{owner}||")
        run = tree.run("preflight")
        assert run.code == 1
        assert "to use it as it is, write in own-namespace.yaml: createNamespace: false" in run.err


def test_namespace_that_the_lab_only_uses(tmp_path: Path) -> None:
    tree = answering(LabTree(LABS / "no-collector.yaml", tmp_path))
    tree.istioctl.answer("version", "1.29.0")
    run = tree.run("preflight")
    assert run.code == 1
    assert "problem: there is no namespace demo\n  make it: kubectl create namespace demo\n" in run.err
    tree.kubectl.answer("get namespace demo", "demo|someone/Helm||")
    assert tree.run("preflight").code == 0
    assert not tree.kubectl.called("istio-system")


def test_namespace_of_the_collector(tmp_path: Path) -> None:
    spec = (
        (ROOT / "specs" / "istio-jaeger.yaml")
        .read_text()
        .replace("{kind: jaeger}", "{kind: jaeger, namespace: tracing}")
    )
    tree = answering(LabTree(spec, tmp_path))
    run = tree.run("preflight")
    assert run.code == 1
    assert "problem: there is no namespace tracing for the collector" in run.err
    tree.kubectl.answer("get namespace tracing", "tracing|/||")
    assert tree.run("preflight").code == 0


def test_unknown_variant(ready: LabTree) -> None:
    run = ready.run("preflight", "w3")
    it_has = "base, telemetry, w3c, one-percent, json-logs"
    assert (run.code, run.err) == (1, f'error: this lab has no variant "w3"\n  it has: {it_has}\n')
    assert ready.run("preflight", "base", "w3c").code == 1
    assert ready.run("preflight", "base telemetry").code == 1
    assert ready.run("preflight", "base").code == 0


def test_unknown_variant_of_a_lab_without_variants(tmp_path: Path) -> None:
    run = LabTree(LABS / "no-collector.yaml", tmp_path).run("preflight", "w3c")
    assert (run.code, run.err) == (1, 'error: this lab has no variant "w3c"\n  it has: base\n')


TELEMETRIES = "telemetries.telemetry.istio.io"


@pytest.mark.parametrize(
    ("variant", "known", "code"),
    [("w3c", f"customresourcedefinition.apiextensions.k8s.io/{TELEMETRIES}\n", 1), ("w3c", "", 0), ("base", "", 0)],
)
def test_foreign_telemetry(ready: LabTree, variant: str, known: str, code: int) -> None:
    ready.kubectl.answer("get customresourcedefinitions", known)
    ready.kubectl.answer(f",{TELEMETRIES} --namespace=default", "Telemetry/istio-jaeger /\n")
    run = ready.run("preflight", variant)
    assert (run.code, "  Telemetry/istio-jaeger\n" in run.err) == (code, bool(code))


def test_next_step_of_a_variant(ready: LabTree) -> None:
    assert ready.run("preflight", "w3c").out.endswith("/scripts/install.sh w3c\n")


def with_sources(tmp_path: Path, head: str = "namespace: shop\n") -> LabTree:
    """A lab that takes two keys of a Secret and one of a ConfigMap; a variant takes nothing."""
    env = "{A: {secret: db, key: password}, B: {secret: db, key: user.name}, C: {configMap: settings, key: mode}}"
    services = f"services:\n  a: {{kind: curl, calls: [b], env: {env}}}\n  b: {{kind: http-echo}}\n"
    variants = "variants:\n  without: {services: {a: {env: null}}}\n"
    lab = f'apiVersion: labspec/v1\nname: lab\nistio: {{version: "1.30"}}\n{head}{services}{variants}'
    tree = answering(LabTree(lab, tmp_path))
    tree.kubectl.answer("get namespace shop", "shop|/||")
    return tree


def test_secrets_that_are_there(tmp_path: Path) -> None:
    tree = with_sources(tmp_path)
    tree.kubectl.answer("get Secret/db --namespace=shop", "Secret other password user.name ")
    tree.kubectl.answer("get ConfigMap/settings --namespace=shop", "ConfigMap mode ")
    run = tree.run("preflight")
    assert (run.code, run.err) == (0, "")
    # Only names of keys are asked for.
    (call,) = tree.kubectl.called("Secret/db")
    assert call.endswith("--output=go-template={{.kind}}{{range $key, $value := .data}} {{$key}}{{end}} ")


def test_secrets_that_are_not_there(tmp_path: Path) -> None:
    tree = with_sources(tmp_path)
    run = tree.run("preflight")
    assert run.err.splitlines() == [
        "problem: there is no Secret/db in namespace shop, from which services take values",
        "  make it: kubectl --namespace=shop create secret generic db --from-literal=password=VALUE --from-literal=user.name=VALUE",
        "problem: there is no ConfigMap/settings in namespace shop, from which services take values",
        "  make it: kubectl --namespace=shop create configmap settings --from-literal=mode=VALUE",
        "error: problems to settle first: 2",
    ]
    assert tree.run("preflight", "without").code == 0


def test_secrets_without_a_key(tmp_path: Path) -> None:
    tree = with_sources(tmp_path)
    tree.kubectl.answer("get Secret/db", "Secret user.name.old password.old ")
    tree.kubectl.answer("get ConfigMap/settings", "ConfigMap ")
    run = tree.run("preflight")
    assert run.err.splitlines() == [
        "problem: Secret/db in namespace shop has not all keys that services take",
        """  add them: kubectl --namespace=shop patch secret db --patch='{"stringData": {"password": "VALUE", "user.name": "VALUE"}}'""",
        "problem: ConfigMap/settings in namespace shop has not all keys that services take",
        """  add them: kubectl --namespace=shop patch configmap settings --patch='{"data": {"mode": "VALUE"}}'""",
        "error: problems to settle first: 2",
    ]


def test_secrets_that_nobody_may_read(tmp_path: Path) -> None:
    tree = with_sources(tmp_path)
    tree.kubectl.answer("get Secret/db", err="forbidden\n", code=1)
    tree.kubectl.answer("get ConfigMap/settings", "ConfigMap mode ")
    run = tree.run("preflight")
    assert run.err.splitlines()[1] == "problem: Secret/db in namespace shop could not be read: kubectl says why above"


def test_secrets_in_a_namespace_that_the_lab_makes(tmp_path: Path) -> None:
    tree = with_sources(tmp_path, "")
    run = tree.run("preflight")
    assert (
        f"  in a namespace that is not there yet: kubectl apply --filename={tree.out}/base/namespaces.yaml\n" in run.err
    )
    assert (tree.out / "base" / "namespaces.yaml").is_file()
