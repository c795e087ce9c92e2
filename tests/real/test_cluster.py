"""The generated tree on a real API server with istiod: it goes in, gets sidecars where the spec says, and leaves nothing behind."""

import json
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from labspec.plan import Plan
from labspec.resource import BASE
from tests.real.cases import Case, cases
from tests.real.cluster import Body, Key
from tests.real.mesh import ELSEWHERE, LiveLab, Mesh

pytestmark = pytest.mark.real

OURS = "app.kubernetes.io/managed-by=labspec"


class Ground(NamedTuple):
    """A case with its mesh settings in the cluster."""

    case: Case
    plan: Plan
    lab: LiveLab
    before: dict[Key, Body]

    def agreed(self, what: str, count: int) -> None:
        """Notes comparisons that agreed."""
        self.lab.mesh.agreed(self.case, what, count)


@pytest.fixture(scope="module", params=cases(), ids=lambda case: case.name)
def prepared(request: pytest.FixtureRequest, mesh: Mesh, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    case: Case = request.param
    folder = tmp_path_factory.mktemp("lab")
    lab = mesh.lab(case, folder)
    plan = case.plan()
    mesh.install(case.operator(folder))
    return Ground(case, plan, lab, mesh.cluster.listing())


@pytest.fixture
def ground(prepared: Ground) -> Iterator[Ground]:
    yield prepared
    prepared.lab.mesh.cluster.restore(prepared.before)


@pytest.mark.parametrize("side", ["client", "server"])
def test_it_is_applied_strictly_and_twice_changes_nothing(ground: Ground, side: str) -> None:
    cluster, folder = ground.lab.mesh.cluster, f"--kustomize={ground.case.overlay(ground.lab.out)}"
    options = ["--server-side"] if side == "server" else []
    first = cluster.call("apply", folder, "--validate=strict", *options)
    assert (first.code, first.err) == (0, "")
    cluster.settle()
    count = sidecars(ground) + ports(ground)
    before = cluster.get(folder)
    second = cluster.do("apply", folder, "--validate=strict", *options)
    assert side == "server" or {line.rpartition(" ")[2] for line in second.splitlines()} == {"unchanged"}
    assert cluster.get(folder) == before
    assert cluster.call("diff", folder, *options) == (0, "", "")
    ground.agreed("accepts the tree, strictly; a second apply changes nothing", len(before))
    ground.agreed("sidecars where the spec says, with the spec's tracer; ports that lead to a pod", count)


def sidecars(ground: Ground, *, switched: bool = False) -> int:
    """Holds each pod of the lab against the plan; gives their number.

    A pod that ran before a switch may still have the tracer of its start: one that istiod sends goes before that.
    """
    plan, cluster = ground.plan, ground.lab.mesh.cluster
    pods = cluster.get("pods", "--all-namespaces", f"--selector={OURS}")
    with_proxy = [workload for workload in plan.workloads if workload.sidecar]
    expected = [(workload.namespace, workload.name) for workload in with_proxy for _ in range(workload.replicas)]
    seen = [(pod["metadata"]["namespace"], pod["metadata"]["labels"]["app"]) for pod in pods if proxies(pod)]
    assert sorted(seen) == sorted(expected)
    bare = sorted(pod["metadata"]["labels"]["app"] for pod in pods if not proxies(pod))
    outside = [each.name for each in plan.workloads if not each.sidecar for _ in range(each.replicas)]
    assert bare == sorted([*outside, *([plan.collector.deployment] if plan.collector else [])])
    tracers = {proxy.service: proxy.tracer.value for proxy in plan.mesh.proxies}
    rates = {proxy.service: proxy.sampling.value for proxy in plan.mesh.proxies}
    for pod in pods:
        for settings in proxies(pod):
            name = pod["metadata"]["labels"]["app"]
            tracer = tracers[name]
            if tracer is not None and tracer.source == "bootstrap":
                assert settings["tracing"] == {"zipkin": {"address": tracer.address}, "sampling": rates[name]}
            elif tracer is None or not switched:
                assert "tracing" not in settings
    return len(pods)


def proxies(pod: Body) -> list[Body]:
    """What Istio's injector tells each sidecar of a pod, in whichever kind of container it runs."""
    containers = [*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])]
    found = [container for container in containers if container["name"] == "istio-proxy"]
    assert len(found) <= 1
    return [
        json.loads(variable["value"]) for one in found for variable in one["env"] if variable["name"] == "PROXY_CONFIG"
    ]


def ports(ground: Ground) -> int:
    """Each port of each Service leads to the port of the same name of a ready pod, where there is one; gives their number."""
    cluster = ground.lab.mesh.cluster
    replicas = {workload.name: workload.replicas for workload in ground.plan.workloads}
    services = cluster.get("services", "--all-namespaces", f"--selector={OURS}")
    pods = cluster.get("pods", "--all-namespaces", f"--selector={OURS}")
    reached = set()
    for service in services:
        namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
        slices = cluster.get(
            "endpointslices", f"--namespace={namespace}", f"--selector=kubernetes.io/service-name={name}"
        )
        if not replicas.get(name, 1):
            continue
        addresses = {address for one in slices for end in one["endpoints"] or [] for address in end["addresses"]}
        behind = [pod for pod in pods if pod["status"]["podIP"] in addresses]
        assert behind, f"no pod is behind Service {name}"
        named = {port["name"]: port["port"] for one in slices for port in one["ports"]}
        assert named.keys() == {port["name"] for port in service["spec"]["ports"]}
        for pod in behind:
            own = {
                port["name"]: port["containerPort"]
                for one in pod["spec"]["containers"]
                for port in one.get("ports", [])
            }
            assert {port: own.get(port) for port in named} == named
        reached |= {f"{name}.{namespace}.svc.cluster.local:{port['port']}" for port in service["spec"]["ports"]}
    tracers = [proxy.tracer.value for proxy in ground.plan.mesh.proxies]
    assert {tracer.address for tracer in tracers if tracer is not None} <= reached
    return len(reached)


def test_scripts_leave_exactly_what_was_there(ground: Ground) -> None:
    lab, cluster = ground.lab, ground.lab.mesh.cluster
    config: Body = {"service": {"extensions": []}}
    cluster.foreign("ConfigMap", "not-of-the-lab", ground.plan.istio_namespace, data={"key": "value"})
    cluster.foreign("ConfigMap", "jaeger", ELSEWHERE, data={"config.yaml": json.dumps(config)})
    cluster.foreign("Deployment", "jaeger", ELSEWHERE, spec=deployment("jaeger"))
    cluster.foreign("Service", "tracing", ELSEWHERE, spec={"selector": {"app": "jaeger"}, "ports": [{"port": 80}]})
    cluster.settle()
    before = cluster.listing()
    lab.succeeds("deploy", ground.case.variant, "--yes")
    count = sidecars(ground)
    again = lab.succeeds("deploy", ground.case.variant, "--yes").splitlines()
    assert "No pod needs a restart." in again
    assert not [line for line in again if line.endswith((" created", " configured", " pruned"))]
    lab.succeeds("teardown", ground.case.variant)
    after = cluster.listing()
    assert after.keys() == before.keys()
    assert after == before
    assert not cluster.get("pods", "--all-namespaces", f"--selector={OURS}")
    ground.agreed("deploy.sh and teardown.sh leave every object of the cluster as it was", 1)
    ground.agreed("sidecars where the spec says, after deploy.sh", count)


def test_what_stands_on_our_names_is_refused(ground: Ground) -> None:
    lab, cluster, plan = ground.lab, ground.lab.mesh.cluster, ground.plan
    if plan.owns_namespace and plan.namespace != "default":
        cluster.do("create", "namespace", plan.namespace)
    names = {plan.workloads[0].name: plan.namespace, **({"jaeger": plan.collector.namespace} if plan.collector else {})}
    for name, namespace in names.items():
        cluster.foreign("Deployment", name, namespace, spec=deployment(name))
    cluster.settle()
    before = cluster.listing()
    checked, deployed, removed = lab.run("preflight"), lab.run("deploy"), lab.run("teardown")
    assert (checked.code, deployed.code, removed.code) == (1, 1, 0)
    for name in names:
        assert f"Deployment/{name}\n" in checked.err
    reason = "is there and is" if plan.owns_namespace else "holds objects that are"
    assert deployed.err.startswith(f"error: namespace {plan.namespace} {reason} not of this lab, which would take ")
    assert cluster.listing() == before
    ground.agreed(
        "preflight.sh and deploy.sh refuse what stands on the lab's names, and nothing touches it", len(names)
    )


@pytest.fixture(scope="module", params=[case for case in cases() if case.variant != BASE], ids=lambda case: case.name)
def variant(request: pytest.FixtureRequest, mesh: Mesh, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    case: Case = request.param
    folder = tmp_path_factory.mktemp("lab")
    lab = mesh.lab(case, folder)
    mesh.install(Case(case.spec).operator(folder))
    return Ground(case, case.plan(), lab, mesh.cluster.listing())


def test_variants_switch_cleanly(variant: Ground) -> None:
    """Base, variant, base: what there is, is the base; and nothing is left of the variant after teardown.sh."""
    lab, cluster = variant.lab, variant.lab.mesh.cluster
    try:
        lab.succeeds("deploy", BASE, "--yes")
        base = resources(cluster.listing())
        lab.succeeds("deploy", variant.case.variant, "--yes")
        cluster.settle()
        count = sidecars(variant, switched=True)
        lab.succeeds("deploy", BASE, "--yes")
        cluster.settle()
        again = resources(cluster.listing())
        assert again.keys() == base.keys()
        assert again == base
        sidecars(variant._replace(plan=variant.case.base_plan()), switched=True)
        lab.succeeds("deploy", variant.case.variant, "--yes")
        lab.succeeds("teardown", variant.case.variant)
        assert not [key for key in cluster.listing() if key not in variant.before]
    finally:
        cluster.restore(variant.before)
    variant.agreed("deploy.sh: base, variant, base: the resources of the base; teardown.sh: nothing is left", len(base))
    variant.agreed("sidecars where the variant says, after deploy.sh", count)


def resources(listing: dict[Key, Body]) -> dict[Key, Body]:
    """The lab's objects as somebody applied them."""
    label, _, value = OURS.partition("=")
    ours = {key: body for key, body in listing.items() if body["metadata"].get("labels", {}).get(label) == value}
    for body in ours.values():
        for name in ("uid", "generation", "creationTimestamp"):
            body["metadata"].pop(name, None)
        body["metadata"].get("annotations", {}).pop("deployment.kubernetes.io/revision", None)
        # A restart leaves its time.
        template = body["spec"]["template"]["metadata"] if body["kind"] == "Deployment" else {}
        template.get("annotations", {}).pop("kubectl.kubernetes.io/restartedAt", None)
        if template.get("annotations") == {}:
            del template["annotations"]
        if body["kind"] == "Service":
            # The cluster gives a new Service new addresses.
            body["spec"] = {
                name: part for name, part in body["spec"].items() if name not in {"clusterIP", "clusterIPs"}
            }
    return ours


def deployment(app: str) -> Body:
    """The spec of a foreign Deployment."""
    pod = {"containers": [{"name": "app", "image": "example.com/foreign:1"}]}
    return {"selector": {"matchLabels": {"app": app}}, "template": {"metadata": {"labels": {"app": app}}, "spec": pod}}
