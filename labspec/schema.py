"""The JSON schema of the language, for editors: draft-07, made from the models.

One object with an enum `kind` and an if/then for each kind: editors then offer `kind` first, and after it exactly that
kind's keys. Descriptions are the strings below the fields, read from the source here, so that a build does not pay for them.
What only serves editors: a description beside a `$ref` (draft-07 lets validators ignore it), `enumDescriptions`, and
`defaultSnippets`.
"""

import ast
import inspect
import json
import re
from typing import Any

from labspec.accesslog import NAMED
from labspec.lab import COLLECTOR_KINDS, DEFAULT_COLLECTOR, SERVICE_KINDS, Spec
from labspec.model import SERVICE_PATTERN, Model

_LOG_EXAMPLE = "[%START_TIME%] %REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% traceID=${trace_id}"

# An example would do for readers, but editors offer one that is an object as "[object Object]".
_SERVICES_SNIPPET = {
    "label": "frontend and backend",
    "description": "A client, and the server that it calls.",
    "body": {"frontend": {"kind": "curl", "calls": ["backend"]}, "backend": {"kind": "http-echo"}},
}


def schema_text() -> str:
    """schema.json, whole."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def schema() -> dict[str, Any]:
    """The schema as a value."""
    raw = Spec.model_json_schema()
    definitions = {name: _definition(name, body) for name, body in raw["$defs"].items()}
    definitions["Service"] = _by_kind(
        SERVICE_KINDS, definitions, "A service of the lab; `kind` says which keys it has.", None
    )
    definitions["Collector"] = _by_kind(
        COLLECTOR_KINDS, definitions, "Where spans are stored and looked at.", DEFAULT_COLLECTOR
    )
    for kind in (*SERVICE_KINDS.values(), *COLLECTOR_KINDS.values()):
        del definitions[kind.__name__]
    definitions["Call"]["type"] = ["string", "object"]
    definitions["Logs"]["properties"]["format"]["examples"] = [*NAMED, _LOG_EXAMPLE]
    properties = _definition("Spec", {"properties": raw["properties"]})["properties"]
    properties["services"] = {
        "type": "object",
        "description": properties["services"]["description"],
        "propertyNames": {"title": "service", "description": "The service's name.", "pattern": SERVICE_PATTERN},
        "additionalProperties": {"$ref": "#/definitions/Service"},
        "defaultSnippets": [_SERVICES_SNIPPET],
    }
    properties["collector"] = {"$ref": "#/definitions/Collector"}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "labspec",
        "description": _summary(Spec),
        "type": "object",
        "additionalProperties": False,
        "required": raw["required"],
        "properties": properties,
        "definitions": dict(sorted(definitions.items())),
    }


def _by_kind(kinds: dict[str, Any], definitions: dict[str, Any], about: str, default: str | None) -> dict[str, Any]:
    """One object whose `kind` decides, by if/then, which keys it has."""
    kind: dict[str, Any] = {
        "type": "string",
        "enum": list(kinds),
        "enumDescriptions": [_summary(model) for model in kinds.values()],
        "description": "What it is; its other keys depend on it.",
    }
    branches = []
    for name, model in kinds.items():
        body = definitions[model.__name__]
        own = {key: value for key, value in body["properties"].items() if key != "kind"}
        # `true` allows the key; editors would offer what stands here beside the real one.
        then: dict[str, Any] = {"properties": {"kind": True, **own}, "additionalProperties": False}
        required = [key for key in body.get("required", []) if key != "kind"]
        branches.append(
            {
                "if": _is_kind(name, is_default=name == default),
                "then": {**then, **({"required": required} if required else {})},
            }
        )
    if default is not None:
        kind["default"] = default
    return {
        "type": "object",
        "description": about,
        "properties": {"kind": kind},
        **({} if default is not None else {"required": ["kind"]}),
        "allOf": branches,
    }


def _is_kind(name: str, *, is_default: bool) -> dict[str, Any]:
    test: dict[str, Any] = {"properties": {"kind": {"const": name}}}
    # The default kind also holds where no kind is written.
    return test if is_default else {**test, "required": ["kind"]}


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
