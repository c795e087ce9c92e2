"""The JSON schema of the language, for editors: draft-07, made from the models.

One object with an enum `kind` and an if/then for each kind: editors then offer `kind` first, and after it exactly that
kind's keys. Descriptions are the strings below the fields, read from the source here, so that a build does not pay for them.
What only serves editors: a description beside a `$ref` (draft-07 lets validators ignore it), `enumDescriptions`, `errorMessage`, and
`defaultSnippets`.
"""

import ast
import inspect
import json
import re
from collections.abc import Mapping
from typing import Any

import labspec.rules
from labspec._schema_layers import (
    LINE,
    by_kind,
    by_kind_or_any,
    defaults,
    kinds_partial,
    kinds_whole,
    made_partial,
    reference,
    variant,
)
from labspec.accesslog import NAMED
from labspec.finding import WARNING
from labspec.kinds import values_in
from labspec.lab import COLLECTOR_KINDS, DEFAULT_COLLECTOR, SERVICE_KINDS, Spec
from labspec.model import SERVICE_PATTERN, VARIANT_PATTERN, Model
from labspec.rules._base import Rule

_LOG_EXAMPLE = "[%START_TIME%] %REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% traceID=${trace_id}"

_SERVICE = "A service of the lab; `kind` says which keys it has."
_COLLECTOR = "Where spans are stored and looked at."
_VARIANT_NAME = {"title": "variant", "description": "The variant's name.", "pattern": VARIANT_PATTERN}
# Characters of a value that stands in one line.
_SHORT = 100
# Lists are replaced whole: what stands in them has no partial form.
_WHOLE = {"Call", "Step"}

# An example would do for readers, but editors offer one that is an object as "[object Object]".
_SERVICES_SNIPPET = {
    "label": "frontend and backend",
    "description": "A client, and the server that it calls.",
    "body": {"frontend": {"kind": "curl", "calls": ["backend"]}, "backend": {"kind": "http-echo"}},
}


def schema_text() -> str:
    """schema.json, whole."""
    return _written(schema(), "\n") + "\n"


def _written(value: Any, margin: str) -> str:  # noqa: ANN401  # any JSON value
    """JSON in which what is short stands in one line; `margin` is a new line and its indentation."""
    flat = json.dumps(value, ensure_ascii=False)
    deeper = f"{margin} "
    if isinstance(value, dict) and len(flat) > _SHORT:
        inner = [f"{json.dumps(key)}: {_written(item, deeper)}" for key, item in value.items()]
        return f"{{{deeper}{f',{deeper}'.join(inner)}{margin}}}"
    if isinstance(value, list) and len(flat) > _SHORT:
        return f"[{deeper}{f',{deeper}'.join(_written(item, deeper) for item in value)}{margin}]"
    return flat


def schema() -> dict[str, Any]:
    """The schema as a value."""
    raw = Spec.model_json_schema()
    definitions = {name: _definition(name, body) for name, body in raw["$defs"].items()}
    _step(definitions)
    services = {kind: definitions.pop(model.__name__) for kind, model in SERVICE_KINDS.items()}
    collectors = {kind: definitions.pop(model.__name__) for kind, model in COLLECTOR_KINDS.items()}
    # A text, or a map for JSON; null has no place in it.
    form = {"type": ["string", "object"], "minLength": 1, "minProperties": 1, "additionalProperties": LINE}
    definitions["Logs"]["properties"]["format"] |= {**form, "examples": [*NAMED, _LOG_EXAMPLE]}
    definitions |= {f"Partial{name}": made_partial(body) for name, body in definitions.items() if name not in _WHOLE}
    properties = _properties(raw["properties"])
    about = properties["defaults"]["description"]
    properties["defaults"] = reference("Defaults")
    definitions |= {**_services(services, about), **_collectors(collectors), "Variant": variant(properties, about)}
    definitions["Rule"] = _rule()
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "labspec",
        "description": _summary(Spec),
        "type": "object",
        "additionalProperties": False,
        "required": raw["required"],
        "properties": properties,
        # Where there are defaults, they may give what is required of a service, and null takes one away.
        "if": {"required": ["defaults"]},
        "then": _each_service("LayeredService"),
        "else": _each_service("Service"),
        "definitions": _told_once(definitions),
    }


def _properties(raw: dict[str, Any]) -> dict[str, Any]:
    """The keys of a spec."""
    properties: dict[str, Any] = _definition("Spec", {"properties": raw})["properties"]
    properties["services"] = {
        "type": "object",
        "description": properties["services"]["description"],
        "propertyNames": {"title": "service", "description": "The service's name.", "pattern": SERVICE_PATTERN},
        "defaultSnippets": [_SERVICES_SNIPPET],
    }
    properties["collector"] = reference("Collector")
    properties["accept"] |= {"propertyNames": reference("Rule"), "additionalProperties": LINE}
    properties["variants"] |= {"propertyNames": _VARIANT_NAME, "additionalProperties": reference("Variant")}
    return properties


def _each_service(name: str) -> dict[str, Any]:
    """What each service is; below `properties` editors would offer the key `services` once more."""
    return {"patternProperties": {"^services$": {"additionalProperties": reference(name)}}}


def _services(bodies: dict[str, Any], about_defaults: str) -> dict[str, Any]:
    """The definitions of services, whole and partial."""
    whole, partial = _names(SERVICE_KINDS)
    return {
        **kinds_whole(bodies, whole),
        **kinds_partial(bodies, partial),
        "Service": by_kind(bodies, whole, _SERVICE, None),
        "LayeredService": by_kind(bodies, partial, f"{_SERVICE} null removes a default.", None),
        "PartialService": by_kind_or_any(bodies, partial, "What is otherwise in a service; null takes it away.", None),
        "Defaults": defaults(partial, about_defaults),
    }


def _collectors(bodies: dict[str, Any]) -> dict[str, Any]:
    """The definitions of collectors, whole and partial."""
    whole, partial = _names(COLLECTOR_KINDS)
    return {
        **kinds_whole(bodies, whole),
        **kinds_partial(bodies, partial),
        "Collector": by_kind(bodies, whole, _COLLECTOR, DEFAULT_COLLECTOR),
        "PartialCollector": by_kind_or_any(
            bodies, partial, "What is otherwise in the collector; null takes it away.", DEFAULT_COLLECTOR
        ),
    }


def _names(kinds: Mapping[str, type[Model]]) -> tuple[dict[str, str], dict[str, str]]:
    """The names of the definitions of kinds, whole and partial."""
    whole = {kind: model.__name__ for kind, model in kinds.items()}
    return whole, {kind: f"Partial{name}" for kind, name in whole.items()}


def _step(definitions: dict[str, Any]) -> None:
    """An item of `calls` is one schema: a name, a call, or a list of calls that are made at the same time."""
    call = definitions["Call"]
    call["type"] = ["string", "object"]
    several = {"type": ["string", "object", "array"], "items": {"$ref": "#/definitions/Call"}, "minItems": 1}
    about = "A call, given by the service's name or as a map; or a list of calls, which are made at the same time."
    definitions["Step"] = {**call, **several, "description": about}
    for body in definitions.values():
        if "calls" in body["properties"]:
            body["properties"]["calls"] |= {"items": {"$ref": "#/definitions/Step"}}


def _rule() -> dict[str, Any]:
    """The name of a rule that can be accepted."""
    known = [rule.id for rule in values_in(labspec.rules, Rule) if rule.severity == WARNING or rule.acceptable]
    return {"enum": known, "description": "A rule."}


def _told_once(definitions: dict[str, Any]) -> dict[str, Any]:
    """The same, where a key that several definitions have stands in the first of them, and the others refer to it."""
    first: dict[tuple[str, str], dict[str, Any]] = {}
    told = {}
    for name, body in sorted(definitions.items()):
        told[name] = dict(body)
        for key, value in body.get("properties", {}).items():
            own = reference(f"{name}/properties/{key}")
            there = first.setdefault((key, repr(value)), own)
            if there != own and len(repr(there)) < len(repr(value)):
                told[name]["properties"] = {**told[name]["properties"], key: there}
    return told


def _definition(name: str, body: dict[str, Any]) -> dict[str, Any]:
    """The schema of one model in draft-07, with the descriptions of its fields."""
    model = _models()[name]
    texts = _field_texts(model)
    properties = {}
    for key, value in body["properties"].items():
        properties[key] = _plainer({**value, **({"description": texts[key]} if key in texts else {})})
    kept = {key: value for key, value in body.items() if key in {"required", "type", "additionalProperties"}}
    return {**kept, "description": _summary(model), "properties": properties}


def _plainer(value: Any) -> Any:  # noqa: ANN401  # any JSON value
    """Without titles, with draft-07 references, `anyOf` with null folded into a list of types."""
    if isinstance(value, list):
        return [_plainer(item) for item in value]
    if not isinstance(value, dict):
        return value
    plain = {key: _plainer(item) for key, item in value.items() if key not in {"title", "discriminator", "oneOf"}}
    if "$ref" in plain:
        reference = {"$ref": plain.pop("$ref").replace("#/$defs/", "#/definitions/")}
        plain = {**reference, **({"description": plain["description"]} if "description" in plain else {})}
    choices = plain.get("anyOf", [])
    if len(choices) == 2 and choices[1] == {"type": "null"}:
        # null is for layers; in a whole spec an absent key says the same.
        del plain["anyOf"]
        inner = choices[0]
        plain = {**inner, **plain}
    if plain.get("default", ...) in (None, []) or isinstance(plain.get("default"), dict):
        del plain["default"]
    return plain


def _models() -> dict[str, type[Model]]:
    found: dict[str, type[Model]] = {}
    waiting: list[type[Model]] = [Model]
    while waiting:
        model = waiting.pop()
        found[model.__name__] = model
        waiting += model.__subclasses__()
    return found


def _summary(model: type[Any]) -> str:
    return " ".join((inspect.getdoc(model) or "").split("\n\n")[0].split())


def _field_texts(model: type[Model]) -> dict[str, str]:
    """The string below each field of the model and of those that it extends."""
    texts: dict[str, str] = {}
    for part in reversed(model.__mro__):
        if not (issubclass(part, Model) and part is not Model):
            continue
        body = ast.parse(inspect.cleandoc("\n" + inspect.getsource(part))).body[0]
        if isinstance(body, ast.ClassDef):
            for field, below in zip(body.body, body.body[1:], strict=False):
                match field, below:
                    case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                        texts[name] = re.sub(r"\s+", " ", text).strip()
                    case _:
                        pass
    return texts
