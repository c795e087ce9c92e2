from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.scripts.conftest import LabTree

MINE = "app.kubernetes.io/part-of={0},app.kubernetes.io/managed-by=labspec"
KINDS = "deployment.apps,configmap,service,serviceaccount"
MARK = "{.metadata.name}/{.metadata.annotations.labspec/lab}"


@pytest.fixture
def owner(tmp_path: Path) -> LabTree:
    """A lab that made its own namespace, in a cluster that holds it."""
    tree = LabTree(ROOT / "tests" / "labs" / "own-namespace.yaml", tmp_path)
    tree.istioctl.answer("version", "1.31.0")
    tree.kubectl.answer("get namespace own-namespace", "own-namespace|own-namespace/labspec||")
    return tree


@pytest.fixture
def deployed(lab: LabTree) -> LabTree:
    """The origin lab in a cluster, on an Istio that it installed."""
    lab.kubectl.answer(f"get {KINDS}", "deployment.apps/backend\n")
    lab.kubectl.answer(MARK, "istio/istio-jaeger")
    return lab


def test_deletes_by_label_in_every_namespace_of_the_lab(deployed: LabTree) -> None:
    run = deployed.run("teardown")
    assert (run.code, run.err) == (0, "")
    mine = MINE.format("istio-jaeger")
    assert deployed.kubectl.called("delete") == [
        f"delete {KINDS} --namespace={namespace} --selector={mine} --cascade=foreground --timeout=0s"
        for namespace in ("default", "istio-system")
    ]
    assert deployed.istioctl.calls == []


@pytest.mark.parametrize("arguments", [(), ("--istio",)])
def test_nothing_left(lab: LabTree, arguments: tuple[str, ...]) -> None:
    run = lab.run("teardown", *arguments)
    assert (run.code, run.err) == (0, "")
    assert run.out.startswith(
        "Nothing of this lab is in namespace default.\nNothing of this lab is in namespace istio-system.\n"
    )
    assert not lab.kubectl.called("delete")
    assert lab.istioctl.calls == []


def test_works_from_any_variant(deployed: LabTree) -> None:
    assert deployed.run("teardown", "w3c").code == 0


def test_unknown_option(deployed: LabTree) -> None:
    run = deployed.run("teardown", "--purge")
    assert (run.code, run.err) == (1, "error: teardown.sh knows no --purge\n  it knows: --istio, --yes\n")
    assert deployed.kubectl.calls == []


def test_a_given_namespace_is_never_touched(deployed: LabTree) -> None:
    deployed.run("teardown")
    assert not deployed.kubectl.called("delete namespace")
    assert not deployed.kubectl.called("get namespace")


def test_own_namespace_that_is_empty(owner: LabTree) -> None:
    owner.kubectl.answer(
        "get all",
        "configmap/istio-ca-crl\nconfigmap/istio-ca-root-cert\nconfigmap/kube-root-ca.crt\nserviceaccount/default\n",
    )
    run = owner.run("teardown")
    assert (run.code, run.err) == (0, "")
    assert owner.kubectl.called("delete") == ["delete namespace own-namespace --timeout=0s"]


@pytest.mark.parametrize(
    "foreign",
    [
        "secret/mine",
        "configmap/kube-root-ca.crt2",
        "serviceaccount/default2",
        "pod/x",
        "telemetry.telemetry.istio.io/t",
    ],
)
def test_own_namespace_that_holds_something_else(owner: LabTree, foreign: str) -> None:
    owner.kubectl.answer("get all", f"configmap/kube-root-ca.crt\n{foreign}\nserviceaccount/default\n")
    run = owner.run("teardown")
    assert run.code == 0
    assert run.out.endswith(f"Namespace own-namespace stays, because it holds what is not of this lab:\n{foreign}\n")
    assert not owner.kubectl.called("delete")


def test_looks_for_istio_objects_where_istio_is(owner: LabTree) -> None:
    owner.kubectl.answer("api-resources", "gateways.networking.istio.io\ntelemetries.telemetry.istio.io\n")
    owner.run("teardown")
    (call,) = owner.kubectl.called("get all")
    assert (
        "persistentvolumeclaims,ingresses,gateways.networking.istio.io,telemetries.telemetry.istio.io --namespace=own-namespace"
        in call
    )


def test_namespaces_that_forms_made(tmp_path: Path) -> None:
    spec = (
        "apiVersion: labspec/v1\nname: lab\nservices: {a: {kind: curl, calls: [b]}, b: {kind: http-echo}}\nvariants:\n"
    )
    variants = "  made: {namespace: shop, createNamespace: true}\n  given: {namespace: bazaar}\n  again: {namespace: shop, createNamespace: true}\n"
    tree = LabTree(spec + variants, tmp_path)
    tree.kubectl.answer("get namespace shop", "shop|lab/labspec||")
    run = tree.run("teardown", "given")
    assert (run.code, run.err) == (0, "")
    assert "There is no namespace lab.\n" in run.out
    assert tree.kubectl.called("delete") == ["delete namespace shop --timeout=0s"]


@pytest.mark.parametrize("label", ["/", "other/labspec", "own-namespace/Helm"])
def test_namespace_of_somebody_else(owner: LabTree, label: str) -> None:
    owner.kubectl.answer("get namespace own-namespace", f"own-namespace|{label}||")
    run = owner.run("teardown")
    assert (run.code, run.out.splitlines()[-1]) == (0, "Namespace own-namespace stays: it is not of this lab.")
    assert not owner.kubectl.called("delete")


def test_istio_goes_last(deployed: LabTree) -> None:
    run = deployed.run("teardown", "--istio")
    assert run.code == 0
    assert deployed.istioctl.calls == ["version --remote=false", "uninstall --purge --skip-confirmation"]
    assert run.out.endswith("Istio is gone; namespace istio-system stays.\n")


@pytest.mark.parametrize("mark", ["istio/", "istio/other-lab"])
def test_istio_of_others_stays(deployed: LabTree, mark: str) -> None:
    deployed.kubectl.answer(MARK, mark)
    run = deployed.run("teardown", "--istio", "--yes")
    assert (run.code, run.err) == (1, "error: Istio stays: this lab did not install it\n")
    assert deployed.istioctl.calls == []
    assert len(deployed.kubectl.called("delete")) == 2


@pytest.mark.parametrize(
    "words",
    [
        "get pods --all-namespaces",
        "get deployments --all-namespaces",
        "get telemetries.telemetry.istio.io --all-namespaces",
    ],
)
def test_istio_that_others_use_needs_yes(deployed: LabTree, words: str) -> None:
    deployed.kubectl.answer("api-resources", "telemetries.telemetry.istio.io\n")
    deployed.kubectl.answer(words, "Pod shop-1 in namespace shop\n")
    run = deployed.run("teardown", "--istio")
    assert run.code == 1
    assert run.out.endswith("Others use this Istio:\nPod shop-1 in namespace shop\n")
    assert deployed.istioctl.calls == []
    assert "--selector=app=istiod " in deployed.kubectl.called("get deployments")[0]
    assert deployed.run("teardown", "--istio", "--yes").code == 0
    assert deployed.istioctl.called("uninstall")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (f"get {KINDS}", "namespace default could not be read"),
        ("delete", "not everything in namespace default was gone within 0 seconds"),
        (MARK, "ConfigMap istio in istio-system could not be read"),
        ("get pods --all-namespaces", "Istio stays: who uses it could not be read"),
        ("get deployments --all-namespaces", "Istio stays: who uses it could not be read"),
        ("api-resources", "Istio stays: who uses it could not be read"),
    ],
)
def test_each_failing_call(deployed: LabTree, words: str, message: str) -> None:
    deployed.kubectl.answer(words, err="refused\n", code=1)
    run = deployed.run("teardown", "--istio")
    assert run.code == 1
    assert f"refused\nerror: {message}" in run.err
    assert not deployed.istioctl.called("uninstall")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("get namespace", "namespace own-namespace could not be read"),
        ("api-resources", "namespace own-namespace stays: what is in it could not be read"),
        ("get all", "namespace own-namespace stays: what is in it could not be read"),
        ("delete namespace", "namespace own-namespace was not gone within 0 seconds"),
    ],
)
def test_each_failing_call_about_the_namespace(owner: LabTree, words: str, message: str) -> None:
    owner.kubectl.answer(words, err="refused\n", code=1)
    run = owner.run("teardown")
    assert run.code == 1
    assert f"refused\nerror: {message}" in run.err


@pytest.mark.parametrize(
    ("words", "message"), [("version", "Istio stays: "), ("uninstall", "Istio was not uninstalled")]
)
def test_failing_istioctl(deployed: LabTree, words: str, message: str) -> None:
    deployed.istioctl.answer(words, code=1)
    run = deployed.run("teardown", "--istio")
    assert run.code == 1
    assert f"error: {message}" in run.err


def test_without_collector(tmp_path: Path) -> None:
    tree = LabTree(ROOT / "tests" / "labs" / "no-collector.yaml", tmp_path)
    assert tree.run("teardown").out == "Nothing of this lab is in namespace demo.\n"


@pytest.mark.parametrize("there", [True, False])
def test_telemetry_goes_where_the_cluster_knows_it(deployed: LabTree, there: bool) -> None:
    kind = "telemetries.telemetry.istio.io"
    deployed.kubectl.answer(
        "get customresourcedefinitions", f"customresourcedefinition.apiextensions.k8s.io/{kind}\n" if there else ""
    )
    deployed.kubectl.answer(f"get {KINDS}", "deployment.apps/backend\n")
    assert deployed.run("teardown").code == 0
    assert all((kind in call) == there for call in deployed.kubectl.called("delete"))
