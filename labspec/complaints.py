"""pydantic's errors -> findings in a person's words. The only place that knows them."""

from collections.abc import Mapping
from typing import Any, get_args

from labspec.finding import ERROR, Finding, Path, alternatives
from labspec.lab import COLLECTOR_KINDS, DEFAULT_COLLECTOR, SERVICE_KINDS, Spec
from labspec.model import Model
from labspec.source import Document
from labspec.yamlvalues import Date, describe

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


def place_of(value: object, location: tuple[int | str, ...]) -> Path:
    """The path in the spec: a tagged union adds its tag as a step, and `[key]` marks a wrong key; neither is in the spec."""
    path: list[int | str] = []
    for index, step in enumerate(location):
        tag = (len(path) == 2 and path[0] == "services" and step in SERVICE_KINDS) or (
            path == ["collector"] and step in COLLECTOR_KINDS
        )
        if step == "[key]" or (tag and index == len(path)):
            continue
        if isinstance(value, dict):
            path.append(step)
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int):
            path.append(step)
            value = value[step] if step < len(value) else None
    return tuple(path)


def complaint(document: Document, error: Mapping[str, Any]) -> Finding:
    """The finding for one of pydantic's errors."""
    path = place_of(document.value, error["loc"])
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(document, path)
    if kind == "missing":
        return _missing(document, path)
    if kind == "union_tag_not_found":
        return _missing(document, (*path, "kind"))
    at_key = error["loc"][-1] == "[key]"
    if kind == "union_tag_invalid":
        path = (*path, "kind")
    rule, message, advice = _about_value(document, path, error, context)
    return Finding(document.position(path, key=at_key), ERROR, rule, path, message, advice)


def _about_value(
    document: Document, path: Path, error: Mapping[str, Any], context: Mapping[str, Any]
) -> tuple[str, str, str]:
    """Rule, message and help for a value that is wrong in itself."""
    kind, value = error["type"], error["input"]
    if kind == "labspec":
        return context["rule"], context["message"], context["help"]
    if kind == "union_tag_invalid":
        return _unknown_kind(path, str(context["tag"]))
    if kind == "literal_error":
        return _not_among(document, path, value)
    if kind in {"greater_than_equal", "less_than_equal"}:
        bound = f"at least {context['ge']}" if "ge" in context else f"at most {context['le']}"
        return "out-of-range", f"{value} is out of range", f"write {bound}"
    if kind == "string_too_short":
        return "empty-string", "the text is empty", "write at least one character"
    wanted = "a service's name or a map" if len(path) > 1 and path[-2] == "calls" else _WANTED.get(kind, error["msg"])
    return (
        "wrong-type",
        f"{wanted} belongs here, not {_shown(document, path, value)}",
        _quoting(document, path, kind, value),
    )


def _unknown_kind(path: Path, tag: str) -> tuple[str, str, str]:
    known = list(SERVICE_KINDS if path[0] == "services" else COLLECTOR_KINDS)
    what = "service" if path[0] == "services" else "collector"
    message = f'no kind of {what} is called "{tag}"{alternatives(tag, known)}'
    return "unknown-value", message, f"known here: {', '.join(known)}"


def _not_among(document: Document, path: Path, value: object) -> tuple[str, str, str]:
    choices = _choices(path, document.value)
    advice = f"allowed: {', '.join(str(choice) for choice in choices)}"
    if isinstance(value, str) and all(isinstance(choice, str) for choice in choices):
        near = alternatives(value, [str(choice) for choice in choices])
        return "unknown-value", f'"{value}" is not allowed here{near}', advice
    rule = "unknown-value" if any(type(value) is type(choice) for choice in choices) else "wrong-type"
    return rule, f"{_shown(document, path, value)} is not allowed here", advice


def _unknown_key(document: Document, path: Path) -> Finding:
    known = list(_model_at(path[:-1], document.value).model_fields)
    wanted = str(path[-1])
    message = f'no key "{wanted}" here{alternatives(wanted, known)}'
    return Finding(
        document.position(path, key=True), ERROR, "unknown-key", path, message, f"known here: {', '.join(known)}"
    )


def _missing(document: Document, path: Path) -> Finding:
    example = {
        "apiVersion": "apiVersion: labspec/v1",
        "kind": f"kind: {' or '.join(SERVICE_KINDS)}",
        "istio": "istio: {api: meshConfig}",
        "api": "api: meshConfig",
        "propagation": "propagation: {format: b3}",
        "format": "format: b3",
        "name": "name: my-lab",
        "services": "services:, and a map of them below it",
        "to": "to: and the name of a service",
    }.get(str(path[-1]), f"{path[-1]}:")
    where = document.position(path[:-1], key=True) if path[:-1] else document.position(())
    return Finding(where, ERROR, "missing-key", path, f'the key "{path[-1]}" is missing', f"add {example}")


def _shown(document: Document, path: Path, value: object) -> str:
    raw = document.scalar(path)
    if isinstance(value, str):
        return f'the string "{value}"'
    if value is None or raw is None or len(raw) > 40:
        return describe(value)
    return f"{describe(value)} ({raw})" if isinstance(value, bool | Date) else f"the number {raw}"


def _quoting(document: Document, path: Path, kind: str, value: object) -> str:
    raw = document.scalar(path)
    if kind == "string_type" and raw and value is not None:
        return f'quote it: "{raw}"'
    if kind in {"int_type", "float_type", "bool_type"} and isinstance(value, str):
        return "write it without quotes"
    return ""


def _model_at(path: Path, value: object) -> type[Model]:
    """The model of the map at `path` in the spec."""
    model: type[Model] = Spec
    for index, step in enumerate(path):
        value = value[step] if isinstance(value, dict | list) else None  # type: ignore[index]  # pydantic walked there
        field = model.model_fields.get(str(step))
        if path[0] == "services" and index == 1:
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
