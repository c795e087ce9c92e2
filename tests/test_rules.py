"""Each rule finds something in its failing example and nothing in its mended one; what cannot be read silences only what needs it."""

import pytest

from labspec.compile import compiled
from labspec.judge import rules
from labspec.rules._base import Rule

HEAD = {
    "apiVersion": "apiVersion: labspec/v1",
    "name": "name: lab",
    "istio": "istio: {api: meshConfig}",
    "propagation": "propagation: {format: b3}",
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
    assert rule.id not in found(whole(rule.mended))


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_explanations_are_whole(rule: Rule) -> None:
    assert all([rule.summary, rule.why, rule.failing, rule.mended, rule.source])
    assert rule.summary.endswith(".")
    assert rule.why.endswith(".")


def test_identifiers_are_unique() -> None:
    assert len({rule.id for rule in rules()}) == len(rules())


def test_a_lab_without_a_mistake_has_no_finding() -> None:
    assert found(whole("description: A sound lab.")) == set()


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("sampling: {percent: '0'}", {"wrong-type"}),
        ("istio: {api: meshConfig, profil: x}\nsampling: {percent: 0}", {"unknown-key", "sampling-zero"}),
        ("istio: {api: meshConfig, version: 1.29}\nlogs: {format: '%SPAN_KID%'}", {"wrong-type"}),
        ("istio: {api: meshConfig, version: 1.29}\nlogs: {format: '%REQ(B3)%'}", {"wrong-type", "log-header-family"}),
        ("services:\n  a: {kind: curl, calls: [b], evry: 1}\n  b: {kind: http-ecko}", {"unknown-key", "unknown-value"}),
        ("services:\n  a: {kind: curl, calls: [b, 5]}\n  b: {kind: http-echo}\n  c: {kind: http-echo}", {"wrong-type"}),
        ("services: []", {"wrong-type"}),
    ],
)
def test_what_cannot_be_read_silences_only_the_rules_that_need_it(part: str, expected: set[str]) -> None:
    assert found(whole(part)) == expected


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        # The rate decides only where a tracer is and nobody overrules it.
        ("services:\n  a: {kind: curl, calls: [b], tracer: {}}\n  b: {kind: http-echo}\nsampling: {percent: 99.99}", {"sampled-overrules-rate"}),
        ("services:\n  a: {kind: curl, calls: [b], tracer: {}}\n  b: {kind: http-echo}\nsampling: {percent: 100}", set()),
        ("services:\n  a: {kind: curl, calls: [b], tracer: {}}\n  b: {kind: http-echo}\nsampling: {percent: 1}\ncollector: {kind: none}\nlogs: {format: istio}", set()),
        ("services:\n  a: {kind: curl, calls: [b], tracer: {sampled: false}}\n  b: {kind: http-echo}\ncollector: {kind: none}\nlogs: {format: none}", set()),
        ("sampling: {percent: 0}\ncollector: {kind: none}\nlogs: {format: istio}", set()),
        # The response may carry any header; a symbol follows the tracer; %TRACE_ID% works with every tracer.
        ("logs: {format: '%RESP(TRACEPARENT)% ${trace_id} %TRACE_ID%'}", set()),
        ("logs: {format: '%REQ(X-ID?TRACEPARENT)%'}", {"log-header-family"}),
        ("logs: {format: '%REQUEST_HEADER(traceparent)%'}", {"log-header-family"}),
        ("logs: {format: '100 %% ${request_id} ${caller} ${callee} ${sampled} ${parent_id}'}", set()),
        ('logs: {format: "%RESPONSE_CODE%\\n"}', set()),
        ("logs: {format: traced}", set()),
        ("logs: {format: none}", set()),
        ("istio: {api: meshConfig, version: '1.29'}\nlogs: {format: '%SPAN_ID%'}", {"log-operator-unknown", "log-header-family"}),
        ("istio: {api: meshConfig, version: '1.30'}\nlogs: {format: '%SPAN_ID%'}", {"log-header-family"}),
        ("collector: {namespace: other}", set()),
        ("namespace: other\ncollector: {namespace: other}\nservices:\n  zipkin: {kind: http-echo}\n  a: {kind: curl, calls: [zipkin]}", {"reserved-name"}),
        ("namespace: other\nservices:\n  zipkin: {kind: http-echo}\n  a: {kind: curl, calls: [zipkin]}", set()),
        ("namespace: other\nservices:\n  kubernetes: {kind: http-echo}\n  a: {kind: curl, calls: [kubernetes]}", set()),
    ],
)  # fmt: skip
def test_edges(part: str, expected: set[str]) -> None:
    assert found(whole(part)) == expected
