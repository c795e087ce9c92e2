"""The parts of the JSON schema in which `kind` decides, and the partial forms of layers: all optional, null allowed.

Each key of a kind stands in the schema twice, whole and partial; all else refers to it. Editors offer what stands below
`properties`, once for each place where they find it: a condition that only restricts says so with `patternProperties`.
"""

from typing import Any

Schema = dict[str, Any]

LINE: Schema = {"type": "string", "minLength": 1}
_NULL: Schema = {"type": "null"}
# What belongs to the whole spec, and no variant can have.
_NOT_IN_VARIANTS = {"apiVersion", "name", "variants"}


def kinds_whole(bodies: dict[str, Schema], names: dict[str, str]) -> dict[str, Schema]:
    """The definitions of each kind's keys, for the `then` of a condition; `names` has their names, by kind."""
    return {names[kind]: _closed(body) for kind, body in bodies.items()}


def kinds_partial(bodies: dict[str, Schema], names: dict[str, str]) -> dict[str, Schema]:
    """The same where layers are; a kind that changes takes the keys of the old one away: they can be null."""
    everything = dict.fromkeys(key for body in bodies.values() for key in body["properties"])
    parts = {}
    for kind, body in bodies.items():
        others = "|".join(key for key in everything if key not in body["properties"])
        message = "Not a key of this kind; null takes away what another kind had."
        nulls = {"patternProperties": {f"^({others})$": {**_NULL, "errorMessage": message}}} if others else {}
        parts[names[kind]] = {**_closed(made_partial(body)), **nulls}
    return parts


def by_kind(bodies: dict[str, Schema], names: dict[str, str], about: str, default: str | None) -> Schema:
    """One object whose `kind` decides which of the definitions in `names` holds."""
    kind = _kind(bodies)
    if default is not None:
        kind["default"] = default
    return {
        "type": "object",
        "description": about,
        "properties": {"kind": kind},
        **({} if default is not None else {"required": ["kind"]}),
        "allOf": [_branch(each, name, is_default=each == default) for each, name in names.items()],
    }


def by_kind_or_any(bodies: dict[str, Schema], names: dict[str, str], about: str, default: str | None) -> Schema:
    """The same of a variant, where the kind need not be told: then it may have the keys of all kinds."""
    kind = _kind(bodies) if default is None else made_partial(_kind(bodies))
    without = {"not": {"required": ["kind"], "properties": {"kind": {"type": "string"}}}}
    anything = {"properties": {"kind": True, **_any_key(bodies, names)}, "additionalProperties": False}
    branches = [_branch(each, name, is_default=False) for each, name in names.items()]
    return {
        "type": ["object", "null"],
        "description": about,
        "properties": {"kind": kind},
        "allOf": [*branches, {"if": without, "then": anything}],
    }


def defaults(names: dict[str, str], about: str) -> Schema:
    """A partial service for each kind."""
    kinds = {
        kind: {
            "type": ["object", "null"],
            "description": f"What every {kind} has, where it does not say otherwise.",
            "properties": {"kind": False},
            "allOf": [reference(name)],
        }
        for kind, name in names.items()
    }
    return {"type": "object", "description": about, "properties": kinds, "additionalProperties": False}


def variant(properties: dict[str, Schema], about_defaults: str) -> Schema:
    """A partial spec."""
    own = {key: made_partial(value) for key, value in properties.items() if key not in _NOT_IN_VARIANTS}
    services = {key: value for key, value in properties["services"].items() if key != "defaultSnippets"}
    own["services"] = {**services, "type": ["object", "null"], "additionalProperties": reference("PartialService")}
    # Editors offer names only in what can be nothing but a map.
    rules = {key: value for key, value in own["accept"].items() if key != "description"}
    own["accept"] = {"description": own["accept"]["description"], "anyOf": [{**rules, "type": "object"}, _NULL]}
    own["description"]["description"] = "The variant's heading: what one sees in it."
    own["defaults"] = {"anyOf": [reference("Defaults"), _NULL], "description": about_defaults}
    about = "Another form of the lab: what it says otherwise; null takes something away."
    return {"type": "object", "description": about, "additionalProperties": False, "properties": own}


def made_partial(value: Schema) -> Schema:
    """The form of a part that layers may give or take away: null allowed, no key required, no default.

    Lists are replaced whole: what stands in one stays as it is.
    """
    if "$ref" in value:
        return {**value, "$ref": value["$ref"].replace("#/definitions/", "#/definitions/Partial")}
    # What a layer gives may be whole only together with what lies below.
    whole = {"required", "default", "dependencies", "maxProperties"}
    partial = {key: inner for key, inner in value.items() if key not in whole}
    if "properties" in partial:
        partial["properties"] = {key: made_partial(inner) for key, inner in partial["properties"].items()}
    if isinstance(partial.get("additionalProperties"), dict):
        partial["additionalProperties"] = made_partial(partial["additionalProperties"])
        partial.pop("minProperties", None)
    if "type" in partial:
        types = partial["type"] if isinstance(partial["type"], list) else [partial["type"]]
        partial["type"] = [*types, "null"]
    if "const" in partial:
        partial["enum"] = [partial.pop("const")]
    if "enum" in partial:
        partial["enum"] = [*partial["enum"], None]
        if "enumDescriptions" in partial:
            partial["enumDescriptions"] = [*partial["enumDescriptions"], "Takes it away."]
    if "anyOf" in partial:
        partial["anyOf"] = [*partial["anyOf"], _NULL]
    return partial


def reference(name: str) -> Schema:
    """The definition, by its name."""
    return {"$ref": f"#/definitions/{name}"}


def _any_key(bodies: dict[str, Schema], names: dict[str, str]) -> dict[str, Schema]:
    """Every key that a kind has, in all forms that it has in them."""
    forms: dict[str, list[Schema]] = {}
    found: dict[str, list[Schema]] = {}
    about: dict[str, str] = {}
    for kind, body in bodies.items():
        for key, value in _own(body).items():
            form = {name: inner for name, inner in value.items() if name not in {"description", "default"}}
            about.setdefault(key, value.get("description", ""))
            if form not in forms.setdefault(key, []):
                forms[key].append(form)
                found.setdefault(key, []).append(reference(f"{names[kind]}/properties/{key}"))
    return {
        key: several[0] if len(several) == 1 else {"description": about[key], "anyOf": several}
        for key, several in found.items()
    }


def _kind(bodies: dict[str, Schema]) -> Schema:
    return {
        "type": "string",
        "enum": list(bodies),
        "enumDescriptions": [body["description"] for body in bodies.values()],
        "description": "What it is; its other keys depend on it.",
    }


def _own(body: Schema) -> Schema:
    return {key: value for key, value in body["properties"].items() if key != "kind"}


def _closed(body: Schema) -> Schema:
    required = [key for key in body.get("required", []) if key != "kind"]
    # `true` allows the key; editors would offer what stands here beside the real one.
    closed: Schema = {"properties": {"kind": True, **_own(body)}, "additionalProperties": False}
    return {**closed, **({"required": required} if required else {})}


def _branch(kind: str, name: str, *, is_default: bool) -> Schema:
    test: Schema = {"properties": {"kind": {"const": kind}}}
    # The default kind also holds where no kind is written.
    return {"if": test if is_default else {**test, "required": ["kind"]}, "then": reference(name)}
