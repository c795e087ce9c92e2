"""The origin lab's scripts on a real API server: each step's success, and each failure with what a person sees.

Pods are simulated: what they log is a file, what they forward leads to a server of this machine, and what traffic.sh executes
in one runs in a shell of this machine with a curl of its own.
"""

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from labspec.artifacts._existing import needed
from labspec.plan import Plan
from labspec.predict.values import APP
from tests.conftest import ROOT
from tests.real.cases import Case
from tests.real.cluster import FOREIGN, Body, Cluster, running_cluster, until
from tests.real.mesh import ELSEWHERE, LiveLab, Mesh
from tests.real.pods import commands, logged, recorded, simulated
from tests.scripts.conftest import FakeCollector, Run

pytestmark = pytest.mark.real

ORIGIN = Case(ROOT / "specs" / "istio-jaeger.yaml")
PLAN = ORIGIN.plan()
SCENARIO = "the scripts in a scenario each, with what a person sees"
DEFAULT = "--namespace=default"
SYSTEM = "--namespace=istio-system"


@pytest.fixture
def lab(mesh: Mesh, tmp_path: Path) -> Iterator[LiveLab]:
    """The origin lab on a mesh that it installed."""
    lab = mesh.lab(ORIGIN, tmp_path / "out")
    mesh.install(lab.out / "istio" / "operator.yaml")
    mesh.cluster.do("annotate", "configmap", "istio", SYSTEM, f"labspec/lab={PLAN.name}", "--overwrite")
    before = mesh.cluster.listing()
    yield lab
    mesh.cluster.restore(before)
    mesh.agreed(ORIGIN, SCENARIO, 1)


@pytest.fixture
def bare(tool: Callable[..., str], tmp_path: Path) -> Iterator[LiveLab]:
    """The origin lab on a cluster of its own, which has never seen Istio."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    with running_cluster(tool("testcluster"), tool("kubectl"), folder) as cluster:
        mesh = Mesh(cluster, tool("istioctl"), "https://localhost:1")
        yield mesh.lab(ORIGIN, tmp_path / "out")
        mesh.agreed(ORIGIN, SCENARIO, 1)
    shutil.rmtree(folder)


@pytest.fixture
def collector() -> Iterator[FakeCollector]:
    """A server that answers like the collector's API."""
    found = FakeCollector()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


@pytest.fixture
def behaves(cluster: Cluster) -> Iterator[Any]:
    """Applies objects of kwok, which go after the test."""
    made: list[Body] = []

    def applied(*bodies: Body, seen: tuple[str, ...] = ()) -> None:
        made.extend(bodies)
        cluster.apply(*bodies)
        # Kwok does not say when it has seen them.
        until(lambda: not seen or cluster.call(*seen).code == 0)

    yield applied
    for body in made:
        cluster.do("delete", body["kind"], body["metadata"]["name"])


def fails(done: Run, *messages: str) -> None:
    """Holds that a script failed with these words in what a person sees, and no others' words for an error."""
    assert done.code == 1, done
    for message in messages:
        assert message in done.err, done


def test_a_cluster_without_istio(bare: LiveLab) -> None:
    out, cluster = bare.out, bare.mesh.cluster
    checked = bare.run("preflight")
    assert checked.code == 0
    assert checked.out.endswith(f"Nothing is in the way. Next: {out}/scripts/install.sh\n")
    before = cluster.listing()
    fails(bare.run("deploy"), f"error: Istio is not in this cluster\n  install it: {out}/scripts/install.sh\n")
    fails(
        bare.run("restart"), "error: the mesh settings (ConfigMap istio in namespace istio-system) could not be read\n"
    )
    fails(bare.run("logs"), "error: no log of container istio-proxy of frontend in namespace default")
    fails(bare.run("ui", "--check"), "error: no connection to Jaeger (service/tracing in namespace istio-system)\n")
    fails(bare.run("traffic"), "error: the requests of frontend could not be sent from its pod\n")
    assert bare.succeeds("teardown", "--istio").endswith("Istio is not in this cluster.\n")
    assert cluster.listing() == before


def test_a_mesh_without_its_kinds(bare: LiveLab) -> None:
    cluster = bare.mesh.cluster
    cluster.do("create", "namespace", "istio-system")
    cluster.foreign("ConfigMap", "istio", "istio-system", data={"mesh": "\n".join([*needed(PLAN), ""])})
    cluster.do("annotate", "configmap", "istio", SYSTEM, f"labspec/lab={PLAN.name}")
    pod = {"containers": [{"name": "discovery", "image": "example.com/istiod:1"}]}
    template = {"metadata": {"labels": {"app": "istiod"}}, "spec": pod}
    istiod = {"selector": {"matchLabels": {"app": "istiod"}}, "template": template}
    cluster.foreign("Deployment", "istiod", "istio-system", spec=istiod)
    fails(bare.run("deploy", LABSPEC_WAIT="1"), "error: Istio's sidecar injector was not ready within 1 seconds\n")
    # Nobody can use what does not exist.
    assert bare.succeeds("teardown", "--istio").endswith("Istio is gone; namespace istio-system stays.\n")
    assert not cluster.get("deployments", "--all-namespaces")


def test_every_step_from_nothing_to_nothing(lab: LiveLab, behaves: Any, tmp_path: Path) -> None:
    cluster = lab.mesh.cluster
    lab.mesh.uninstall()
    behaves(commands(tmp_path, "200"))
    done = lab.run("lab")
    for line in ("Istio is ready.", "No pod needs a restart.", "10 of 10 requests answered 200\n", "== 5/6 logs\n"):
        assert line in done.out, done
    # A simulated pod logs nothing by itself.
    fails(done, "error: no log of container istio-proxy of frontend", "error: step 5, logs, failed\n")
    assert cluster.get("configmap", "istio", SYSTEM)[0]["metadata"]["annotations"]["labspec/lab"] == PLAN.name
    assert "Istio is there" not in lab.succeeds("install")
    said = lab.succeeds("deploy", "w3c")
    assert said.startswith("The mesh has other settings than istio/w3c.yaml.\n")
    assert "Istio is ready.\n" in said
    assert "Next: " not in said
    assert lab.succeeds("teardown", "--istio").endswith("Istio is gone; namespace istio-system stays.\n")
    assert not cluster.get("deployments", "--all-namespaces")
    fails(lab.run("deploy"), "error: Istio is not in this cluster\n")


def test_a_namespace_that_forbids_sidecars(lab: LiveLab) -> None:
    lab.mesh.cluster.do("label", "namespace", "default", "istio-injection=disabled")
    fails(
        lab.run("preflight"), "problem: namespace default says istio-injection=disabled, so no pod in it gets a sidecar"
    )
    done = lab.run("deploy")
    fails(done, "error: still without a sidecar: ", "does the namespace forbid it (istio-injection=disabled)")
    fails(done, "error: the lab is deployed, but not all of its sidecars are right\n")
    lab.mesh.cluster.do("label", "namespace", "default", "istio-injection-")
    assert "has no sidecar.\n" in lab.succeeds("restart")
    assert lab.succeeds("restart") == "No pod needs a restart.\n"


def test_an_injector_that_is_gone(lab: LiveLab) -> None:
    cluster = lab.mesh.cluster
    cluster.do("delete", "mutatingwebhookconfiguration", "istio-sidecar-injector")
    done = lab.run("deploy", LABSPEC_WAIT="1")
    fails(done, "error: Istio's sidecar injector was not ready within 1 seconds\n  look at: ")
    cluster.do("apply", f"--kustomize={lab.out}")
    fails(lab.run("restart"), "error: still without a sidecar: ", "is the injector there? ")


def test_sidecars_older_than_the_mesh_settings(lab: LiveLab) -> None:
    cluster = lab.mesh.cluster
    lab.succeeds("deploy")
    old = {pod["metadata"]["name"] for pod in cluster.get("pods", DEFAULT)}
    settings = cluster.get("configmap", "istio", SYSTEM)[0]["data"]["mesh"]
    assert "sampling: 100\n" in settings
    changed = json.dumps({"data": {"mesh": settings.replace("sampling: 100\n", "sampling: 7\n")}})
    cluster.do("patch", "configmap", "istio", SYSTEM, f"--patch={changed}")
    time.sleep(1.1)  # times are in whole seconds
    # Where a Telemetry chooses the tracer, a sidecar does not use the one that it read at its start.
    assert lab.succeeds("restart", "telemetry") == "No pod needs a restart.\n"
    said = lab.succeeds("restart").splitlines()
    assert (
        len([line for line in said if line.startswith("Restarting ") and ", the mesh settings are from " in line]) == 2
    )
    assert said[-1].startswith("Every restarted pod has a sidecar with the settings of ")
    until(lambda: not old & {pod["metadata"]["name"] for pod in cluster.get("pods", DEFAULT)})
    assert cluster.do("get", "pods", DEFAULT, "--output=yaml").count('"sampling":7') == 2
    assert lab.succeeds("restart") == "No pod needs a restart.\n"


@pytest.mark.parametrize("owner", ["", "another"])
def test_a_mesh_of_others(lab: LiveLab, owner: str) -> None:
    cluster = lab.mesh.cluster
    cluster.do(
        "annotate", "configmap", "istio", SYSTEM, f"labspec/lab={owner}" if owner else "labspec/lab-", "--overwrite"
    )
    before = cluster.listing()
    done = lab.run("install")
    fails(done, f"error: nothing was changed\n  to change that mesh: {lab.out}/scripts/install.sh --yes\n")
    where = f" (from the lab {owner})" if owner else ""
    assert done.out.startswith(f"Istio is there{where}, and not from this lab. Its mesh settings now:\n")
    assert "    enableTracing: true\n" in done.out
    fails(lab.run("teardown", "--istio"), "error: Istio stays: this lab did not install it\n")
    assert cluster.listing() == before
    assert "Istio is ready." in lab.succeeds("install", "--yes")
    notes = cluster.get("configmap", "istio", SYSTEM)[0]["metadata"].get("annotations", {})
    assert notes.get("labspec/lab", "") == owner


def test_an_istio_that_others_use(lab: LiveLab) -> None:
    cluster = lab.mesh.cluster
    pod = {"containers": [{"name": "app", "image": "example.com/foreign:1"}]}
    labels = {FOREIGN: "yes", "sidecar.istio.io/inject": "true"}
    metadata = {"name": "guest", "namespace": ELSEWHERE, "labels": labels}
    cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod})
    telemetry = {"tracing": [{"randomSamplingPercentage": 1}]}
    metadata = {"name": "theirs", "namespace": ELSEWHERE, "labels": {FOREIGN: "yes"}}
    cluster.apply({"apiVersion": "telemetry.istio.io/v1", "kind": "Telemetry", "metadata": metadata, "spec": telemetry})
    before = cluster.listing()
    done = lab.run("teardown", "--istio")
    fails(done, f"error: Istio stays\n  to take it from them all: {lab.out}/scripts/teardown.sh --istio --yes\n")
    assert f"Pod guest in namespace {ELSEWHERE}\nTelemetry theirs in namespace {ELSEWHERE}\n" in done.out
    assert cluster.listing() == before
    cluster.do("delete", "pod", "guest", f"--namespace={ELSEWHERE}")


def test_an_istioctl_of_another_version(lab: LiveLab) -> None:
    other = {"ISTIOCTL": lab.mesh.standin("1.29")}
    says = " is of version 1.29, this lab is made for Istio 1.30\n"
    for script in ("preflight", "install"):
        fails(lab.run(script, **other), says)
    fails(lab.run("teardown", "--istio", **other), says)


def test_logs_and_ui(lab: LiveLab, behaves: Any, collector: FakeCollector, tmp_path: Path) -> None:
    lab.succeeds("deploy")
    ports = [{"ports": [16686], "target": {"address": "127.0.0.1", "port": collector.port}}]
    forward = simulated("ClusterPortForward", "collector", {"matchNamespaces": ["istio-system"]}, forwards=ports)
    seen = ("logs", DEFAULT, "--selector=app=backend", "--container=istio-proxy")
    trace = logged(PLAN, tmp_path)
    behaves(forward, *recorded(lab.mesh.cluster, "default", tmp_path), seen=seen)
    soon = {"LABSPEC_WAIT": "1"}
    fails(lab.run("ui", "--check", **soon), "error: Jaeger has no spans of: frontend.default backend.default\n")
    fails(lab.run("logs", **soon), f"error: Jaeger has no trace {trace}\n  an id in a log is no trace yet")
    collector.services, collector.traces = ["frontend.default", "backend.default"], [trace]
    answers = "Jaeger answers.\nIt has spans of: frontend.default backend.default\n"
    assert lab.succeeds("ui", "--check").startswith(answers)
    follows(lab, PLAN, trace)
    # Of a variant only what the pods log is another: the scripts look at nothing else.
    for form in PLAN.variants:
        trace = logged(form, tmp_path)
        collector.traces = [trace]
        follows(lab, form, trace)
        assert lab.succeeds("ui", "--check", form.variant).startswith(answers)
    collector.broken = True
    fails(lab.run("ui", "--check", **soon), "error: Jaeger gives no JSON at /jaeger/api/services\n")


def follows(lab: LiveLab, form: Plan, trace: str) -> None:
    """Holds that logs.sh finds the spans of the predicted request in the logs, and its trace in the collector."""
    said = lab.succeeds("logs", *([] if form.is_base else [form.variant]))
    assert f"1. More than one sidecar logged the trace id {trace}.\n2. The span ids in it:\n" in said
    for span in form.prediction.requests[0].spans:
        maker = "sent by frontend's app" if span.maker == APP else f"logged by {span.service}'s sidecar"
        assert f"   {span.span_id} {maker}\n" in said
    assert "   All differ: " in said
    assert "3. Jaeger has the trace" in said
    assert said.endswith(f" Look at it: {lab.out}/scripts/ui.sh{'' if form.is_base else f' {form.variant}'}\n")


@pytest.mark.parametrize(("status", "words"), [("200", ""), ("503", "503: a sidecar reached no ready pod")])
def test_traffic(lab: LiveLab, behaves: Any, tmp_path: Path, status: str, words: str) -> None:
    lab.succeeds("deploy")
    seen = ("exec", DEFAULT, "deployment/frontend", "--container=curl", "--", "sh", "-c", "seq 1")
    behaves(commands(tmp_path, status), seen=seen)
    done = lab.run("traffic", "base", "3")
    assert done.out.count(f"GET http://backend/ {status} traceID=") == 3
    if words:
        fails(done, words, "error: 0 of 3 requests answered 200\n")
    else:
        assert (done.code, done.out.splitlines()[-1]) == (0, "3 of 3 requests answered 200")
