"""Environment variables of a container: their part of a spec."""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticKnownError

from labspec.finding import alternatives, listed
from labspec.model import SUBDOMAIN, fitting, quoted, wrong
from labspec.yamlvalues import describe

# Kubernetes 1.32 and later; before, letters, digits, -, _ and . only: https://kep.k8s.io/4369.
_NAME = re.compile("[ -<>-~]+")
_KEY = re.compile(r"(?!\.{1,2}$)(?!\.\.)[-._a-zA-Z0-9]{1,253}")

# validEnvDownwardAPIFieldPathExpressions in kubernetes/kubernetes pkg/apis/core/validation/validation.go.
_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
_ENTRY = re.compile(
    r"metadata\.(labels|annotations)\['([A-Za-z0-9][-A-Za-z0-9.]{0,252}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?'\]"
)

_SOURCES = ("secret", "configMap", "field")
_FORMS = "write a text, {secret: NAME, key: KEY}, {configMap: NAME, key: KEY} or {field: metadata.name}"


class Variable(NamedTuple):
    """One environment variable, and what gives its value."""

    name: str
    value: str
    """The text; or the key, or the field of the pod."""
    source: str = ""
    """`secret`, `configMap` or `field`; empty where the value is the text itself."""
    holder: str = ""
    """The name of the Secret or ConfigMap."""

    @property
    def kind(self) -> str:
        """Kubernetes' name for what holds it: `Secret` or `ConfigMap`."""
        return _spoken(self.source)


def variable(name: str, value: str | Mapping[str, str]) -> Variable:
    """A variable of a spec, its symbols not yet resolved."""
    if isinstance(value, str):
        return Variable(name, value)
    if "field" in value:
        return Variable(name, value["field"], "field")
    source = "secret" if "secret" in value else "configMap"
    return Variable(name, value["key"], source, value[source])


def texts(env: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The variables whose value is a text."""
    return ((name, value) for name, value in env.items() if isinstance(value, str))


def _name(name: str) -> str:
    if _NAME.fullmatch(name):
        return name
    odd = next((character for character in name if not _NAME.fullmatch(character)), "")
    shown = f'"{odd}"' if "!" <= odd <= "~" else f"U+{ord(odd):04X}" if odd else ""
    problem = f"{quoted(name)} holds the character {shown}" if odd else "a name is not empty"
    raise wrong("invalid-name", problem, "an environment variable's name is of printable ASCII characters without =")


def _value(value: object) -> str | dict[str, str]:
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, list):
        raise wrong("wrong-type", f"a string or a map belongs here, not {describe(value)}", _FORMS)
    if not isinstance(value, dict):
        # With the number as it is written, and how to quote it.
        raise PydanticKnownError("string_type")
    return _reference(value)


def _reference(value: dict[str, object]) -> dict[str, str]:
    known = (*_SOURCES, "key")
    for key, text in value.items():
        if key not in known:
            raise wrong("unknown-key", f'no key "{key}" here{alternatives(key, known)}', _FORMS, (key,), at_key=True)
        if not isinstance(text, str):
            advice = "quote it" if text is not None else "give it a text, or leave it out"
            raise wrong("wrong-type", f"a string belongs here, not {describe(text)}", advice, (key,))
    given = [source for source in _SOURCES if source in value]
    if len(given) != 1:
        problem = f"{listed(given)} cannot both give the value" if given else "nothing gives the value"
        advice = f"{_FORMS}; a layer takes away what lies below by null: {given[0]}: null" if given else _FORMS
        raise wrong("missing-key" if not given else "wrong-type", problem, advice)
    found = {key: str(text) for key, text in value.items()}
    if given == ["field"]:
        if "key" in value:
            raise wrong("unknown-key", "a field of the pod has no key", "leave it out", ("key",), at_key=True)
        _check_field(found["field"])
        return found
    if "key" not in value:
        raise wrong(
            "missing-key", 'the key "key" is missing', f"add key: and one of the keys of the {_spoken(given[0])}"
        )
    fitting(found[given[0]], SUBDOMAIN, f"the name of a {_spoken(given[0])} is of a-z, 0-9, - and .", (given[0],))
    fitting(found["key"], _KEY, "a key is of letters, digits, -, _ and .", ("key",))
    return found


def _check_field(path: str) -> None:
    if path not in _FIELDS and not _ENTRY.fullmatch(path):
        known = f"allowed: {', '.join(_FIELDS)}, metadata.labels['KEY'] and metadata.annotations['KEY']"
        is_entry = path.startswith(("metadata.labels", "metadata.annotations"))
        near = "" if is_entry else alternatives(path, _FIELDS)
        message = f"no environment variable can hold {quoted(path)}{near}"
        raise wrong("unknown-value", message, known, ("field",))


def _spoken(source: str) -> str:
    """Kubernetes' kind."""
    return source[0].upper() + source[1:]


_VALUE_SCHEMA: dict[str, Any] = {
    "type": ["string", "object"],
    "description": "A text, or what gives it: a key of a Secret or a ConfigMap, or a field of the pod.",
    "properties": {
        "secret": {"type": "string", "description": "The name of a Secret in the lab's namespace; labspec never makes one."},
        "configMap": {"type": "string", "description": "The name of a ConfigMap in the lab's namespace that others make."},
        "key": {"type": "string", "pattern": f"^{_KEY.pattern}$", "description": "A key of the Secret or the ConfigMap."},
        "field": {
            "anyOf": [{"type": "string", "enum": list(_FIELDS)}, {"type": "string", "pattern": f"^{_ENTRY.pattern}$"}],
            "description": "A field of the pod, which Kubernetes fills in.",
        },
    },
    "additionalProperties": False,
    # One source, and a key where it has keys.
    "minProperties": 1,
    "maxProperties": 2,
    "dependencies": {
        "secret": ["key"],
        "configMap": ["key"],
        "key": {"minProperties": 2},
        "field": {"maxProperties": 1},
    },
}  # fmt: skip

if TYPE_CHECKING:
    Env = Mapping[str, str | Mapping[str, str]]
else:
    Env = Annotated[
        dict[Annotated[str, AfterValidator(_name)], Annotated[Any, AfterValidator(_value)]],
        WithJsonSchema(
            {
                "type": "object",
                "propertyNames": {"pattern": f"^{_NAME.pattern}$"},
                "additionalProperties": _VALUE_SCHEMA,
            }
        ),
    ]
