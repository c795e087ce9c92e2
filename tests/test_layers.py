"""Layers: defaults, a spec and its variants by JSON merge patch, and where each value comes from."""

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labspec.finding import Path
from labspec.layers import Layered, merged
from labspec.load import load
from labspec.source import Document, parse


def layered(text: str, variant: str | None = None) -> Layered:
    return Layered(document(text), variant)


def document(text: str) -> Document:
    found, findings = parse("lab.yaml", text.encode())
    assert found is not None, findings
    return found


# RFC 7396, appendix A; where null removes nothing it stays, for the model to judge.
@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d", "c": None}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b"}, {"a": "b"}),
        ({}, {"a": {"bb": {}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch(target: object, patch: object, result: object) -> None:
    before = deepcopy(target)
    assert merged(target, patch) == result
    assert target == before


SPEC = """\
apiVersion: labspec/v1
name: lab
services:
  a: {kind: curl, calls: [{to: b, path: /}]}
  b: {kind: http-echo}
defaults:
  curl: {every: 1s, tracer: {bits: 64}}
  http-echo: {text: low}
variants:
  x:
    defaults: {curl: {every: 2s, replicas: 2}, http-echo: null}
    services:
      a: {tracer: {ids: fixed}, calls: [b]}
      b: {replicas: 3}
  y:
    defaults: null
    services: {a: {tracer: null}, b: null}
"""


@pytest.mark.parametrize(
    ("variant", "services"),
    [
        (
            None,
            {
                "a": {"kind": "curl", "calls": [{"to": "b", "path": "/"}], "every": "1s", "tracer": {"bits": 64}},
                "b": {"kind": "http-echo", "text": "low"},
            },
        ),
        (
            "x",
            {
                "a": {
                    "kind": "curl",
                    "calls": ["b"],
                    "every": "2s",
                    "replicas": 2,
                    "tracer": {"bits": 64, "ids": "fixed"},
                },
                "b": {"kind": "http-echo", "replicas": 3},
            },
        ),
        ("y", {"a": {"kind": "curl", "calls": [{"to": "b", "path": "/"}], "tracer": None}}),
    ],
)
def test_services(variant: str | None, services: object) -> None:
    assert layered(SPEC, variant).value["services"] == services


@pytest.mark.parametrize(
    ("variant", "path", "origin"),
    [
        (None, ("services", "a", "every"), ("defaults", "curl", "every")),
        ("x", ("services", "a", "every"), ("variants", "x", "defaults", "curl", "every")),
        ("x", ("services", "a", "tracer", "bits"), ("defaults", "curl", "tracer", "bits")),
        ("x", ("services", "a", "tracer", "ids"), ("variants", "x", "services", "a", "tracer", "ids")),
        # A list is replaced whole: nothing of the one below shows through.
        ("x", ("services", "a", "calls", 0, "path"), ("variants", "x", "services", "a", "calls", 0, "path")),
        # A map of several layers stands where it stood first.
        ("x", ("services", "b"), ("services", "b")),
        ("x", ("services", "b", "replicas"), ("variants", "x", "services", "b", "replicas")),
        ("x", ("services", "b", "text"), ("services", "b", "text")),
        ("y", ("services", "b"), ("variants", "y", "services", "b")),
        ("y", ("services", "a", "every"), ("services", "a", "every")),
        ("y", ("name",), ("name",)),
    ],
)
def test_origins(variant: str | None, path: Path, origin: Path) -> None:
    assert layered(SPEC, variant).origin(path) == origin


WHOLE: dict[str, Any] = {
    "apiVersion": "labspec/v1",
    "name": "lab",
    "istio": {"version": "1.30", "profile": "demo"},
    "services": {
        "a": {"kind": "curl", "calls": ["b", ["c", {"to": "b", "percent": 5}]], "every": "1s", "tracer": {"bits": 64}},
        "b": {"kind": "relay", "calls": ["c"], "forwards": ["x-b3-*"], "delay": "1s", "errors": {"percent": 3}},
        "c": {"kind": "http-echo", "text": "x", "sampling": {"percent": 3}},
        "d": {"kind": "custom", "image": "x:1", "port": "none", "calls": ["c"], "tracer": {"export": "zipkin"}},
    },
    "propagation": {"format": "b3"},
    "sampling": {"percent": 7},
    "collector": {"kind": "jaeger", "namespace": "here"},
    "logs": {"format": {"a": "%PROTOCOL%", "b": "%DURATION%"}},
    "accept": {"sampling-zero": "on purpose"},
}
_NEVER_LOW = {"apiVersion", "name", "kind"}


@st.composite
def splits(draw: st.DrawFn) -> dict[str, Any]:
    """A spec whose variant `v` is WHOLE, its values said at random by defaults, spec and variant, with some that a null takes away."""
    spec, variant = _split(draw, WHOLE)
    for kind in ("curl", "relay", "http-echo", "custom"):
        for layer in draw(st.sampled_from([(), (spec,), (variant,), (spec, variant)])):
            _move_to_defaults(draw, layer, spec, kind)
    return {**spec, "variants": {"v": variant}}


def _split(draw: st.DrawFn, value: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    below: dict[str, Any] = {}
    above: dict[str, Any] = {}
    for key, inner in value.items():
        if key in _NEVER_LOW:
            below[key] = inner
        elif isinstance(inner, dict):
            low, high = _split(draw, inner)
            if low or "kind" in inner or draw(st.booleans()):
                below[key] = low
            above[key] = high
        else:
            side = draw(st.sampled_from(["below", "above", "both"]))
            if side == "both":
                below[key] = draw(st.sampled_from(["other", 5, ["z"], {"q": 1}]))
            elif side == "below":
                below[key] = inner
            if side != "below":
                above[key] = inner
    if draw(st.booleans()):
        below["gone"] = draw(st.sampled_from(["x", {"y": None}, [1]]))
        above["gone"] = None
    return below, above


def _move_to_defaults(draw: st.DrawFn, layer: dict[str, Any], spec: dict[str, Any], kind: str) -> None:
    """Takes something from the one service of a kind in a layer to the defaults of that layer, where nothing lies above it."""
    name = next(name for name, service in WHOLE["services"].items() if service["kind"] == kind)
    service = layer.get("services", {}).get(name, {})
    keys = [key for key in service if key not in {"kind", "gone"}]
    for key in draw(st.lists(st.sampled_from(keys), unique=True)) if keys else []:
        if layer is spec or key not in spec["services"][name]:
            layer.setdefault("defaults", {}).setdefault(kind, {})[key] = service.pop(key)


@settings(max_examples=150, deadline=None)
@given(splits())
def test_a_spec_split_into_layers_is_the_same_lab(split: dict[str, Any]) -> None:
    # JSON is YAML.
    expected = load(document(json.dumps(WHOLE))).labs[0][1]
    found = load(document(json.dumps(split)))
    assert [finding for variant, finding in found.findings if variant == "v"] == []
    lab = found.labs[1][1]
    assert (lab.spec, lab.nested, lab.declared) == (expected.spec, expected.nested, expected.declared)
