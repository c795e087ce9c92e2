"""Loading: whatever a document holds gives findings at its lines, each once, and never a traceback."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labspec.compile import compiled
from labspec.finding import ERROR, Finding
from labspec.load import load
from labspec.source import parse

BASE = "apiVersion: labspec/v1\nname: lab\nservices:\n  a: {kind: curl, calls: [b]}\n  b: {kind: http-echo}\n"


def found(text: str) -> list[Finding]:
    return compiled("lab.yaml", (BASE + text).encode()).findings


def test_what_base_has_too_is_told_once() -> None:
    text = "sampling: {percent: 101}\nvariants:\n  x: {services: {a: {replicas: 2}, b: {text: hi}}}\n  y: {}\n"
    findings = compiled("lab.yaml", (BASE.replace("kind: http-echo", "kind: custom") + text).encode()).findings
    assert [(finding.rule, finding.position.line, finding.variants) for finding in findings] == [
        ("missing-key", 5, ()),
        ("invalid-percent", 6, ()),
        ("unknown-key", 8, ()),
    ]


def test_a_finding_of_two_variants_names_both() -> None:
    (finding,) = found("variants:\n  x: {services: {b: null}}\n  y: {services: {b: null}}\n  z: {}\n")
    assert (finding.rule, finding.position.line, finding.variants) == ("unknown-callee", 4, ("x", "y"))


@pytest.mark.parametrize(
    "variant",
    [
        "{}", "{services: {a: {every: null, tracer: null, sampling: {percent: null}}, z: null}}", "{istio: null, logs: {format: null}, accept: {x: null}}",
        "{defaults: null}", "{defaults: {curl: null, relay: {delay: null}}}", "{collector: {kind: null}, description: null, namespace: null}",
        "{services: {a: {kind: relay, mesh: null}, c: {kind: curl, calls: [a]}}, defaults: {relay: {mesh: null}}}",
    ],
)  # fmt: skip
def test_a_null_that_removes_nothing_is_nothing(variant: str) -> None:
    shown = found("defaults: {curl: {every: 1s}}\nvariants:\n  x: " + variant)
    assert [finding for finding in shown if finding.severity == ERROR] == []


def test_a_call_to_an_empty_name_is_a_finding() -> None:
    shown = found("variants: {x: {services: {a: {calls: ['', [b, {to: ''}]]}}}}\n")
    assert [(finding.rule, finding.position.column) for finding in shown] == [
        ("empty-string", 39),
        ("empty-string", 52),
    ]


def test_200_variants() -> None:
    text = "variants:\n" + "".join(f"  v{number}: {{sampling: {{percent: {number / 2}}}}}\n" for number in range(202))
    assert [finding.position.line for finding in found(text)] == [208]


VALUES = st.recursive(
    st.sampled_from([None, True, 0, 5, 101, 0.001, "", "x", "5s", "a", "b", "c", "all", "none", "jaeger", "curl", "relay", "custom", "b3", "traced", "%PROTOCOL%"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from([
            "kind", "calls", "every", "tracer", "sampled", "export", "port", "forwards", "errors", "percent", "format", "namespace", "to", "path", "image", "args", "a", "b",
            "defaults", "curl", "relay", "services", "variants", "collector", "logs", "sampling", "propagation", "accept", "istio", "description", "A", "",
        ]), inner, max_size=4),
    ),
    max_leaves=12,
)  # fmt: skip
KINDS = st.sampled_from(["curl", "relay", "custom", "http-echo", None, 5])
SERVICES = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.builds(lambda kind, rest: {**rest, "kind": kind} if isinstance(rest, dict) else rest, KINDS, VALUES),
    max_size=3,
)
DEFAULTS = st.dictionaries(st.sampled_from(["curl", "relay", "custom", "crul"]), VALUES, max_size=3)
LAYERS = st.fixed_dictionaries(
    {}, optional={"services": SERVICES | VALUES, "defaults": DEFAULTS | VALUES, "collector": VALUES, "logs": VALUES, "accept": VALUES, "sampling": VALUES, "istio": VALUES, "variants": VALUES}
)  # fmt: skip


@settings(max_examples=150)
@given(LAYERS, st.dictionaries(st.sampled_from(["x", "base", "1", ""]), LAYERS | VALUES, max_size=3))
def test_never_a_traceback(spec: dict[str, Any], variants: dict[str, Any]) -> None:
    whole = {"apiVersion": "labspec/v1", "name": "lab", **spec, **({"variants": variants} if variants else {})}
    text = json.dumps(whole, indent=1)
    document, _ = parse("lab.yaml", text.encode())
    assert document is not None
    loaded = load(document)
    assert len(loaded.labs) >= 1
    for _, finding in loaded.findings:
        assert 1 <= finding.position.line <= text.count("\n") + 1
        assert finding.message
    compiled("lab.yaml", text.encode())
