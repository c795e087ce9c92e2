"""What the origin lab must hold, whatever else changes."""

from typing import Any

import pytest
import yaml

from labspec.compile import bundle
from tests.conftest import ROOT, plan_of

FILES = {file.path: file for file in bundle(plan_of(ROOT / "specs" / "istio-jaeger.yaml"))}


def objects(path: str) -> dict[str, Any]:
    return {body["kind"] + "/" + body["metadata"]["name"]: body for body in yaml.safe_load_all(FILES[path].text)}


def test_mesh_config() -> None:
    operator = yaml.safe_load(FILES["istio/operator.yaml"].text)
    assert (operator["apiVersion"], operator["kind"]) == ("install.istio.io/v1alpha1", "IstioOperator")
    assert operator["spec"]["profile"] == "demo"
    mesh = operator["spec"]["meshConfig"]
    assert mesh["enableTracing"] is True
    assert mesh["defaultConfig"]["tracing"] == {
        "sampling": 100,
        "zipkin": {"address": "jaeger-collector.istio-system.svc.cluster.local:9411"},
    }
    assert (mesh["accessLogFile"], mesh["accessLogEncoding"]) == ("/dev/stdout", "TEXT")
    assert "traceID=%REQ(X-B3-TRACEID)% spanID=%REQ(X-B3-SPANID)%" in mesh["accessLogFormat"]
    assert mesh["accessLogFormat"].count("\n") == 1
    assert mesh["accessLogFormat"].endswith("%DOWNSTREAM_LOCAL_ADDRESS%\n")


def test_operator_is_in_no_kustomization() -> None:
    for path in ("kustomization.yaml", "base/kustomization.yaml"):
        assert "istio" not in yaml.safe_load(FILES[path].text)["resources"]


def test_backend_listens_where_http_echo_does() -> None:
    backend = objects("base/backend.yaml")
    port = backend["Service/backend"]["spec"]["ports"][0]
    assert (port["name"], port["appProtocol"], port["port"], port["targetPort"]) == ("http", "http", 80, "http")
    container = backend["Deployment/backend"]["spec"]["template"]["spec"]["containers"][0]
    assert container["ports"] == [{"name": "http", "containerPort": 5678}]
    assert container["args"] == ["-listen=:5678", "-text=hello from backend"]
    assert container["readinessProbe"]["httpGet"] == {"path": "/health", "port": "http"}


def test_frontend_has_no_service() -> None:
    assert set(objects("base/frontend.yaml")) == {"ServiceAccount/frontend", "Deployment/frontend"}


@pytest.mark.parametrize("name", ["frontend", "backend"])
def test_pods_are_injected_and_selected_by_app_alone(name: str) -> None:
    deployment = objects(f"base/{name}.yaml")[f"Deployment/{name}"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert (labels["app"], labels["version"], labels["sidecar.istio.io/inject"]) == (name, "v1", "true")
    assert labels["app.kubernetes.io/part-of"] == "istio-jaeger"
    assert deployment["spec"]["selector"] == {"matchLabels": {"app": name}}
    pod = deployment["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == name
    assert pod["enableServiceLinks"] is False
    assert set(pod["containers"][0]["resources"]["requests"]) == {"cpu", "memory"}
    assert deployment["metadata"]["annotations"] == {"labspec/variant": "base"}


def test_collector_services() -> None:
    found = objects("base/collector.yaml")
    ports = {
        name: {(port["name"], port["port"], port["targetPort"]) for port in found[f"Service/{name}"]["spec"]["ports"]}
        for name in ("tracing", "zipkin", "jaeger-collector")
    }
    assert ("http-query", 80, 16686) in ports["tracing"]
    assert ports["zipkin"] == {("http-zipkin", 9411, 9411)}
    assert ports["jaeger-collector"] == {
        ("http-zipkin", 9411, 9411),
        ("grpc-otel", 4317, 4317),
        ("http-otel", 4318, 4318),
    }
    labels = found["Deployment/jaeger"]["spec"]["template"]["metadata"]["labels"]
    assert labels["sidecar.istio.io/inject"] == "false"
    config = yaml.safe_load(found["ConfigMap/jaeger"]["data"]["config.yaml"])
    assert config["extensions"]["jaeger_query"]["base_path"] == "/jaeger"
    assert config["receivers"]["zipkin"]["endpoint"].endswith(":9411")
    assert "memory" in config["extensions"]["jaeger_storage"]["backends"]["memory"]


def test_default_is_not_made_a_namespace_of_the_lab() -> None:
    assert "base/namespaces.yaml" not in FILES


def test_nine_scripts() -> None:
    names = {path for path in FILES if path.startswith("scripts/")}
    steps = ("preflight", "install", "deploy", "restart", "traffic", "logs", "ui", "teardown", "lab")
    assert names == {f"scripts/{step}.sh" for step in steps}
    assert all(FILES[path].executable for path in names)
