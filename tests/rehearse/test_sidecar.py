"""The configurations of sidecars."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labspec.plan import Plan
from labspec.rehearse.places import Places, _laid_out, _Shared
from labspec.rehearse.sidecar import sidecar_config
from labspec.rehearse.tracing import bridge_config
from tests.conftest import ROOT, SPECS, plan_of

HEAD = "apiVersion: labspec/v1\nname: lab\n"
TWO = "services: {a: {kind: curl, calls: [b]}, b: {kind: http-echo}}\n"
NO_COLLECTOR = "collector: {kind: none}\n"
MESH_CONFIG = "istio: {api: meshConfig}\npropagation: {format: b3}\n"
ZIPKIN = "propagation: {format: %s}\n"
OTLP = "collector: {kind: jaeger, protocol: %s}\n"
Config = dict[str, Any]


def configured(plan: Plan) -> dict[str, Config]:
    """By service."""
    where = _laid_out(plan, _Shared())
    running = [proxy for proxy in plan.mesh.proxies if proxy.service in where.pods]
    texts = {proxy.service: sidecar_config(plan, proxy, where, "/seen") for proxy in running}
    found: dict[str, Config] = json.loads(json.dumps(texts))
    return found


def config(spec: str, service: str = "a") -> Config:
    return configured(plan_of(HEAD + spec))[service]


def managers(found: Config) -> list[Config]:
    listeners = found["static_resources"]["listeners"]
    return [each["filter_chains"][0]["filters"][0]["typed_config"] for each in listeners]


def routes(found: Config) -> Iterator[Config]:
    for manager in managers(found):
        for host in manager["route_config"]["virtual_hosts"]:
            yield from host["routes"]


def clusters(found: Config) -> dict[str, Config]:
    return {each["name"]: each for each in found["static_resources"]["clusters"]}


def place(cluster: Config) -> tuple[str, int]:
    """Where a cluster leads."""
    ((endpoint,),) = [each["lb_endpoints"] for each in cluster["load_assignment"]["endpoints"]]
    address = endpoint["endpoint"]["address"]["socket_address"]
    return address["address"], address["port_value"]


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_what_a_sidecar_says_of_itself_is_what_is_predicted(spec: Path) -> None:
    for form in plan_of(spec).forms:
        found = configured(form)
        assert found.keys() == {each.name for each in form.workloads if each.sidecar and each.replicas}
        for span in (span for request in form.prediction.requests for span in request.spans if span.maker == "sidecar"):
            own = found[span.service]
            assert own["node"]["cluster"] == span.name
            assert span.operation in {route["decorator"]["operation"] for route in routes(own)}
            written = {
                tag["tag"]: tag["literal"]["value"]
                for tag in managers(own)[0]["tracing"]["custom_tags"]
                if "literal" in tag
            }
            assert written.items() >= {(name, value) for name, value in span.tags if name.startswith("istio.")}
            assert dict(span.tags)["upstream_cluster"] in clusters(own)


def test_every_request_is_followed_from_step_to_step() -> None:
    own = config(TWO)
    (route,) = routes(own)
    (added,) = route["request_headers_to_add"]
    assert added["header"] == {"key": "x-labspec-way", "value": "%REQ(x-labspec-way)%.%UNIQUE_ID%"}
    assert added["append_action"] == "OVERWRITE_IF_EXISTS_OR_ADD"
    (log, witness) = managers(own)[0]["access_log"]
    assert (log["typed_config"]["path"], witness["typed_config"]["path"]) == ("/dev/stdout", "/seen")
    assert witness["typed_config"]["log_format"]["json_format"]["direction"] == "outbound"
    assert "request_headers_to_add" not in next(routes(config(TWO, "b")))


def test_no_two_envoys_can_share_a_port() -> None:
    for own in configured(plan_of(ROOT / "specs" / "fan-out.yaml")).values():
        assert {each["enable_reuse_port"] for each in own["static_resources"]["listeners"]} <= {False}


def test_a_callee_without_pods_has_no_endpoint() -> None:
    own = config("services: {a: {kind: curl, calls: [b]}, b: {kind: http-echo, replicas: 0}}\n")
    assert clusters(own)["outbound|80||b.lab.svc.cluster.local"]["load_assignment"]["endpoints"] == []


PROTOCOLS = [
    (ZIPKIN % "b3", "ZipkinConfig", {}),
    (ZIPKIN % "b3+w3c", "ZipkinConfig", {"trace_context_option": "USE_B3_WITH_W3C_PROPAGATION"}),
    (OTLP % "otlp-grpc", "OpenTelemetryConfig", {"service_name": "a.lab"}),
    (OTLP % "otlp-http", "OpenTelemetryConfig", {"service_name": "a.lab"}),
]


@pytest.mark.parametrize(("spec", "kind", "more"), PROTOCOLS)
def test_the_tracer_of_a_listener(spec: str, kind: str, more: Config) -> None:
    plan = plan_of(HEAD + spec + TWO)
    where = _laid_out(plan, _Shared())
    own: Config = sidecar_config(plan, plan.mesh.proxies[0], where, "/seen")
    tracer = managers(own)[0]["tracing"]["provider"]["typed_config"]
    assert tracer["@type"].endswith(f".{kind}")
    assert tracer.items() >= more.items()
    assert ("trace_context_option" in tracer) is ("trace_context_option" in more)
    assert "tracing" not in own
    collector = clusters(own)[cluster_of(tracer)]
    by_grpc = "grpc_service" in tracer
    assert by_grpc is ("otlp-grpc" in spec)
    assert ("typed_extension_protocol_options" in collector) is by_grpc
    assert place(collector) == (where.bridge if by_grpc else where.collector)


def cluster_of(tracer: Config) -> str:
    """Where a tracer sends its spans."""
    if "grpc_service" in tracer:
        return str(tracer["grpc_service"]["envoy_grpc"]["cluster_name"])
    service = tracer.get("collector_service") or tracer["http_service"]
    return str(service["http_uri"]["cluster"])


def test_the_tracer_of_the_bootstrap() -> None:
    own = config(MESH_CONFIG + TWO)
    tracer = own["tracing"]["http"]["typed_config"]
    assert tracer["@type"].endswith(".ZipkinConfig")
    assert tracer["collector_cluster"] in clusters(own)
    assert all("provider" not in manager["tracing"] for manager in managers(own))


@pytest.mark.parametrize(("spec", "traces"), [(MESH_CONFIG + NO_COLLECTOR, False), (NO_COLLECTOR, True)])
def test_without_a_collector_there_is_no_tracer(spec: str, *, traces: bool) -> None:
    for service in ("a", "b"):
        own = config(spec + "logs: {format: istio}\n" + TWO, service)
        assert "tracing" not in own
        assert ["provider" in manager.get("tracing", {}) for manager in managers(own)] == [False]
        # Istio's Telemetry settles the sampling even then.
        assert ["tracing" in manager for manager in managers(own)] == [traces]
        assert all("bound|" in name for name in clusters(own))


def test_the_rate_is_that_of_the_service() -> None:
    spec = "sampling: {percent: 5}\n" + TWO.replace("http-echo}", "http-echo, sampling: {percent: 0.5}}")
    rates = [managers(config(spec, service))[0]["tracing"]["random_sampling"]["value"] for service in ("a", "b")]
    assert rates == [5, 0.5]


def log_of(form: str) -> Config:
    found: Config = managers(config(f"logs: {{format: {form}}}\n{TWO}"))[0]["access_log"][0]["typed_config"][
        "log_format"
    ]
    return found


@pytest.mark.parametrize("form", ['"%PROTOCOL%"', '"%PROTOCOL%\\n"'])
def test_a_text_format_ends_with_one_newline(form: str) -> None:
    assert log_of(form) == {"text_format_source": {"inline_string": "%PROTOCOL%\n"}}


def test_a_json_format_is_kept_as_it_is() -> None:
    form = log_of("{b: '%PROTOCOL% \"x\"', a: '%TRACE_ID%'}")
    assert form == {"json_format": {"b": '%PROTOCOL% "x"', "a": "%TRACE_ID%"}, "json_format_options": {}}


@pytest.mark.parametrize("form", ["'%REQ_WITHOUT_QUERY(:PATH)%'", "{path: '%REQ_WITHOUT_QUERY(:PATH):9%'}"])
def test_the_operator_that_needs_an_extension_has_it(form: str) -> None:
    (formatter,) = log_of(form)["formatters"]
    assert formatter["name"] == "envoy.formatter.req_without_query"
    assert formatter["typed_config"]["@type"].endswith(".ReqWithoutQuery")
    assert "formatters" not in log_of("'%REQ(:PATH)%'")


def test_no_log_is_no_log() -> None:
    (witness,) = managers(config("logs: {format: none}\n" + TWO))[0]["access_log"]
    assert witness["typed_config"]["path"] == "/seen"


def test_an_old_envoy_is_not_asked_for_what_it_does_not_know() -> None:
    told = {
        version: managers(config(f'istio: {{version: "{version}"}}\n{TWO}'))[0]["access_log"][-1]["typed_config"][
            "log_format"
        ]["json_format"]
        for version in ("1.29", "1.30", "1.31")
    }
    assert [("%SPAN_ID%" in form.values()) for form in told.values()] == [False, True, True]


def test_the_bridge_leads_to_the_collector() -> None:
    where: Places = _laid_out(plan_of(HEAD + OTLP % "otlp-grpc" + TWO), _Shared())
    own: Config = bridge_config(where)
    assert place(clusters(own)["collector"]) == where.collector
    (manager,) = managers(own)
    assert manager["codec_type"] == "HTTP2"
    assert [each["name"].rpartition(".")[2] for each in manager["http_filters"]] == [
        "grpc_http1_reverse_bridge",
        "router",
    ]
