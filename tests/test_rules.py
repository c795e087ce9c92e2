"""Each rule finds something in its failing example and nothing in its mended one; what cannot be read silences only what needs it."""

import pytest

from labspec.compile import compiled
from labspec.judge import rules
from labspec.rules._base import Rule

HEAD = {
    "apiVersion": "apiVersion: labspec/v1",
    "name": "name: lab",
    "services": "services:\n  frontend: {kind: curl, calls: [backend]}\n  backend: {kind: http-echo}",
}


def whole(part: str) -> bytes:
    """A part of a spec with what it lacks."""
    keys = {line.partition(":")[0] for line in part.splitlines()}
    return "\n".join([*(text for key, text in HEAD.items() if key not in keys), part]).encode()


def found(text: bytes) -> set[str]:
    return {finding.rule for finding in compiled("lab.yaml", text).findings}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_examples(rule: Rule) -> None:
    assert rule.id in found(whole(rule.failing))
    assert found(whole(rule.mended)) == set()


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_explanations_are_whole(rule: Rule) -> None:
    assert all([rule.summary, rule.why, rule.failing, rule.mended, rule.source])
    assert rule.summary.endswith(".")
    assert rule.why.endswith(".")


def test_identifiers_are_unique() -> None:
    assert len({rule.id for rule in rules()}) == len(rules())


def test_a_lab_without_a_mistake_has_no_finding() -> None:
    assert found(whole("description: A sound lab.")) == set()


B3 = "propagation: {format: b3}\n"
BOTH = "propagation: {format: b3+w3c}\n"
OLD = "istio: {api: meshConfig}\n"
RARE = "sampling: {percent: 1}\n"
NOTHING = "collector: {kind: none}\nlogs: {format: istio}\n"


def chain(middle: str, client: str = "", last: str = "") -> str:
    """A client, a service in the middle, and one that only answers."""
    return f"services:\n  a: {{kind: curl, calls: [m]{client}}}\n  m: {{kind: {middle}, calls: [z]}}\n  z: {{kind: http-echo{last}}}"


def pair(client: str = "", server: str = "") -> str:
    return f"services:\n  a: {{kind: curl, calls: [b]{client}}}\n  b: {{kind: http-echo{server}}}"


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("sampling: {percent: '0'}", {"wrong-type"}),
        ("propagation: {format: b3}\nistio: {api: meshConfig, profil: x}\nsampling: {percent: 0}", {"unknown-key", "sampling-zero"}),
        ("propagation: {format: b3}\nistio: {version: 1.29}\nlogs: {format: '%SPAN_KID%'}", {"wrong-type"}),
        ("propagation: {format: b3}\nistio: {version: 1.29}\nlogs: {format: '%REQ(B3)%'}", {"wrong-type", "log-header-family"}),
        ("services:\n  a: {kind: curl, calls: [b], evry: 1}\n  b: {kind: http-ecko}", {"unknown-key", "unknown-value"}),
        ("services:\n  a: {kind: curl, calls: [b, 5]}\n  b: {kind: http-echo}\n  c: {kind: http-echo}", {"wrong-type"}),
        ("services: []", {"wrong-type"}),
        # What is predicted needs every call; what a place says by itself does not.
        ("services:\n  a: {kind: curl, calls: [m]}\n  m: {kind: relay, forwards: none, calls: [z, 5]}\n  z: {kind: http-echo}", {"wrong-type"}),
        ("services:\n  a: {kind: curl, calls: [m], tracer: {format: x}}\n  m: {kind: relay, forwards: none, calls: [q]}", {"tracer-format", "unknown-callee"}),
        ("services:\n  a: {kind: curl, calls: [m]}\n  m: {kind: relay, forwards: none, calls: [[m]]}", {"call-cycle"}),
    ],
)  # fmt: skip
def test_what_cannot_be_read_silences_only_the_rules_that_need_it(part: str, expected: set[str]) -> None:
    assert found(whole(part)) == expected


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        # The response may carry any header; a symbol follows the tracer; %TRACE_ID% works with every tracer.
        ("logs: {format: '%RESP(TRACEPARENT)% ${trace_id} %TRACE_ID%'}", set()),
        (B3 + "logs: {format: '%REQ(X-ID?TRACEPARENT)%'}", {"log-header-family"}),
        (B3 + "logs: {format: '%REQUEST_HEADER(traceparent)%'}", {"log-header-family"}),
        (B3 + "logs: {format: '100 %% ${request_id} ${caller} ${callee} ${sampled} ${parent_id}'}", set()),
        ('logs: {format: "%RESPONSE_CODE%\\n"}', set()),
        ("logs: {format: traced}", set()),
        ("logs: {format: none}", set()),
        (B3 + "istio: {version: '1.29'}\nlogs: {format: '%SPAN_ID%'}", {"log-operator-unknown", "log-header-family"}),
        (B3 + "istio: {version: '1.30'}\nlogs: {format: '%SPAN_ID%'}", {"log-header-family"}),
        ("istio: {version: '1.29'}\nlogs: {format: '${span_id}'}", {"unknown-symbol"}),
        ("istio: {version: '1.30'}\nlogs: {format: '${span_id}'}", set()),
        ("logs: {format: '%REQ(X-B3-TRACEID)%'}", {"log-header-family"}),
        (BOTH + "logs: {format: '%REQ(TRACEPARENT)% %REQ(X-B3-TRACEID)%'}", set()),
        # Both headers in one operator print an id in any case, unless an app sends the foreign one.
        ("logs: {format: '%REQ(X-B3-TRACEID?TRACEPARENT)%'}", set()),
        ("logs: {format: '%REQ(TRACEPARENT?X-B3-TRACEID)%'}\n" + pair(", tracer: {format: b3}"), {"tracer-not-heard"}),
        ("logs: {format: '%REQ(X-B3-TRACEID?TRACEPARENT)%'}\n" + pair(", tracer: {format: b3}"), {"tracer-not-heard", "log-header-family"}),
        ("logs: {format: {id: '${trace_id}', path: '%REQ_WITHOUT_QUERY(:PATH)%'}}", set()),
        ("logs: {format: {id: '%REQ(X-B3-TRACEID)%'}}", {"log-header-family"}),
        ("collector: {kind: none}\nlogs: {format: traced-json}", {"log-id-without-tracer"}),
        # A collector is there: what keeps the tracer away is another mistake.
        ("collector: {protocol: zipkin}", {"protocol-cannot-carry"}),
    ],
)  # fmt: skip
def test_logs(part: str, expected: set[str]) -> None:
    assert found(whole(part)) == expected


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("collector: {namespace: other}", set()),
        ("namespace: other\ncollector: {namespace: other}\nservices:\n  zipkin: {kind: http-echo}\n  a: {kind: curl, calls: [zipkin]}", {"reserved-name"}),
        ("namespace: other\nservices:\n  zipkin: {kind: http-echo}\n  a: {kind: curl, calls: [zipkin]}", set()),
        ("namespace: other\nservices:\n  kubernetes: {kind: http-echo}\n  a: {kind: curl, calls: [kubernetes]}", set()),
        ("services:\n  programs: {kind: http-echo}\n  a: {kind: curl, calls: [programs]}", {"reserved-name"}),
        # Without a sidecar its ports are free.
        (pair(server=", targetPort: 15001"), {"reserved-port"}),
        (pair(server=", targetPort: 15001, mesh: false"), {"outside-mesh"}),
        ("services:\n  a: {kind: curl, calls: [b]}\n  b: {kind: custom, image: 'x:1', port: 15001}", {"reserved-port"}),
        ("services:\n  a: {kind: curl, calls: [[b, c]]}\n  b: {kind: custom, image: 'x:1', port: none}\n  c: {kind: http-echo}", {"not-callable"}),
        ("services:\n  a: {kind: curl, calls: [[b, c]]}\n  b: {kind: http-echo}", {"unknown-callee"}),
        ("services:\n  a: {kind: curl, calls: [a]}", {"not-callable"}),
        # Who acts of its own accord needs no caller.
        ("services:\n  s: {kind: custom, image: 'x:1', calls: [b]}\n  b: {kind: http-echo}", set()),
        ("services:\n  s: {kind: relay, calls: [b]}\n  b: {kind: http-echo}", {"no-traffic", "nobody-calls"}),
        (pair(", replicas: 0"), {"no-traffic"}),
        (OLD + "propagation: {format: b3}", set()),
        (OLD, {"api-cannot-carry"}),
        (OLD + "collector: {protocol: zipkin}", {"api-cannot-carry"}),
        (OLD + BOTH + "collector: {protocol: otlp-grpc}", {"api-cannot-carry", "protocol-cannot-carry"}),
        (OLD + NOTHING, set()),
        (OLD + B3 + pair(", sampling: {percent: 0}"), {"sampling-zero"}),
        (OLD + B3 + pair(", mesh: false, sampling: {percent: 0}"), {"outside-mesh", "sampling-without-effect"}),
        (B3 + pair(", sampling: {percent: 0}"), set()),
        (B3 + pair(", tracer: {sampled: debug}"), set()),
        (BOTH + pair(", tracer: {sampled: debug, format: b3}"), set()),
        (BOTH + pair(", tracer: {sampled: debug}"), {"tracer-flag"}),
    ],
)  # fmt: skip
def test_edges(part: str, expected: set[str]) -> None:
    assert found(whole(part)) == expected


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (chain("relay"), set()),
        (RARE + chain("relay"), set()),
        (chain("relay, forwards: none"), {"trace-breaks"}),
        (B3 + chain("relay, forwards: [x-request-id, x-b3-traceid]"), {"trace-breaks"}),
        (B3 + chain("relay, forwards: [traceparent]"), {"trace-breaks"}),
        (BOTH + chain("relay, forwards: [traceparent]", ", tracer: {bits: 64}"), set()),
        (NOTHING + chain("relay, forwards: none"), set()),
        ("sampling: {percent: 0}\n" + chain("relay, forwards: none"), set()),
        # Sampled by chance, with the decision in x-request-id.
        (RARE + chain("relay, forwards: none"), {"trace-breaks", "request-id-dropped"}),
        (RARE + chain("relay, forwards: [x-request-id]"), {"trace-breaks"}),
        (RARE + chain("relay, forwards: [traceparent]"), {"request-id-dropped"}),
        ("istio: {version: '1.30'}\n" + RARE + chain("relay, forwards: [traceparent]"), set()),
        (B3 + RARE + chain("relay, forwards: ['x-b3-*']"), set()),
        # An image that nobody knows.
        (chain("custom, image: 'x:1'"), {"forwards-unknown"}),
        (chain("custom, image: 'x:1', forwards: all"), set()),
        (chain("custom, image: 'x:1', tracer: {export: otlp-grpc}"), set()),
        (RARE + chain("custom, image: 'x:1', tracer: {export: otlp-grpc}"), {"forwards-unknown"}),
        (chain("custom, image: 'x:1', tracer: {export: none}"), {"parent-missing"}),
        (chain("custom, image: 'x:1', forwards: all, tracer: {export: zipkin, format: b3}"), {"tracer-not-heard"}),
        (chain("custom, image: 'x:1', forwards: all, tracer: {export: zipkin, format: b3+w3c}"), set()),
        (NOTHING + chain("custom, image: 'x:1', tracer: {export: zipkin}"), {"export-without-receiver"}),
        # Who decides.
        (B3 + "sampling: {percent: 99.99}\n" + pair(", tracer: {}"), {"sampled-overrules-rate"}),
        (B3 + "sampling: {percent: 100}\n" + pair(", tracer: {}"), set()),
        (B3 + RARE + pair(", tracer: {sampled: defer}"), set()),
        (B3 + RARE + pair(", mesh: false, tracer: {}"), {"sampled-overrules-rate", "outside-mesh"}),
        ("istio: {version: '1.30'}\n" + RARE + pair(", tracer: {}"), {"sampled-overrules-rate"}),
        (RARE + pair(", tracer: {}"), set()),
        (NOTHING + RARE + pair(", tracer: {}"), set()),
        (NOTHING + pair(", tracer: {sampled: false}"), set()),
        ("sampling: {percent: 0}\n" + NOTHING, set()),
        (pair(", tracer: {sampled: false}"), {"sampled-false"}),
        (pair(", tracer: {sampled: false, format: b3}"), {"tracer-not-heard"}),
        (chain("relay, forwards: none", ", tracer: {sampled: false}"), {"sampled-false", "trace-breaks"}),
        (chain("custom, image: 'x:1', tracer: {export: otlp-http, sampled: false}"), set()),
        (RARE + "services:\n  s: {kind: custom, image: 'x:1', calls: [b], tracer: {export: otlp-grpc}}\n  b: {kind: http-echo}", {"sampled-ignored"}),
        (pair(", sampling: {percent: 1}"), set()),
        (B3 + pair(", sampling: {percent: 1}, tracer: {}"), {"sampled-overrules-rate"}),
        (pair(server=", sampling: {percent: 1}"), {"sampling-without-effect"}),
        (pair(", mesh: false", ", sampling: {percent: 1}"), {"outside-mesh"}),
        (chain("relay, forwards: none, sampling: {percent: 7}"), {"trace-breaks"}),
        (chain("relay, forwards: [x-request-id], sampling: {percent: 7}"), {"trace-breaks", "sampling-without-effect"}),
        (NOTHING + pair(", sampling: {percent: 1}"), {"sampling-without-effect"}),
        # Ids and places.
        (pair(", tracer: {bits: 64}"), set()),
        (pair(", tracer: {ids: fixed}"), {"ids-fixed"}),
        (pair(", tracer: {ids: fixed, sampled: false}"), {"sampled-false"}),
        (pair(", tracer: {ids: fixed, format: b3}"), {"tracer-not-heard"}),
        (pair(", mesh: false", ", mesh: false"), {"outside-mesh"}),
        (NOTHING + pair(", mesh: false"), set()),
    ],
)  # fmt: skip
def test_what_is_predicted(part: str, expected: set[str]) -> None:
    assert found(whole(part)) == expected


@pytest.mark.parametrize(
    ("part", "path"),
    [
        (chain("relay, forwards: none"), ("services", "m", "forwards")),
        ("defaults: {relay: {forwards: none}}\n" + chain("relay"), ("defaults", "relay", "forwards")),
        (chain("custom, image: 'x:1'"), ("services", "m")),
        (OLD, ("istio", "api")),
        (OLD + "propagation: {format: w3c}", ("propagation", "format")),
        ("services:\n  a: {kind: curl, calls: [[b, [x]]]}", ("services", "a", "calls", 0, 1)),
        ("services:\n  a: {kind: curl, calls: [[b, q]]}\n  b: {kind: http-echo}", ("services", "a", "calls", 0, 1)),
        ("logs: {format: {id: '%REQ(X-B3-TRACEID)%'}}", ("logs", "format", "id")),
        ("defaults: {curl: {tracer: {format: b3}}}", ("defaults", "curl", "tracer", "format")),
    ],
)  # fmt: skip
def test_the_place_to_blame(part: str, path: tuple[str | int, ...]) -> None:
    assert path in {finding.path for finding in compiled("lab.yaml", whole(part)).findings}


def test_one_place_is_told_of_once() -> None:
    calls = ", ".join(["m"] * 5)
    text = whole(
        f"services:\n  a: {{kind: curl, calls: [{calls}]}}\n  b: {{kind: curl, calls: [m]}}\n  m: {{kind: relay, forwards: none, calls: [z, z]}}\n  z: {{kind: http-echo}}"
    )
    findings = compiled("lab.yaml", text).findings
    assert [finding.rule for finding in findings] == ["trace-breaks"]
    assert "one request of a leaves 3 traces (2, 2 and 2 spans) instead of 1 trace of 6 spans" in findings[0].message


def test_nothing_is_counted_where_nothing_is_sampled() -> None:
    text = whole("sampling: {percent: 0}\n" + pair(", tracer: {format: b3}"))
    assert [finding.message for finding in compiled("lab.yaml", text).findings] == [
        "a's own tracer speaks b3, the sidecars w3c: the ids that it sends are in no trace"
    ]


def test_two_ways_with_as_many_spans_are_told_apart() -> None:
    spec = "propagation: {format: b3+w3c}\n" + chain("custom, image: 'x:1', tracer: {format: w3c, export: otlp-grpc}")
    (message,) = [one.message for one in compiled("lab.yaml", whole(spec)).findings if one.rule == "forwards-unknown"]
    assert message.endswith("leaves 1 trace of 6 spans; if nothing, as many, but as another tree")


def test_a_variant_is_named() -> None:
    text = whole(
        chain("relay") + "\nvariants:\n  broken: {services: {m: {forwards: none}}}\n  old: {istio: {api: meshConfig}}"
    )
    assert [(finding.rule, finding.path[:2]) for finding in compiled("lab.yaml", text).findings] == [
        ("trace-breaks", ("variants", "broken")),
        ("api-cannot-carry", ("variants", "old")),
    ]
