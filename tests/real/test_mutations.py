"""The tier's own test: a compiler that errs makes a lab with which these checks disagree.

Each mutation changes a part of labspec in this process. The plan that the checks go by was made before.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from labspec import overlay, resource, tree
from labspec.artifacts import _mesh, services, telemetry
from labspec.collectors.jaeger import Jaeger
from labspec.compile import bundle
from labspec.propagation import b3
from labspec.propagation._base import Symbol
from labspec.resource import BASE, Object
from labspec.services._base import Listener
from labspec.services.http_echo import HttpEcho
from tests.conftest import ROOT, plan_of
from tests.real.cases import Case, form_of
from tests.real.objects import rendered, selected
from tests.real.oracle import VERSION, compared, report
from tests.real.verification import record

pytestmark = pytest.mark.real

Patch = pytest.MonkeyPatch


class Mutation(NamedTuple):
    """An error in the compiler, and the disagreement that must come of it."""

    name: str
    apply: Callable[[Patch], None]
    seen: str
    """Part of a disagreement."""
    spec: str = "specs/istio-jaeger.yaml"
    variant: str = BASE


def wrap(patch: Patch, owner: object, name: str, change: Callable[[Any], Any]) -> None:
    """Changes what a function of the compiler gives."""
    original = getattr(owner, name)
    patch.setattr(owner, name, lambda *args, **kwargs: change(original(*args, **kwargs)))


def port_name(patch: Patch) -> None:
    def renamed(service: Object) -> Object:
        service.body["spec"]["ports"][0]["name"] = "tcp"
        return service

    wrap(patch, services, "_service", renamed)


def protocol(patch: Patch) -> None:
    patch.setattr(HttpEcho, "listener", lambda self: Listener(self.port, self.targetPort, "tcp"))


def port_names_that_differ(patch: Patch) -> None:
    def renamed(container: dict[str, Any]) -> dict[str, Any]:
        return container | {"ports": [port | {"name": "web"} for port in container.get("ports", [])]}

    wrap(patch, services, "_container", renamed)


def collector_port(patch: Patch) -> None:
    def without(objects: Iterable[Object]) -> tuple[Object, ...]:
        for found in objects:
            if found.body["metadata"]["name"] == "jaeger-collector":
                ports = found.body["spec"]["ports"]
                ports[:] = [port for port in ports if port["port"] != 9411]
        return tuple(objects)

    wrap(patch, Jaeger, "_services", without)


def header(patch: Patch) -> None:
    symbols: Any = b3.FORMAT.symbols
    patch.setitem(symbols, "trace_id", Symbol("%REQ(TRACEPARENT)%"))


def sampling(patch: Patch) -> None:
    def without(config: dict[str, Any]) -> dict[str, Any]:
        del config["defaultConfig"]["tracing"]["sampling"]
        return config

    wrap(patch, _mesh, "_mesh_config", without)


def inject_label(patch: Patch) -> None:
    def without(labels: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in labels.items() if name != "sidecar.istio.io/inject"}

    wrap(patch, services, "pod_labels", without)


def selector(patch: Patch) -> None:
    def changed(service: Object) -> Object:
        service.body["spec"]["selector"]["app"] += "-v2"
        return service

    wrap(patch, services, "_service", changed)


def deployment_selector(patch: Patch) -> None:
    def changed(deployment: Object) -> Object:
        deployment.body["spec"]["selector"]["matchLabels"]["app"] += "-v2"
        return deployment

    wrap(patch, services, "_deployment", changed)


def part_of(patch: Patch) -> None:
    def without(labels: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in labels.items() if name != resource.PART_OF}

    wrap(patch, resource, "labels", without)


def newline(patch: Patch) -> None:
    def broken(log: dict[str, Any]) -> dict[str, Any]:
        return log | {"accessLogFormat": log["accessLogFormat"].replace(" ", "\n", 1)}

    wrap(patch, _mesh, "_access_log", broken)


def echo_on_80(patch: Patch) -> None:
    patch.setattr(HttpEcho, "listener", lambda self: Listener(self.port, 80))


def echo_told_80(patch: Patch) -> None:
    def told(container: Any) -> Any:
        return container._replace(args=tuple(arg.replace(":5678", ":80") for arg in container.args))

    wrap(patch, HttpEcho, "container", told)


def zipkin_on_16686(patch: Patch) -> None:
    def moved(backend: Any) -> Any:
        return backend._replace(receivers=tuple(receiver._replace(port=16686) for receiver in backend.receivers))

    wrap(patch, Jaeger, "backend", moved)


def telemetry_without_provider(patch: Patch) -> None:
    def without(found: Object) -> Object:
        for setting in found.body["spec"]["tracing"]:
            setting["providers"] = []
        return found

    wrap(patch, telemetry, "_telemetry", without)


def provider_port(patch: Patch) -> None:
    def moved(provider: dict[str, Any]) -> dict[str, Any]:
        provider.get("opentelemetry", {})["port"] = 4319
        return provider

    wrap(patch, _mesh, "_extension", moved)


def provider_short_host(patch: Patch) -> None:
    def short(provider: dict[str, Any]) -> dict[str, Any]:
        provider.get("opentelemetry", {})["service"] = "jaeger-collector.tools"
        return provider

    wrap(patch, _mesh, "_extension", short)


def option(patch: Patch) -> None:
    def without(provider: dict[str, Any]) -> dict[str, Any]:
        provider.get("zipkin", {}).pop("traceContextOption", None)
        return provider

    wrap(patch, _mesh, "_extension", without)


def annotation(patch: Patch) -> None:
    patch.setattr(services, "_config", lambda *_: {})


def variant_mark(patch: Patch) -> None:
    patch.setattr(services, "VARIANT", "labspec/form")


TURNS = "tests/real/labs/turns.yaml"

MUTATIONS = (
    Mutation("wrong port name", port_name, "ports of Service backend: [(80, 'tcp', 'http')]"),
    Mutation("wrong port name and appProtocol", protocol, "frontend to backend: protocol: 'tcp', planned 'http'"),
    Mutation("wrong name of the container's port", port_names_that_differ, "frontend to backend: endpoints: []"),
    Mutation("missing collector port", collector_port, "client: collector: portExists: False"),
    Mutation("wrong header in the log", header, "frontend: access log of clientHTTP"),
    # Where the profile is demo, Istio's own rate is 100: only another rate shows the loss.
    Mutation("sampling dropped", sampling, "sampling: 100, planned 1", "tests/labs/own-namespace.yaml"),
    Mutation("inject label lost", inject_label, "pods with a sidecar"),
    Mutation("selector of the Service changed", selector, "frontend to backend: endpoints: []"),
    Mutation("selector of the Deployment changed", deployment_selector, "`selector` does not match template `labels`"),
    Mutation("part-of label lost", part_of, "Deployment backend: labels"),
    Mutation("newline in the format", newline, "frontend: access log of clientHTTP"),
    Mutation("http-echo on 80: port", echo_on_80, "frontend to backend: endpoints: ['80'], planned ['5678']"),
    Mutation("http-echo on 80: process", echo_told_80, "Deployment backend: what runs"),
    Mutation("zipkin on 16686", zipkin_on_16686, "collector.istio-system.svc.cluster.local:16686'"),
    Mutation("Telemetry without its provider", telemetry_without_provider, "client: makes spans: False", TURNS),
    Mutation("wrong port of the provider", provider_port, "client: collector: portExists: False", TURNS),
    Mutation("short name of the provider's host", provider_short_host, "client: makes spans: False", TURNS),
    Mutation("option for both formats lost", option, "headers: 'USE_B3'", TURNS, "both"),
    Mutation(
        "annotation of a service's own sampling lost",
        annotation,
        "front: client: sampling: 50, planned 2.5",
        TURNS,
        "old",
    ),
    Mutation("mark of the variant lost", variant_mark, "Deployment frontend: variant: None", variant="w3c"),
)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_compiler_that_errs_is_caught(
    mutation: Mutation, tmp_path: Path, tool: Callable[..., str], monkeypatch: Patch
) -> None:
    case = Case(ROOT / mutation.spec, mutation.variant)
    right = case.plan()
    mutation.apply(monkeypatch)
    built = plan_of(case.spec)
    tree.write(bundle(built), tmp_path)
    stream = rendered(tool("kubectl", "kustomize"), case.overlay(tmp_path))
    operator = tmp_path / _mesh.operator_path(built, form_of(built, case.variant))
    found = report(tool("oracle"), right, operator, stream)
    by_istio, by_objects = compared(right, found).disagreements, selected(right, stream).disagreements
    seers = [("Istio's control plane", VERSION, by_istio), ("rendered objects", "-", by_objects)]
    seen = [(name, version) for name, version, said in seers if any(mutation.seen in each for each in said)]
    assert seen, by_istio + by_objects
    record(tool=seen[0][0], version=seen[0][1], what=f"error put into labspec: {mutation.name}: caught")


def test_an_overlay_without_its_tests_is_caught(tmp_path: Path, tool: Callable[..., str], monkeypatch: Patch) -> None:
    """A base of another labspec would be patched to something that nobody compiled."""
    monkeypatch.setattr(overlay, "_replaced", lambda _, new, path: [{"op": "replace", "path": path, "value": new}])
    case = Case(ROOT / "specs" / "istio-jaeger.yaml", "w3c")
    tree.write(bundle(plan_of(case.spec)), tmp_path)
    for file in (tmp_path / "base").iterdir():
        file.write_text(file.read_text("utf-8").replace("labspec/variant: base", "labspec/variant: drifted"), "utf-8")
    # Kustomize takes the drifted base: what tests/real/test_overlays.py holds would be a failure.
    assert rendered(tool("kubectl", "kustomize"), case.overlay(tmp_path)).count("labspec/variant: w3c") == 3
    record(tool="kubectl", version="-", what="error put into labspec: overlay without tests: takes a base that drifted")
