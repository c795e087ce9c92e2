"""The generated tree on a real API server with istiod: it goes in, gets sidecars where the spec says, and leaves nothing behind."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import NamedTuple

import pytest

from labspec.plan import Plan
from labspec.sources import sources
from tests.real.cases import Case, cases, every_lab, labs
from tests.real.cluster import FOREIGN, Body, Key
from tests.real.mesh import ELSEWHERE, LiveLab, Mesh

pytestmark = pytest.mark.real

OURS = "app.kubernetes.io/managed-by=labspec"
TAKEN = ["hostile", "istio-jaeger", "no-collector", "own-namespace", "turns"]
"""Labs that differ in what a name can be taken from: their namespace, their collector's, or none."""
FRESH = ["istio-jaeger[telemetry]", "istio-jaeger[json-logs]"]
"""Variants that go into a cluster where the base was not: one of each API."""


class Ground(NamedTuple):
    """A lab, or a variant of it, on a cluster whose mesh has the settings of the lab's base."""

    case: Case
    plan: Plan
    lab: LiveLab
    before: dict[Key, Body]

    def of(self, variant: str) -> "Ground":
        """Another form of the lab on the same ground."""
        case = self.case._replace(variant=variant)
        return self._replace(case=case, plan=case.plan())

    def deploy(self, *, switched: bool = False) -> str:
        """Deploys this form, and holds the cluster against its plan; gives what deploy.sh printed."""
        said = self.lab.succeeds("deploy", self.case.variant, "--yes")
        self.lab.mesh.cluster.settle()
        count = sidecars(self, switched=switched) + ports(self)
        self.agreed("sidecars where the spec says, with the spec's tracer; ports that lead to a pod", count)
        return said

    def left(self) -> set[Key]:
        """What is there and was not there before, or not as it is."""
        before, now = unmarked(deepcopy(self.before)), unmarked(self.lab.mesh.cluster.listing())
        return {key for key in before.keys() | now.keys() if before.get(key) != now.get(key)}

    def agreed(self, what: str, count: int) -> None:
        """Notes comparisons that agreed."""
        self.lab.mesh.agreed(self.case, what, count)


@pytest.fixture
def ground(case: Case, mesh: Mesh, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    cluster = mesh.cluster
    lab = mesh.lab(case, tmp_path_factory.mktemp("lab"))
    mesh.install(Case(case.spec).operator(lab.out))
    plan = case.plan()
    config: Body = {"service": {"extensions": []}}
    cluster.foreign("ConfigMap", "not-of-the-lab", plan.istio_namespace, data={"key": "value"})
    cluster.foreign("ConfigMap", "jaeger", ELSEWHERE, data={"config.yaml": json.dumps(config)})
    cluster.foreign("Deployment", "jaeger", ELSEWHERE, spec=deployment("jaeger"))
    cluster.foreign("Service", "tracing", ELSEWHERE, spec={"selector": {"app": "jaeger"}, "ports": [{"port": 80}]})
    for (kind, name, namespace), data in taken(Case(case.spec).plan()).items():
        cluster.foreign(kind, name, namespace, data=data)
    cluster.settle()
    before = cluster.listing()
    yield Ground(case, plan, lab, before)
    cluster.restore({key: body for key, body in before.items() if FOREIGN not in body["metadata"].get("labels", {})})


def taken(plan: Plan) -> dict[Key, Body]:
    """The Secrets and ConfigMaps of others from which any form of the lab takes values."""
    found: dict[Key, Body] = {}
    for form in plan.forms:
        for source in sources(form):
            keys = dict.fromkeys(source.keys, "eA==" if source.kind == "Secret" else "x")
            found.setdefault((source.kind, source.name, form.namespace), {}).update(keys)
    return found


@every_lab
def test_every_form_comes_and_goes(ground: Ground) -> None:
    """Base, and each variant between it and itself; then out of the cluster from each of them."""
    ground.deploy()
    if not ground.plan.variants:
        stays_as_it_is(ground)
    base = resources(ground.lab.mesh.cluster.listing())
    variants = [ground.of(form.variant) for form in ground.plan.variants]
    for variant in variants:
        restarts_only_for_old_settings(variant, variant.deploy(switched=True))
        applied_again_changes_nothing(variant)
        restarts_only_for_old_settings(ground, ground.deploy(switched=True))
        now = resources(ground.lab.mesh.cluster.listing())
        assert now.keys() == base.keys()
        assert now == base
        variant.agreed("deploy.sh: base, variant, base: the resources of the base", len(base))
    goes_from_each(ground, variants)


def stays_as_it_is(ground: Ground) -> None:
    """Holds that what is deployed once more does not change."""
    again = ground.lab.succeeds("deploy", ground.case.variant, "--yes").splitlines()
    assert "No pod needs a restart." in again
    assert not [line for line in again if line.endswith((" created", " configured", " pruned"))]
    applied_again_changes_nothing(ground)


def applied_again_changes_nothing(ground: Ground, side: str = "client") -> None:
    """Holds that kubectl has nothing to say about what it applied, and nothing to do, whether it or the server merges."""
    cluster, folder = ground.lab.mesh.cluster, f"--kustomize={ground.case.overlay(ground.lab.out)}"
    options = ["--server-side"] if side == "server" else []
    before = cluster.get(folder)
    done = cluster.call("apply", folder, "--validate=strict", *options)
    assert (done.code, done.err) == (0, "")
    assert options or {line.rpartition(" ")[2] for line in done.out.splitlines()} == {"unchanged"}
    assert cluster.get(folder) == before
    if ground.plan.is_base:  # it takes long
        assert cluster.call("diff", folder, *options) == (0, "", "")
    ground.agreed("accepts the tree, strictly; a second apply changes nothing", len(before))


def restarts_only_for_old_settings(ground: Ground, said: str) -> None:
    """Holds that no pod was restarted for settings that it does not read at its start: a Telemetry tells it."""
    assert ground.plan.provider is None or ", the mesh settings are from " not in said


def goes_from_each(ground: Ground, variants: list[Ground]) -> None:
    """Tears the lab down from its base and from each variant."""
    cluster, namespace = ground.lab.mesh.cluster, ground.plan.namespace
    stay: set[Key] = set()
    if ground.plan.owns_namespace:
        # A namespace with something in it stays. To delete it takes five seconds, so that waits for the last.
        cluster.foreign("ConfigMap", "keeps-the-namespace", namespace, data={})
        stay = {("ConfigMap", namespace, "keeps-the-namespace"), ("Namespace", "", namespace)}
    for form in [*variants, ground]:
        done = cluster.call(
            "apply", f"--kustomize={form.case.overlay(form.lab.out)}", "--server-side", "--validate=strict"
        )
        assert (done.code, done.err) == (0, "")
        if form is ground:
            cluster.settle()
            applied_again_changes_nothing(form, "server")
        if form is ground and stay:
            cluster.do("delete", "configmap", "keeps-the-namespace", f"--namespace={namespace}")
            stay.clear()
        goes(form, stay)
    assert not cluster.get("pods", "--all-namespaces", f"--selector={OURS}")


def goes(ground: Ground, stay: set[Key]) -> None:
    """Tears it down; nothing is left but what has to stay."""
    ground.lab.succeeds("teardown", ground.case.variant)
    assert ground.left() == stay
    ground.agreed("teardown.sh leaves every object of the cluster as it was", 1)


@pytest.mark.parametrize("case", [case for case in cases() if case.name in FRESH], ids=lambda case: case.name)
def test_a_variant_without_its_base_before(ground: Ground) -> None:
    ground.deploy()
    stays_as_it_is(ground)
    ground.lab.succeeds("teardown", ground.case.variant)
    ground.lab.mesh.install(Case(ground.case.spec).operator(ground.lab.out))
    assert ground.left() == set()
    ground.agreed("deploy.sh and teardown.sh leave every object of the cluster as it was", 1)


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
    endpoints = cluster.get("endpointslices", "--all-namespaces")
    reached = set()
    for service in services:
        namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
        leads = (namespace, name)
        slices = [
            one
            for one in endpoints
            if (one["metadata"]["namespace"], one["metadata"].get("labels", {}).get("kubernetes.io/service-name"))
            == leads
        ]
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


@pytest.mark.parametrize("case", [lab for lab in labs() if lab.name in TAKEN], ids=lambda case: case.name)
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


def unmarked(listing: dict[Key, Body]) -> dict[Key, Body]:
    """A listing without what stays of an installation: the mark of install.sh, and how often istiod wrote its webhooks."""
    for (kind, _, _), body in listing.items():
        notes = body["metadata"].get("annotations", {})
        if notes.pop("labspec/operator", None) and not notes:
            del body["metadata"]["annotations"]
        if kind.endswith("WebhookConfiguration"):
            body["metadata"].pop("generation", None)
    return listing


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
