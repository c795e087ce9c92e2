"""pydantic's errors -> findings in a person's words. The only place that knows them."""

from collections.abc import Mapping
from typing import Any, Protocol, get_args

from labspec.finding import ERROR, Finding, Path, Position, alternatives
from labspec.lab import COLLECTOR_KINDS, DEFAULT_COLLECTOR, SERVICE_KINDS, Spec
from labspec.layers import ONLY_ABOVE
from labspec.model import Model
from labspec.yamlvalues import Date, describe, scalar

_WANTED = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a map",
    "model_type": "a map",
    "model_attributes_type": "a map",
    "tuple_type": "a list",
}


class Text(Protocol):
    """A spec with its positions: a Document, or a variant with its layers applied."""

    value: Any

    def position(self, path: Path, *, key: bool = False) -> Position:
        """Where the value (or its key) at `path` stands."""

    def scalar(self, path: Path) -> str | None:
        """The characters at `path` as the author wrote them."""

    def origin(self, path: Path) -> Path:
        """The place in the document of what stands at `path`."""


def place_of(value: object, location: tuple[int | str, ...]) -> Path:
    """The path in `value`: a tagged union adds its tag as a step, and `[key]` marks a wrong key; neither is in it."""
    path: list[int | str] = []
    for index, step in enumerate(location):
        tag = (len(path) == 2 and path[0] == "services" and step in SERVICE_KINDS) or (
            path == ["collector"] and step in COLLECTOR_KINDS
        )
        # It may be the key's name, too.
        is_mark = step == "[key]" and not (isinstance(value, dict) and step in value)
        if is_mark or (tag and index == len(path)):
            continue
        if isinstance(value, dict):
            path.append(step)
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int):
            path.append(step)
            value = value[step] if step < len(value) else None
    return tuple(path)


def complaint(document: Text, path: Path, error: Mapping[str, Any]) -> Finding:
    """The finding for one of pydantic's errors, about the value at `path`."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(document, path)
    if kind == "missing":
        return _missing(document, path)
    if kind == "union_tag_not_found":
        return _missing(document, (*path, "kind"))
    at_key = bool(error["loc"]) and error["loc"][-1] == "[key]" != path[-1]
    if kind == "union_tag_invalid":
        path = (*path, "kind")
    rule, message, advice = _about_value(document, path, error, context)
    path = (*path, *context.get("below", ()))
    at_key = at_key or context.get("at_key", False)
    if path == ("logs", "format") and isinstance(error["input"], dict) and error["input"]:
        # What is wrong with a map is wrong with the text of one of its keys.
        at_key = True
        path = (*path, next(key for key, text in error["input"].items() if not (isinstance(text, str) and text)))
    return Finding(document.position(path, key=at_key), ERROR, rule, document.origin(path), message, advice)


def _about_value(  # noqa: PLR0911  # one for each kind of error
    document: Text, path: Path, error: Mapping[str, Any], context: Mapping[str, Any]
) -> tuple[str, str, str]:
    """Rule, message and help for a value that is wrong in itself."""
    kind, value = error["type"], error["input"]
    if kind == "labspec":
        return context["rule"], context["message"], context["help"]
    if kind == "union_tag_invalid":
        tag = value["kind"]
        if not isinstance(tag, str):
            return "wrong-type", f"a string belongs here, not {_shown(document, path, tag)}", _kinds_known(path)
        return _unknown_kind(path, tag)
    if kind == "literal_error":
        return _not_among(document, path, value)
    if kind in {"greater_than_equal", "less_than_equal"}:
        bound = f"at least {context['ge']}" if "ge" in context else f"at most {context['le']}"
        return "out-of-range", f"{value} is out of range", f"write {bound}"
    if kind == "string_too_short":
        return "empty-string", "the text is empty", "write at least one character"
    is_call = isinstance(path[-1], int) and "calls" in path[-3:-1]
    wanted = "a service's name or a map" if is_call else _WANTED.get(kind, error["msg"])
    return (
        "wrong-type",
        f"{wanted} belongs here, not {_shown(document, path, value)}",
        _quoting(document, path, kind, value),
    )


def _unknown_kind(path: Path, tag: str) -> tuple[str, str, str]:
    what = "service" if path[0] == "services" else "collector"
    message = f'no kind of {what} is called "{tag}"{alternatives(tag, _kinds(path))}'
    return "unknown-value", message, _kinds_known(path)


def _kinds(path: Path) -> list[str]:
    return list(SERVICE_KINDS if path[0] == "services" else COLLECTOR_KINDS)


def _kinds_known(path: Path) -> str:
    return f"known here: {', '.join(_kinds(path))}"


def _not_among(document: Text, path: Path, value: object) -> tuple[str, str, str]:
    choices = _choices(path, document.value)
    advice = f"allowed: {', '.join(str(choice) for choice in choices)}"
    if path[-1] == "export" and choices == ["none"]:
        advice = "its program reports no spans: write none, or leave it out; a custom service can report its own"
    if isinstance(value, str) and all(isinstance(choice, str) for choice in choices):
        near = alternatives(value, [str(choice) for choice in choices])
        return "unknown-value", f'"{value}" is not allowed here{near}', advice
    rule = "unknown-value" if any(type(value) is type(choice) for choice in choices) else "wrong-type"
    return rule, f"{_shown(document, path, value)} is not allowed here", advice


def _unknown_key(document: Text, path: Path) -> Finding:
    origin = document.origin(path)
    is_variants_own = origin[0] == "variants" and len(origin) == 3
    left_out = ONLY_ABOVE if is_variants_own else ("kind",) if "defaults" in origin[:3:2] else ()
    known = [key for key in _model_at(path[:-1], document.value).model_fields if key not in left_out]
    wanted = str(path[-1])
    message = f'no key "{wanted}" here{alternatives(wanted, known)}'
    advice = _left_over(document, path) or f"known here: {', '.join(known)}"
    return Finding(document.position(path, key=True), ERROR, "unknown-key", document.origin(path), message, advice)


def _left_over(document: Text, path: Path) -> str:
    """What to write where a layer above changed the kind, and the key is one of the old kind's."""
    own, kind = document.origin(path), document.origin((*path[:-1], "kind"))
    if kind[:1] == ("variants",) and own[:1] != ("variants",):
        return f"the variant changes the kind: write there {path[-1]}: null"
    return ""


def _missing(document: Text, path: Path) -> Finding:
    example = {
        "apiVersion": "apiVersion: labspec/v1",
        "kind": f"kind: {' or '.join(SERVICE_KINDS)}",
        "image": "image: registry/name:tag",
        "export": "export: none, zipkin, otlp-grpc or otlp-http",
        "name": "name: my-lab",
        "services": "services:, and a map of them below it",
        "to": "to: and the name of a service",
    }.get(str(path[-1]), f"{path[-1]}:")
    message, advice = f'the key "{path[-1]}" is missing', f"add {example}"
    where, origin = _place_of_missing(document, path)
    return Finding(where, ERROR, "missing-key", origin, message, advice)


def _place_of_missing(document: Text, path: Path) -> tuple[Position, Path]:
    """Where to say that the key at `path` is missing: at the null that removed it, at the kind that needs it, or at its map."""
    around, own = document.origin(path[:-1]), document.origin(path)
    kind = document.origin((*path[:-1], "kind"))
    if own[:-1] != around:
        return document.position(path, key=True), own
    if kind[:-1] != around and path[-1] != "kind" and kind[:1] == ("variants",):
        return document.position((*path[:-1], "kind")), (*kind[:-1], path[-1])
    return document.position(path[:-1], key=True) if path[:-1] else document.position(()), (*around, path[-1])


def _shown(document: Text, path: Path, value: object) -> str:
    raw = document.scalar(path)
    if isinstance(value, str):
        return f'the string "{value}"'
    if value is None or raw is None or len(raw) > 40:
        return describe(value)
    return f"{describe(value)} ({raw})" if isinstance(value, bool | Date) else f"the number {raw}"


def _quoting(document: Text, path: Path, kind: str, value: object) -> str:  # noqa: PLR0911  # one for each mistake
    """What to write instead of a value of another type."""
    raw = document.scalar(path)
    if kind == "string_type" and path[-1] in {"every", "delay"}:
        return "write a whole number and a unit: 500ms, 5s, 2m or 1h"
    if kind == "string_type" and raw and raw.isdigit() and path[-1] == "memory" and "resources" in path[-3:]:
        return f'write a text with a unit: "{raw}Mi"'
    if kind == "string_type" and raw and value is not None:
        return f'quote it: "{raw}"'
    if kind == "tuple_type" and isinstance(value, str):
        return f"write [{value}]"
    if kind == "tuple_type" and isinstance(value, dict):
        return "write a list: - before the first key"
    if kind in _WORDS and isinstance(value, str):
        meant = scalar(value.strip())
        told = _BOOLEANS.get(value.lower(), "") if kind == "bool_type" else ""
        return "write it without quotes" if isinstance(meant, _WORDS[kind]) else told
    first = _SHORT.get(str(path[-1]), "kind" if len(path) == 2 else "")
    if kind in {"model_type", "model_attributes_type", "dict_type"} and first and raw and path[0] != "accept":
        return f"write {{{first}: {raw}}}"
    return ""


# What a text may have been meant for, by the type that is wanted.
_WORDS: dict[str, tuple[type, ...]] = {"int_type": (int,), "float_type": (int, float), "bool_type": (bool,)}
_BOOLEANS = {"yes": "write true", "on": "write true", "no": "write false", "off": "write false"}

# The key that is meant by a single value in the place of a map.
_SHORT = {
    "collector": "kind",
    "images": "registry",
    "istio": "version",
    "logs": "format",
    "propagation": "format",
    "sampling": "percent",
    "tracer": "sampled",
    "errors": "percent",
}


def _model_at(path: Path, value: object) -> type[Model]:
    """The model of the map at `path` in the spec."""
    model: type[Model] = Spec
    if path[:1] == ("variants",):
        path, value = path[2:], None
    for index, step in enumerate(path):
        value = value[step] if isinstance(value, dict | list) else None  # type: ignore[index]  # pydantic walked there
        field = model.model_fields.get(str(step))
        if path[0] == "defaults" and index == 1:
            model = SERVICE_KINDS[str(step)]
        elif path[0] == "services" and index == 1:
            model = SERVICE_KINDS[value["kind"]] if isinstance(value, dict) else model
        elif path == ("collector",):
            model = COLLECTOR_KINDS[value.get("kind", DEFAULT_COLLECTOR)] if isinstance(value, dict) else model
        elif field is not None:
            model = next(_models(field.annotation), model)
    return model


def _models(annotation: object) -> Any:  # noqa: ANN401  # an iterator of models
    if isinstance(annotation, type) and issubclass(annotation, Model):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _choices(path: Path, value: object) -> list[object]:
    field = _model_at(path[:-1], value).model_fields.get(str(path[-1]))
    return _literals(field.annotation) if field else []


def _literals(annotation: object) -> list[object]:
    inner = get_args(annotation)
    if inner and not any(isinstance(each, type) or get_args(each) for each in inner):
        return list(inner)
    return [choice for each in inner for choice in _literals(each)]
