"""Labels and annotations of a Deployment and of its pods: their part of a spec."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

from labspec.model import SUBDOMAIN, quoted, wrong

# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set.
_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_KEY = re.compile(f"({SUBDOMAIN.pattern.replace('$', '/')}/)?{_NAME}")
_VALUE = re.compile(f"({_NAME})?")


def _key(key: str) -> str:
    if _KEY.fullmatch(key):
        return key
    prefix, slash, name = key.rpartition("/")
    problem = "a name is not empty" if not name else f"{quoted(key)} does not fit"
    if slash and re.fullmatch(_NAME, name):
        problem = f"{quoted(prefix)} is no DNS name"
    advice = "a key is at most 63 of letters, digits, -, _ and ., and may have a DNS name and a slash before it: example.com/team"
    raise wrong("invalid-name", problem, advice)


def _annotation_key(key: str) -> str:
    # Kubernetes lets annotations have capital letters in their prefix.
    prefix, slash, name = key.rpartition("/")
    _key(f"{prefix.lower()}{slash}{name}")
    return key


def _label(value: str) -> str:
    if not _VALUE.fullmatch(value):
        advice = (
            "a label's value is at most 63 of letters, digits, -, _ and ., and starts and ends with a letter or a digit; "
            "an annotation takes any text"
        )
        raise wrong("invalid-label", f"{quoted(value)} is no value of a label", advice)
    return value


def _annotation(value: str) -> str:
    if value.startswith("\t") and "\n" in value:
        advice = "begin it with another character"
        raise wrong(
            "invalid-annotation", "kustomize cannot read a text of several lines that begins with a tab", advice
        )
    return value


def _map(key: str, value: dict[str, Any]) -> Any:  # noqa: ANN401  # an annotation
    names = {"pattern": f"^{key}$"}
    return WithJsonSchema(
        {"type": "object", "propertyNames": names, "additionalProperties": {"type": "string", **value}}
    )


if TYPE_CHECKING:
    Labels = Mapping[str, str]
    Annotations = Mapping[str, str]
else:
    Labels = Annotated[
        dict[Annotated[str, AfterValidator(_key)], Annotated[str, AfterValidator(_label)]],
        _map(f"([a-z0-9][-a-z0-9.]*/)?{_NAME}", {"pattern": f"^{_VALUE.pattern}$"}),
    ]
    Annotations = Annotated[
        dict[Annotated[str, AfterValidator(_annotation_key)], Annotated[str, AfterValidator(_annotation)]],
        _map(f"([A-Za-z0-9][-A-Za-z0-9.]*/)?{_NAME}", {}),
    ]
