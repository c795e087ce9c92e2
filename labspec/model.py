"""What every part of a spec's model shares: strictness, and the types of single values."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from labspec.finding import alternatives
from labspec.yamlvalues import describe

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SERVICE = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_DURATION = re.compile(r"([0-9]{1,6})(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
# RFC 3986 path and query; without the characters that curl expands ([]{}) and the fragment, which never leaves the client.
URL_PATH = r"/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*"
SUBDOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_IMAGE = re.compile(r"[a-z0-9]+([._:/-]+[A-Za-z0-9_]+)*(@sha256:[0-9a-f]{64})?")


class Model(BaseModel):
    """A part of a spec: frozen, no unknown keys, no value of another type than the declared one."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


def wrong(
    rule: str, message: str, advice: str = "", below: tuple[str | int, ...] = (), *, at_key: bool = False
) -> PydanticCustomError:
    """The error that a validator raises: `rule` names it for `labspec explain`, `below` is the place in the value (or its key)."""
    template = "{message}"  # noqa: RUF027  # pydantic fills it
    context = {"message": message, "rule": rule, "help": advice, "below": below, "at_key": at_key}
    return PydanticCustomError("labspec", template, context)


def fitting(value: str, pattern: re.Pattern[str], advice: str, below: tuple[str | int, ...] = ()) -> str:
    """`value`, where it fits a pattern of Kubernetes' names; raises the error that says how such a name is made."""
    if not pattern.fullmatch(value):
        raise wrong("invalid-name", f"{quoted(value)} does not fit" if value else "a name is not empty", advice, below)
    return value


def unlike(value: object, words: tuple[str, ...], advice: str) -> PydanticCustomError:
    """The error for a value that is none of `words`, nor anything else that is allowed."""
    if isinstance(value, str):
        return wrong("unknown-value", f"{quoted(value)} is not allowed here{alternatives(value, words)}", advice)
    shown = f"the number {value}" if type(value) in {int, float} else describe(value)
    return wrong("wrong-type", f"{shown} is not allowed here", advice)


def seconds(duration: str) -> float:
    """The length of a checked duration, in seconds."""
    number, unit = _DURATION.fullmatch(duration).groups()  # type: ignore[union-attr]  # it was checked
    return int(number) * _SECONDS[unit]


def duration(value: str) -> str:
    """`value`, where it is a duration above zero; raises the error that says how to write one."""
    if not _DURATION.fullmatch(value):
        raise wrong(
            "invalid-duration", f'"{value}" is no duration', "write a whole number and a unit: 500ms, 5s, 2m or 1h"
        )
    if not seconds(value):
        raise wrong("invalid-duration", "a duration of zero would never pause", "write at least 1ms")
    return value


def _dns_label(value: str) -> str:
    return _name(value, _LABEL, "starts and ends with a letter or a digit")


def variant_name(value: str) -> str:
    """`value`, where a variant may be called so; raises the error that says why not."""
    if value in {"base", "operator"}:
        raise wrong("invalid-name", f'no variant can be called "{value}"', "its files would be those of the lab itself")
    return _dns_label(value)


def _service_name(value: str) -> str:
    return _name(
        value, _SERVICE, "starts with a letter and ends with a letter or a digit, as a Kubernetes Service does"
    )


def _name(value: str, pattern: re.Pattern[str], edges: str) -> str:
    if pattern.fullmatch(value):
        return value
    odd = next((character for character in value if not re.match("[-a-z0-9]", character)), None)
    if not value:
        problem = "a name is not empty"
    elif odd is None:
        problem = f'"{value}" is longer than 63 characters' if len(value) > 63 else f'"{value}" does not fit'
    else:
        shown = f'"{odd}"' if "!" <= odd <= "~" else f"U+{ord(odd):04X}"
        problem = f"{quoted(value)} holds {'a capital letter' if 'A' <= odd <= 'Z' else f'the character {shown}'}"
    raise wrong("invalid-name", problem, f"a name has at most 63 of a-z, 0-9 and -, and {edges}")


def quoted(value: str) -> str:
    """The text in quotation marks, with what does not print as an escape sequence."""
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in value) + '"'


def url_path(value: str) -> str:
    """`value`, where it is a path of RFC 3986; raises the error that says how to write one."""
    if not re.fullmatch(URL_PATH, value):
        raise wrong(
            "invalid-path",
            f"{quoted(value)} is no URL path",
            "start with / and percent-encode what RFC 3986 does not allow in a path",
        )
    return value


def _image(value: str) -> str:
    if not _IMAGE.fullmatch(value):
        raise wrong(
            "invalid-image", f"{quoted(value)} is no image reference", "write [registry/]name:tag, or name@sha256:..."
        )
    return value


def _percent(value: float) -> float:
    if not 0 <= value <= 100:
        raise wrong("invalid-percent", f"{_number(value)} is no percentage", "write a number from 0 to 100")
    # 0.01 % is the smallest step: Envoy's fractions here have the denominator 10,000.
    if round(value * 100, 6) != round(value * 100):
        raise wrong("invalid-percent", f"Envoy cannot sample {_number(value)} %", "write a multiple of 0.01")
    return value


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


def _port_or_none(value: object) -> int | str:
    if value == "none" or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535):
        return value
    advice = "write a number from 1 to 65535, or none"
    if isinstance(value, int) and not isinstance(value, bool):
        raise wrong("out-of-range", f"{value} is no port", advice)
    raise unlike(value, ("none",), advice)


def described(pattern: str | None = None, examples: tuple[Any, ...] = ()) -> Any:  # noqa: ANN401  # pydantic's FieldInfo
    """What the JSON schema says of a type whose check is a function."""
    return Field(
        json_schema_extra={
            **({"pattern": pattern} if pattern else {}),
            **({"examples": list(examples)} if examples else {}),
        }
    )


DnsLabel = Annotated[str, AfterValidator(_dns_label), described(f"^{_LABEL.pattern}$")]
VARIANT_PATTERN = f"^(?!(base|operator)$){_LABEL.pattern}$"
SERVICE_PATTERN = f"^{_SERVICE.pattern}$"
ServiceName = Annotated[str, AfterValidator(_service_name), described(SERVICE_PATTERN)]
UrlPath = Annotated[str, AfterValidator(url_path), described(f"^{URL_PATH}$", ("/", "/items?page=2"))]
Image = Annotated[str, AfterValidator(_image), described(f"^{_IMAGE.pattern}$")]
Percent = Annotated[
    float, AfterValidator(_percent), Field(json_schema_extra={"minimum": 0, "maximum": 100, "examples": [100, 1]})
]
Port = Annotated[int, Field(ge=1, le=65535)]
PortOrNone = Annotated[
    Any,
    AfterValidator(_port_or_none),
    Field(json_schema_extra={"anyOf": [{"type": "integer", "minimum": 1, "maximum": 65535}, {"const": "none"}]}),
]
Line = Annotated[str, Field(min_length=1)]
