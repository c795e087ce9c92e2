"""schema.json: a valid draft-07 schema that says what the language says."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from labspec.compile import compiled
from labspec.explain import READING
from labspec.lab import COLLECTOR_KINDS, FORMATS, SERVICE_KINDS, SIDECAR_FORMATS
from labspec.schema import schema, schema_text
from tests.conftest import ROOT, SPECS

SCHEMA = schema()
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
SHAPE = {name for name in READING if not name.startswith("yaml-")} | {"unacceptable"}


def errors(text: str) -> list[str]:
    value = YAML(typ="safe", pure=True).load(text)
    return [error.message for error in VALIDATOR.iter_errors(value)]


def test_it_is_draft_07() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    text = json.dumps(SCHEMA)
    assert "$defs" not in text
    assert "discriminator" not in text


@pytest.mark.parametrize("spec", [*SPECS, *(ROOT / "tests/real/labs").glob("*.yaml")], ids=lambda spec: spec.stem)
def test_good_specs_are_good(spec: Any) -> None:
    assert errors(spec.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "mistake",
    [
        "apiVersion: labspec/v2", "name: My_Lab", "name: 5", "nam: lab", "istio: {api: telemetri}", "istio: {api: meshConfig, version: 1.30}",
        "istio: {api: meshConfig, version: '1.28'}", "propagation: {format: b4}", "propagation: {format: b3-single}", "propagation: {format: jaeger}", "sampling: {percent: 101}", "sampling: {precent: 1}", "collector: {kind: tempo}",
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


BASE = "apiVersion: labspec/v1\nname: lab\nservices: {a: {kind: curl, calls: [b], tracer: {}}, b: {kind: http-echo}}\n"


@pytest.mark.parametrize(
    "text",
    [
        "variants: {x: {}}", "variants: {x: {description: Other., services: {a: {tracer: null, every: null}, b: null, c: {kind: custom, image: 'x:1'}}}}",
        "variants: {x: {services: {a: {kind: http-echo, calls: null, tracer: null}}}}", "variants: {x: {services: {a: {calls: [[b, {to: b, percent: 5}], b]}}}}",
        "variants: {x: {istio: null, propagation: {format: null}, sampling: {percent: 1}, collector: null, logs: {format: traced-json}, accept: null}}",
        "variants: {x: {logs: {format: {a: '%PROTOCOL%', b: null}}, collector: {namespace: x, kind: null}, accept: {nobody-calls: null}}}",
        "collector: {namespace: x}\nvariants: {x: {collector: {kind: none, namespace: null}, services: {a: {tracer: {bits: null, sampled: debug}}}}}",
        "variants: {x: {services: {a: {env: {A: null, B: {secret: null, configMap: c, key: k}, C: {field: spec.nodeName}}}, b: {env: null, probe: {tcp: true, grpc: null}}}}}",
        "variants: {x: {services: {a: {labels: {a.b/c: 'x', y: null}, annotations: {Z/z: any text, y: null}}, b: {labels: null}}}}",
        "defaults: {curl: {resources: {cpu: '0.5'}}}\nvariants: {x: {services: {a: {resources: {cpu: null, limits: {memory: 1Gi}}}, b: {resources: null}}}}",
        "images: {registry: r.example}\nvariants: {x: {images: {registry: null, pullPolicy: Never}}, y: {images: null}}",
        "defaults: {http-echo: {probe: {exec: [a, b]}}}\nvariants: {x: {services: {b: {probe: /x}}}, y: {services: {b: {probe: null}}}}",
        "variants: {x: {defaults: {curl: {every: null}, custom: {}}}, y: {defaults: null}, z: {defaults: {curl: null}}}",
        "defaults: {curl: {every: 1s}, custom: {image: 'x:1', forwards: all, tracer: {export: none}}, relay: {errors: {status: 503}, delay: 0s}}",
        "accept: {nobody-calls: On purpose.}", "logs: {format: {a: '%PROTOCOL%'}}",
    ],
)  # fmt: skip
def test_layers_are_good(text: str) -> None:
    assert errors(BASE + text) == []
    findings = compiled("lab.yaml", (BASE + text).encode()).findings
    assert [finding for finding in findings if finding.rule in SHAPE] == []


@pytest.mark.parametrize(
    "text",
    [
        "variants: [x]", "variants: {x: null}", "variants: {X: {}}", "variants: {base: {}}", "variants: {operator: {}}", "variants: {x: {name: y}}",
        "variants: {x: {variants: {}}}", "variants: {x: {apiVersion: labspec/v1}}", "variants: {x: {foo: null}}", "variants: {x: {sampling: {percent: 101}}}",
        "variants: {x: {services: {a: {foo: 1}}}}", "variants: {x: {services: {a: {kind: relay, every: 1s}}}}", "variants: {x: {services: {a: {calls: [null]}}}}",
        "variants: {x: {services: {a: {calls: [[[b]]]}}}}", "variants: {x: {services: {a: {calls: [{to: b, path: null}]}}}}", "variants: {x: {services: {A: {}}}}",
        "variants: {x: {description: 5}}", "variants: {x: {defaults: {crul: {}}}}", "variants: {x: {collector: {kind: none, namespace: x}}}",
        "variants: {x: {services: {a: {tracer: {sampled: maybe}}}}}", "defaults: {crul: {}}", "defaults: {curl: {kind: curl}}", "defaults: {curl: {text: x}}",
        "defaults: {curl: {every: 5}}", "defaults: null", "accept: {foo: bar}", "accept: {unknown-callee: bar}", "accept: {nobody-calls: 5}", "accept: {nobody-calls: ''}",
        "variants: {x: {services: {a: {env: {A: 5}}}}}", "variants: {x: {services: {a: {env: {A: {secret: s, kye: k}}}}}}", "variants: {x: {services: {b: {probe: {tcp: false}}}}}", "variants: {x: {services: {b: {probe: {exec: []}}}}}",
        "variants: {x: {services: {b: {probe: {tpc: true}}}}}", "images: {registry: mirror}", "createNamespace: 'yes'", "variants: {x: {images: {pullPolicy: never}}}", "variants: {x: {services: {a: {resources: {cpu: 1}}}}}", "defaults: {curl: {resources: {limits: {memory: 64MB}}}}", "variants: {x: {services: {a: {labels: {a: the team}}}}}", "variants: {x: {services: {a: {annotations: {a: 5}}}}}",
        "variants: {x: {services: {a: {labels: {-a: x}}}}}",
        "logs: {format: {a: 1}}", "logs: {format: {}}", "logs: {format: ''}", "logs: {format: [a]}",
    ],
)  # fmt: skip
def test_mistakes_in_layers_are_marked(text: str) -> None:
    assert errors(BASE + text)
    findings = compiled("lab.yaml", (BASE + text).encode()).findings
    assert any(finding.rule in SHAPE for finding in findings)


@pytest.mark.parametrize(
    "service",
    [
        "{kind: custom}", "{kind: custom, image: 'x:1', tracer: {}}", "{kind: custom, image: 'x:1', port: no}", "{kind: relay, forwards: unknown}", "{kind: relay, forwards: ['a b']}",
        "{kind: relay, errors: {status: 200}}", "{kind: relay, delay: 5}", "{kind: relay, calls: [[]]}", "{kind: relay, calls: a}", "{kind: curl, tracer: {export: zipkin}}",
        "{kind: curl, tracer: {sampled: 5}}", "{kind: curl, sampling: {percent: -1}}", "{kind: curl, mesh: 'no'}", "{kind: curl, calls: [{to: b, percent: 101}]}",
    ],
)  # fmt: skip
def test_mistakes_in_services_are_marked(service: str) -> None:
    text = f"apiVersion: labspec/v1\nname: lab\nservices: {{c: {service}, b: {{kind: http-echo}}}}\n"
    assert errors(text)
    assert any(finding.rule in SHAPE for finding in compiled("lab.yaml", text.encode()).findings)


PIECES = st.recursive(
    st.sampled_from([None, True, 0, 5, 101, "", "x", "5s", "b", "all", "none", "jaeger", "curl", "relay", "b3", "zipkin"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.sampled_from([
            "kind", "calls", "every", "tracer", "sampled", "export", "port", "forwards", "errors", "status", "percent", "format", "namespace", "to", "path", "image",
        ]), inner, max_size=3),
    ),
    max_leaves=6,
)  # fmt: skip
PLACES = [
    "collector",
    "logs",
    "sampling",
    "propagation",
    "istio",
    "services.a",
    "services.c",
    "variants.x.services.a",
    "variants.x.collector",
    "variants.x.logs",
    "variants.x.sampling",
]


@settings(max_examples=150)
@given(st.sampled_from(PLACES), st.sampled_from(["", "kind", "tracer", "calls", "errors", "format"]), PIECES)
def test_what_labspec_reads_the_schema_allows(place: str, key: str, piece: Any) -> None:
    spec: Any = YAML(typ="safe", pure=True).load(BASE + "variants: {x: {services: {a: {every: 1s}}}}\ndefaults: {}")
    *above, last = [*place.split("."), *([key] if key else [])]
    part = spec
    for step in above:
        part = part.setdefault(step, {"kind": "relay"} if step == "c" else {})
    part[last] = piece
    result = compiled("lab.yaml", json.dumps(spec).encode())
    if not any(finding.rule in SHAPE for finding in result.findings):
        assert [error.message for error in VALIDATOR.iter_errors(spec)] == []


def test_every_key_has_a_description() -> None:
    for where, body in walk(SCHEMA):
        for key, value in body.get("properties", {}).items():
            if isinstance(value, dict) and not where.endswith("/if/not"):
                assert value.get("description") or "$ref" in value or "const" in value, (where, key)


def test_every_reference_leads_somewhere() -> None:
    references = {body["$ref"] for _, body in walk(SCHEMA) if "$ref" in body}
    assert all(isinstance(found(reference), dict) for reference in references)
    assert {f"#/definitions/{name}" for name in SCHEMA["definitions"]} <= {
        "/".join(reference.split("/")[:3]) for reference in references
    }


def test_the_text_is_the_schema() -> None:
    assert json.loads(schema_text()) == SCHEMA


def test_every_kind_is_there() -> None:
    assert found("#/definitions/Service/properties/kind")["enum"] == list(SERVICE_KINDS)
    assert found("#/definitions/Collector/properties/kind")["enum"] == list(COLLECTOR_KINDS)


def test_apps_speak_more_formats_than_sidecars() -> None:
    assert found("#/definitions/Propagation/properties/format")["enum"] == list(SIDECAR_FORMATS)
    for tracer in ("SilentTracer", "ReportingTracer"):
        assert found(f"#/definitions/{tracer}/properties/format")["enum"] == list(FORMATS)
    assert errors(BASE.replace("tracer: {}", "tracer: {format: jaeger}")) == []


def test_defaults_and_examples() -> None:
    every = found("#/definitions/Curl/properties/every")
    assert every["default"] == "5s"
    assert "500ms" in every["examples"]
    assert found("#/definitions/Sampling/properties/percent")["default"] == 100


def test_what_is_required_of_a_service_may_stand_in_the_defaults() -> None:
    text = "apiVersion: labspec/v1\nname: lab\nservices: {c: {kind: custom, port: null}}\n"
    assert errors(text)
    assert errors(f"{text}defaults: {{custom: {{image: 'x:1', port: 81}}}}\n") == []


@pytest.mark.parametrize("spec", sorted((ROOT / "specs").glob("*.yaml")), ids=lambda spec: spec.stem)
def test_every_spec_names_the_schema(spec: Any) -> None:
    assert spec.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=../schema.json\n")


def found(reference: str) -> Any:
    """What stands at a place of the schema, references followed."""
    value: Any = SCHEMA
    for step in reference.removeprefix("#/").split("/"):
        value = value[step]
    return found(value["$ref"]) if "$ref" in value else value


def walk(value: Any, where: str = "") -> Any:
    if isinstance(value, dict):
        yield where, value
        for key, item in value.items():
            yield from walk(item, f"{where}/{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from walk(item, f"{where}/{index}")
