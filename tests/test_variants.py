"""What variants give: overlays, operators, and what two words in a spec change."""

from typing import Any

import yaml

from labspec.artifacts._base import manifests
from labspec.artifacts._mesh import operator, operator_path, providers
from labspec.bundle import Bundle
from labspec.compile import bundle
from labspec.plan import Plan
from labspec.resource import identity
from tests.conftest import ROOT, plan_of

ORIGIN = ROOT / "specs" / "istio-jaeger.yaml"
TELEMETRY = """apiVersion: labspec/v1
name: lab
services:
  a: {kind: curl, calls: [b]}
  b: {kind: http-echo}
variants:
  one-percent: {sampling: {percent: 1}}
  silent: {collector: {kind: none}, logs: {format: istio}}
  http: {collector: {protocol: otlp-http}}
  elsewhere: {collector: {namespace: tracing}}
  third: {services: {c: {kind: relay, calls: [b]}, a: {calls: [c]}}}
"""


def form(plan: Plan, name: str) -> Plan:
    return next(found for found in plan.forms if found.variant == name)


def objects(plan: Plan) -> dict[tuple[str, str], Any]:
    """Of a form, by kind and name."""
    return {identity(found.body)[1::2]: found.body for _, all_of in manifests(plan) for found in all_of}


def loop(plan: Plan) -> str:
    text: str = objects(plan)["Deployment", "frontend"]["spec"]["template"]["spec"]["containers"][0]["args"][0]
    return text


def files(built: Bundle) -> dict[str, str]:
    return {file.path: file.text for file in built}


def test_two_words_change_everything_that_names_a_header() -> None:
    plan = plan_of(ORIGIN)
    w3c = form(plan, "w3c")
    assert '-H "x-b3-traceid: $trace_id"' in loop(plan)
    assert '-H "traceparent: 00-$trace_id-$span_id-01"' in loop(w3c)
    assert "x-b3" not in loop(w3c)
    assert plan.provider is None
    assert w3c.provider is not None
    assert (w3c.provider.name, w3c.provider.protocol, w3c.provider.port) == (
        "istio-jaeger-otlp-grpc",
        "otlp-grpc",
        4317,
    )
    (tracing,) = objects(w3c)["Telemetry", "istio-jaeger"]["spec"]["tracing"]
    assert tracing == {"providers": [{"name": "istio-jaeger-otlp-grpc"}], "randomSamplingPercentage": 100}
    assert "traceID=%REQ(X-B3-TRACEID)% spanID=%REQ(X-B3-SPANID)%" in (plan.log.text or "")
    assert "traceID=%TRACE_ID% spanID=%SPAN_ID%" in (w3c.log.text or "")
    assert "traceparent" in files(bundle(plan))["README.md"]


def test_the_operator_holds_the_providers_of_all_forms() -> None:
    plan = plan_of(ORIGIN)
    names = [provider.name for provider in providers(plan)]
    assert names == ["istio-jaeger-zipkin", "istio-jaeger-otlp-grpc"]
    for found in plan.forms:
        config = operator(plan, found)["spec"]["meshConfig"]
        assert [provider["name"] for provider in config["extensionProviders"]] == names


def test_every_variant_of_the_origin_lab_has_mesh_settings_of_its_own() -> None:
    plan = plan_of(ORIGIN)
    assert [operator_path(plan, found) for found in plan.forms] == [
        "istio/operator.yaml",
        *(f"istio/{name}.yaml" for name in ("telemetry", "w3c", "one-percent", "json-logs")),
    ]


def test_with_telemetry_kubectl_alone_switches() -> None:
    plan = plan_of(TELEMETRY)
    paths = {found.variant: operator_path(plan, found) for found in plan.forms}
    # The access log is a setting of the mesh.
    assert {name for name, path in paths.items() if path != "istio/operator.yaml"} == {"silent"}
    assert [provider.name for provider in providers(plan)] == [
        "lab-otlp-grpc",
        "lab-otlp-http",
        "lab-otlp-grpc-elsewhere",
    ]
    assert ("Telemetry", "lab") not in objects(form(plan, "silent"))


def test_overlays() -> None:
    built = files(bundle(plan_of(TELEMETRY)))
    whole = {
        path: yaml.safe_load(text)
        for path, text in built.items()
        if path.startswith("overlays/") and path.endswith("kustomization.yaml")
    }
    assert sorted(whole) == [
        f"overlays/{name}/kustomization.yaml" for name in ("elsewhere", "http", "one-percent", "silent", "third")
    ]
    percent = [patch["patch"] for patch in whole["overlays/one-percent/kustomization.yaml"]["patches"]]
    assert yaml.safe_load(percent[0]) == [
        {"op": "test", "path": "/metadata/annotations/labspec~1variant", "value": "base"},
        {"op": "replace", "path": "/metadata/annotations/labspec~1variant", "value": "one-percent"},
    ]
    assert yaml.safe_load(percent[1]) == [
        {"op": "test", "path": "/spec/tracing/0/randomSamplingPercentage", "value": 100},
        {"op": "replace", "path": "/spec/tracing/0/randomSamplingPercentage", "value": 1},
    ]
    third = whole["overlays/third/kustomization.yaml"]
    assert third["resources"] == ["../../base", "programs.yaml", "c.yaml"]
    assert "overlays/third/c.yaml" in built
    silent = [patch for patch in whole["overlays/silent/kustomization.yaml"]["patches"] if "target" not in patch]
    deleted = {
        (found["kind"], found["metadata"]["name"]) for found in (yaml.safe_load(patch["patch"]) for patch in silent)
    }
    assert ("Telemetry", "lab") in deleted
    assert ("Deployment", "jaeger") in deleted


def test_equal_settings_share_a_provider() -> None:
    spec = (
        TELEMETRY.partition("variants:")[0]
        + "variants:\n  b3: {propagation: {format: b3}}\n  again: {propagation: {format: b3}}\n"
    )
    plan = plan_of(spec + "  both: {propagation: {format: b3+w3c}}\n")
    names = [found.provider.name if found.provider else None for found in plan.forms]
    assert names == ["lab-otlp-grpc", "lab-zipkin", "lab-zipkin", "lab-zipkin-both"]


def test_a_rate_of_its_own() -> None:
    spec = "apiVersion: labspec/v1\nname: lab\nistio: {api: %s}\npropagation: {format: b3}\naccept: {}\n"
    services = "services:\n  a: {kind: curl, calls: [b], sampling: {percent: 5}}\n  b: {kind: http-echo}\n"
    new, old = (plan_of(spec % api + services) for api in ("telemetry", "meshConfig"))
    own = objects(new)["Telemetry", "lab-a"]["spec"]
    assert own["selector"] == {"matchLabels": {"app": "a"}}
    assert own["tracing"] == [{"providers": [{"name": "lab-zipkin"}], "randomSamplingPercentage": 5}]
    template = objects(old)["Deployment", "a"]["spec"]["template"]["metadata"]
    settings = yaml.safe_load(template["annotations"]["proxy.istio.io/config"])
    # The annotation replaces the mesh's whole `tracing`: without the address tracing would be lost.
    assert settings == {
        "tracing": {"sampling": 5, "zipkin": {"address": "jaeger-collector.istio-system.svc.cluster.local:9411"}}
    }
    assert not any(kind == "Telemetry" for kind, _ in objects(old))


def test_without_variants_there_is_no_overlay() -> None:
    spec = TELEMETRY.partition("variants:")[0]
    assert not any(path.startswith("overlays/") for path in files(bundle(plan_of(spec))))
