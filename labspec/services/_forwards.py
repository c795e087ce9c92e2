"""Which headers an application hands on: its part of a spec, shared by the kinds of service in the middle."""

import re
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, Field

import labspec.propagation
from labspec.kinds import values_in
from labspec.model import unlike, wrong
from labspec.propagation._base import Format
from labspec.services._base import Forwarding
from labspec.yamlvalues import describe

# RFC 9110 field names, and * for any characters.
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")

# Headers of other tracers, which Istio's documentation tells applications to hand on as well:
# https://istio.io/latest/docs/tasks/observability/distributed-tracing/overview/.
_OTHERS = (
    "baggage",
    "grpc-trace-bin",
    "sw8",
    "x-client-trace-id",
    "x-cloud-trace-context",
    "x-datadog-*",
    "x-ot-span-context",
)


def every_header() -> tuple[str, ...]:
    """Every trace header known, and x-request-id."""
    formats = (header for found in values_in(labspec.propagation, Format) for header in found.forward)
    return (*dict.fromkeys(formats), *_OTHERS)


def _checked(value: object, words: tuple[str, ...]) -> str | tuple[str, ...]:
    if isinstance(value, str) and value in words:
        return value
    if not isinstance(value, list | tuple):
        raise unlike(value, words, f"write {', '.join(words)}, or a list of header names")
    advice = "write names such as traceparent or x-b3-*"
    for index, item in enumerate(value):
        if not isinstance(item, str):
            raise wrong("wrong-type", f"a header name belongs here, not {describe(item)}", advice, (index,))
        if not _NAME.fullmatch(item):
            raise wrong("invalid-header", f'"{item}" is no header name', advice, (index,))
    return tuple(item.lower() for item in value)


def choice(*words: str) -> Any:  # noqa: ANN401  # a type
    """The type of a field `forwards`, which is one of `words` or a list of header names."""
    names: dict[str, Any] = {"type": "array", "items": {"type": "string", "pattern": f"^{_NAME.pattern}$"}}
    schema: dict[str, Any] = {"anyOf": [{"type": "string", "enum": list(words)}, names]}
    return Annotated[Any, AfterValidator(lambda value: _checked(value, words)), Field(json_schema_extra=schema)]


def forwarding(wanted: str | Iterable[str]) -> Forwarding:
    """What `forwards` says."""
    if wanted == "unknown":
        return Forwarding(is_known=False)
    if wanted == "all":
        return Forwarding(every_header(), is_all=True)
    return Forwarding(() if wanted == "none" else tuple(wanted))
