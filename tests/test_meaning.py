"""Settings as facts, and their difference in the words that `diff` and the guide print."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labspec.meaning import changes, changes_of, facts, settings
from labspec.plan import Plan
from tests.conftest import ROOT, plan_of

CHAIN = """
apiVersion: labspec/v1
name: chain
istio: {version: "1.30"}
services:
  web: {kind: curl, calls: [shop]}
  shop: {kind: relay, forwards: [x-request-id, traceparent, tracestate], calls: [stock]}
  stock: {kind: http-echo, text: plenty}
variants:
"""


def both(variant: str, base: str = CHAIN) -> tuple[Plan, Plan]:
    """A lab, and one variant of it."""
    plan = plan_of(f"{base}  other: {variant}\n")
    return plan, plan.variants[0]


def test_facts_of_a_lab() -> None:
    assert dict(facts(plan_of(CHAIN.removesuffix("variants:\n")))) == {
        "name": "chain",
        "namespace": "chain",
        "istio version": "1.30",
        "istio profile": "demo",
        "tracing API": "telemetry",
        "sidecars speak": "w3c",
        "sampling": "100 %",
        "collector": "jaeger by otlp-grpc to jaeger-collector.istio-system.svc.cluster.local:4317",
        "access log": "TEXT",
        "access log format": facts(plan_of(CHAIN + "  x: {}\n"))["access log format"],
        "service web": "curl",
        "web: image": "curlimages/curl:8.17.0",
        "web: replicas": "1",
        "web: sidecar": "yes",
        "web: calls": "GET http://shop/",
        "web: every": "5 s",
        "service shop": "relay",
        "shop: image": facts(plan_of(CHAIN + "  x: {}\n"))["shop: image"],
        "shop: replicas": "1",
        "shop: sidecar": "yes",
        "shop: port": "80, in the container 8080",
        "shop: calls": "GET http://stock/",
        "shop: forwards": "x-request-id, traceparent, tracestate",
        "shop: arguments": facts(plan_of(CHAIN + "  x: {}\n"))["shop: arguments"],
        "service stock": "http-echo",
        "stock: image": "hashicorp/http-echo:1.0",
        "stock: replicas": "1",
        "stock: sidecar": "yes",
        "stock: port": "80, in the container 5678",
        "stock: arguments": "-listen=:5678 -text=plenty",
        "request web GET http://shop/": "4 spans in 1 trace",
        "request web GET http://shop/: answered": "200",
        "request web GET http://shop/: sampled": "100 %",
        "request web GET http://shop/: decided by": "web's sidecar",
    }


BROKEN = "a request of web: 4 spans in 1 trace -> 2 + 2 spans in 2 traces"
BY_SHOP = "a request of web: web's sidecar and shop's sidecar decide on sampling instead of web's sidecar"

CASES = {
    "sampling": ("{sampling: {percent: 1}}", ["sampling 100 -> 1", "a request of web: in 1 % of the requests instead of 100 %"]),
    "sampling of a service": (
        "{services: {web: {sampling: {percent: 1}}}}",
        ["web: sampling 100 -> 1", "a request of web: in 1 % of the requests instead of 100 %"],
    ),
    "headers dropped": (
        "{services: {shop: {forwards: [x-request-id]}}}",
        [
            "shop stops forwarding traceparent, tracestate",
            BROKEN,
            BY_SHOP,
            "a request of web: leaves its trace at shop, because it hands on no trace header (x-request-id alone does not hold a trace)",
        ],
    ),
    "another header": (
        "{services: {shop: {forwards: [x-request-id, traceparent, tracestate, baggage]}}}",
        ["shop starts forwarding baggage"],
    ),
    "all headers": ("{services: {shop: {forwards: all}}}", ["shop forwards all trace headers"]),
    "no headers": (
        "{services: {shop: {forwards: none}}}",
        [
            "shop stops forwarding x-request-id, traceparent, tracestate",
            BROKEN,
            BY_SHOP,
            "a request of web: leaves its trace at shop, because it hands on no trace header",
        ],
    ),
    "format": (
        "{propagation: {format: b3}, services: {shop: {forwards: all}}}",
        [
            "sidecars speak b3 instead of w3c",
            "spans go by zipkin to jaeger-collector.istio-system.svc.cluster.local:9411 instead of otlp-grpc",
            "the access log shows %REQ(X-B3-TRACEID)% and %REQ(X-B3-SPANID)% instead of %TRACE_ID% and %SPAN_ID%",
            "shop forwards all trace headers",
        ],
    ),
    "protocol": (
        "{collector: {protocol: otlp-http}}",
        ["spans go by otlp-http to jaeger-collector.istio-system.svc.cluster.local:4318 instead of otlp-grpc"],
    ),
    "no collector": (
        "{collector: {kind: none}, logs: {format: istio}}",
        [
            "no collector instead of jaeger: sidecars make no spans",
            "the access log no longer shows %TRACE_ID% and %SPAN_ID%",
            "a request of web: 4 spans in 1 trace -> no span",
        ],
    ),
    "tracing API": (
        "{istio: {api: meshConfig}, propagation: {format: b3}, services: {shop: {forwards: all}}}",
        [
            "tracing is set by meshConfig instead of Telemetry resources",
            "sidecars speak b3 instead of w3c",
            "spans go by zipkin to jaeger-collector.istio-system.svc.cluster.local:9411 instead of otlp-grpc",
            "the access log shows %REQ(X-B3-TRACEID)% and %REQ(X-B3-SPANID)% instead of %TRACE_ID% and %SPAN_ID%",
            "shop forwards all trace headers",
        ],
    ),
    "no log": ("{logs: {format: none}}", ["no access log any more"]),
    "log as JSON": ("{logs: {format: traced-json}}", ["the access log is JSON instead of text"]),
    "version": ('{istio: {version: "1.31"}}', ["istio version 1.30 -> 1.31"]),
    "a service more": (
        "{services: {web: {calls: [shop, bank]}, bank: {kind: http-echo}}}",
        [
            "web calls GET http://bank/",
            "service bank added (http-echo)",
            "a request of web (GET http://bank/): 2 spans in 1 trace",
        ],
    ),
    "a service less": (
        "{services: {shop: {calls: []}, stock: null}}",
        [
            "shop no longer calls GET http://stock/",
            "service stock removed",
            "a request of web: 4 spans in 1 trace -> 2 spans in 1 trace",
        ],
    ),
    "the same call, less often": (
        "{services: {shop: {calls: [{to: stock, percent: 20}]}}}",
        ["shop calls GET http://stock/ in 20 % of the cases instead of always"],
    ),
    "another answer": (
        "{services: {stock: {replicas: 0}}}",
        [
            "stock: replicas 1 -> 0",
            "a request of web: 4 spans in 1 trace -> 3 spans in 1 trace",
            "a request of web: is answered with 502 instead of 200",
        ],
    ),
    "another call": (
        "{services: {shop: {calls: [{to: stock, path: /list, percent: 20}]}}}",
        [
            "shop no longer calls GET http://stock/",
            "shop calls GET http://stock/list in 20 %",
        ],
    ),
    "out of the mesh": (
        "{services: {stock: {mesh: false}}}",
        ["stock has no sidecar any more", "a request of web: 4 spans in 1 trace -> 3 spans in 1 trace"],
    ),
    "a tracer": (
        "{services: {web: {tracer: {}}}}",
        [
            "web gets a tracer of its own, which speaks w3c",
            "a request of web: web's app decides on sampling instead of web's sidecar",
            "a request of web: 1 span without a parent that anybody reports",
        ],
    ),
    "a text": ("{services: {stock: {text: none}}}", ["stock: arguments -listen=:5678 -text=plenty -> -listen=:5678 -text=none"]),
    "a long text": (f"{{services: {{stock: {{text: {'x' * 99}}}}}}}", ["stock: other arguments of its container"]),
    "a pause": ("{services: {web: {every: 1s}}}", ["web sends every 1 s instead of every 5 s"]),
    "a request by hand": (
        "{services: {web: {every: manual}}}",
        ["web sends only when scripts/traffic.sh asks instead of every 5 s"],
    ),
    "an image": ("{services: {web: {image: 'curlimages/curl:8.16.0'}}}", ["web: image curlimages/curl:8.17.0 -> curlimages/curl:8.16.0"]),
    "where images come from": (
        "{images: {registry: r.example/m, pullPolicy: Never}, services: {shop: null, stock: null, web: {calls: []}}}",
        [
            "image registry Docker Hub -> r.example/m",
            "image pull policy by the tag -> Never",
            "web: image curlimages/curl:8.17.0 -> r.example/m/curlimages/curl:8.17.0",
            "web no longer calls GET http://shop/",
            "web sends only when scripts/traffic.sh asks instead of every 5 s",
            "service shop removed",
            "service stock removed",
        ],
    ),
    "a namespace": (
        "{namespace: shop, createNamespace: true, services: {web: null, shop: null}}",
        ["namespace chain -> shop", "createNamespace by its name -> true", "service web removed", "service shop removed"],
    ),
    "replicas": ("{services: {stock: {replicas: 2}}}", ["stock: replicas 1 -> 2"]),
    "probes": (
        "{services: {shop: {probe: {tcp: true}}, stock: {probe: {exec: [cat, /x]}, text: other}}}",
        [
            "shop: probe of its kind -> tcp",
            "stock: arguments -listen=:5678 -text=plenty -> -listen=:5678 -text=other",
            "stock: probe of its kind -> exec cat /x",
        ],
    ),
    "resources": (
        "{services: {web: {resources: {cpu: 20m, limits: {memory: 1Gi}}}, stock: {resources: {limits: {cpu: '1'}}}}}",
        [
            "web: requests of its kind -> 20m CPU and 16Mi memory",
            "web: limits none -> 1Gi memory",
            "stock: limits none -> 1 CPU",
        ],
    ),
    "marks": (
        "{services: {web: {labels: {team: a}, annotations: {note: ''}}}}",
        ["web: label team is a", "web: annotation note is empty"],
    ),
    "an environment": (
        f"{{services: {{web: {{env: {{A: x, B: {{secret: s, key: k}}, C: {{field: metadata.name}}, D: {'x' * 99}}}}}, shop: {{forwards: all, env: {{E: ''}}}}}}}}",
        [
            "web: env A is x",
            "web: env B is k of Secret s",
            "web: env C is the pod's metadata.name",
            "web: a long text in env D",
            "shop forwards all trace headers",
            "shop: env E is empty",
        ],
    ),
    "nothing": ("{description: The same.}", []),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_changes(name: str) -> None:
    variant, expected = CASES[name]
    old, new = both(variant)
    assert list(changes(old, new)) == expected
    assert bool(changes(new, old)) == bool(expected)
    assert changes(old, old) == changes(new, new) == ()


def test_a_collector_that_was_not_there() -> None:
    old, new = both("{collector: {kind: none}, logs: {format: istio}}")
    assert changes(new, old)[0] == (
        "spans go to jaeger, by otlp-grpc to jaeger-collector.istio-system.svc.cluster.local:4317; before there was no collector"
    )


def test_a_trace_that_is_cut_off() -> None:
    base = CHAIN.replace("1.30", "1.31").replace("variants:", "sampling: {percent: 10}\nvariants:")
    old, new = both("{services: {shop: {forwards: [traceparent, tracestate]}}}", base)
    assert changes(old, new)[-1] == "a request of web: its trace is cut off at shop: 10 % before it, 1 % behind"
    assert changes(new, old)[-1] == "a request of web: its trace is no longer cut off at shop"


def test_an_app_and_its_sidecar_that_decide_together() -> None:
    base = CHAIN.replace("1.30", "1.31").replace("variants:", "sampling: {percent: 10}\nvariants:")
    old, new = both("{services: {web: {tracer: {}}}}", base)
    assert "a request of web: web's app and web's sidecar decide on sampling instead of web's sidecar" in changes(
        old, new
    )


def test_calls_that_only_change_their_order() -> None:
    fan = CHAIN.replace("calls: [shop]", "calls: [shop, stock]")
    old, new = both("{services: {web: {calls: [[stock, shop]]}}}", fan)
    assert changes(old, new) == ("web sends its calls in another order: GET http://stock/ with GET http://shop/",)


def test_a_tracer_that_changes_is_told_part_by_part() -> None:
    old, new = both(
        "{services: {web: {tracer: {sampled: false, bits: 128, ids: fixed}}}}",
        CHAIN.replace("kind: curl,", "kind: curl, tracer: {bits: 64},"),
    )
    assert changes(old, new) == (
        "web: own tracer's decision true -> false",
        "web: its own tracer's ids are 128 bits, the same for each request instead of 64 bits, random",
        "a request of web: 4 spans in 1 trace -> no span",
    )


def test_an_environment_that_changes() -> None:
    base = CHAIN.replace(
        "kind: http-echo,", f"kind: custom, image: 'x:1', args: [a], env: {{A: {'x' * 99}, B: {'x' * 99}, C: c, D: d}},"
    ).replace("text: plenty", "")
    old, new = both(f"{{services: {{stock: {{args: [b], env: {{A: {'y' * 99}, B: short, C: null}}}}}}}}", base)
    assert changes(old, new) == (
        "stock: another text in env A",
        "stock: env B is short",
        "stock: no env C any more",
        "stock: arguments a -> b",
    )


def test_two_ways_are_told_apart() -> None:
    old, new = both("{services: {shop: {kind: custom, image: 'x/y:1', forwards: unknown}}}")
    told = [line for line in changes(old, new) if line.startswith("a request")]
    assert told == [
        "a request of web (GET http://shop/ if shop hands the headers on): 4 spans in 1 trace",
        "a request of web (GET http://shop/ if shop hands nothing on): 2 + 2 spans in 2 traces",
    ]


def test_settings_survive_json() -> None:
    plan = plan_of(ROOT / "specs" / "istio-jaeger.yaml")
    found = settings(plan)
    assert list(found) == ["base", "telemetry", "w3c", "one-percent", "json-logs"]
    again = json.loads(json.dumps(found))
    for variant in plan.variants:
        assert changes_of(again["base"], again[variant.variant]) == changes(plan, variant)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"weather": "fine"}, {"weather": "rain"}, ("weather fine -> rain",)),
        ({}, {"weather": "rain"}, ("weather is rain",)),
        ({"weather": "fine"}, {}, ("weather fine -> none",)),
        ({"service a": "curl", "a: mood": "x"}, {"service a": "curl", "a: mood": "y"}, ("a: mood x -> y",)),
        ({"a: mood": "x"}, {"a: mood": "y"}, ()),
        ({"service a": "curl"}, {}, ("service a removed",)),
        (
            {"access log": "TEXT", "access log format": "a=%TRACE_ID%"},
            {"access log": "TEXT", "access log format": "b=%TRACE_ID%"},
            ("the access log shows the same in another form",),
        ),
    ],
)
def test_facts_of_another_version(old: dict[str, str], new: dict[str, str], expected: tuple[str, ...]) -> None:
    assert changes_of(old, new) == expected


NAMES = st.sampled_from([*facts(plan_of(CHAIN + "  x: {}\n")), "service ", "request ", ": ", "a: b: c", ""])
FACTS = st.dictionaries(NAMES, st.text(max_size=8) | st.sampled_from(["none", "all", "unknown", "a, b", "1 %"]))


@given(FACTS, FACTS)
def test_any_facts_can_be_compared(old: dict[str, str], new: dict[str, str]) -> None:
    assert changes_of(old, old) == ()
    assert all(isinstance(line, str) for line in changes_of(old, new))
