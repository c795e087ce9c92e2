"""schema.json: a valid draft-07 schema that says what the language says."""

import json
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from labspec.lab import COLLECTOR_KINDS, SERVICE_KINDS
from labspec.schema import schema
from tests.conftest import ROOT, SPECS

SCHEMA = schema()
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)


def errors(text: str) -> list[str]:
    value = YAML(typ="safe", pure=True).load(text)
    return [error.message for error in VALIDATOR.iter_errors(value)]


def test_it_is_draft_07() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    text = json.dumps(SCHEMA)
    assert "$defs" not in text
    assert "discriminator" not in text


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_good_specs_are_good(spec: Any) -> None:
    assert errors(spec.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "mistake",
    [
        "apiVersion: labspec/v2", "name: My_Lab", "name: 5", "nam: lab", "istio: {}", "istio: {api: telemetry}", "istio: {api: meshConfig, version: 1.30}",
        "istio: {api: meshConfig, version: '1.28'}", "propagation: {format: b4}", "sampling: {percent: 101}", "sampling: {precent: 1}", "collector: {kind: tempo}",
        "collector: {kind: none, namespace: x}", "logs: {format: 5}", "services: []", "services: {a: {}}", "services: {a: {kind: crul}}",
        "services: {a: {kind: curl, evry: 5s}}", "services: {a: {kind: curl, every: 5}}", "services: {a: {kind: curl, every: 5 s}}", "services: {a: {kind: curl, calls: b}}",
        "services: {a: {kind: curl, calls: [{path: /}]}}", "services: {a: {kind: curl, tracer: {bits: 63}}}", "services: {a: {kind: http-echo, port: 0}}",
        "services: {a: {kind: http-echo, calls: [a]}}", "services: {A: {kind: http-echo}}", "services: {a: {kind: curl, text: x}}",
    ],
)  # fmt: skip
def test_mistakes_are_marked(mistake: str) -> None:
    base = {
        "apiVersion": "apiVersion: labspec/v1",
        "name": "name: lab",
        "istio": "istio: {api: meshConfig}",
        "propagation": "propagation: {format: b3}",
        "services": "services: {}",
    }
    del base[mistake.partition(":")[0] if mistake.partition(":")[0] in base else "services"]
    good = {**base, "services": base.get("services", "services: {}")} if not mistake.startswith("services") else base
    assert errors("\n".join([*good.values(), mistake]))


def test_shorthands_are_allowed() -> None:
    base = "apiVersion: labspec/v1\nname: lab\nistio: {api: meshConfig}\npropagation: {format: b3}\n"
    assert (
        errors(
            base
            + "collector: {namespace: x}\nservices: {a: {kind: curl, calls: [b, {to: b, method: POST}]}, b: {kind: http-echo}}"
        )
        == []
    )


def test_every_key_has_a_description() -> None:
    for where, body in walk(SCHEMA):
        for key, value in body.get("properties", {}).items():
            if value is not True:
                assert value.get("description") or "$ref" in value or "const" in value, (where, key)


def test_every_kind_is_there() -> None:
    assert SCHEMA["definitions"]["Service"]["properties"]["kind"]["enum"] == list(SERVICE_KINDS)
    assert SCHEMA["definitions"]["Collector"]["properties"]["kind"]["enum"] == list(COLLECTOR_KINDS)


def test_defaults_and_examples() -> None:
    service = SCHEMA["definitions"]["Service"]["allOf"]
    curl = next(
        branch["then"]["properties"] for branch in service if branch["if"]["properties"]["kind"]["const"] == "curl"
    )
    assert curl["every"]["default"] == "5s"
    assert "500ms" in curl["every"]["examples"]
    assert SCHEMA["definitions"]["Sampling"]["properties"]["percent"]["default"] == 100


@pytest.mark.parametrize("spec", sorted((ROOT / "specs").glob("*.yaml")), ids=lambda spec: spec.stem)
def test_every_spec_names_the_schema(spec: Any) -> None:
    assert spec.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=../schema.json\n")


def walk(value: Any, where: str = "") -> Any:
    if isinstance(value, dict):
        yield where, value
        for key, item in value.items():
            yield from walk(item, f"{where}/{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from walk(item, f"{where}/{index}")
