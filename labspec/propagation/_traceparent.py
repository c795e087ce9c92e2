"""The header of W3C trace context, for the formats that hold it. https://www.w3.org/TR/trace-context/."""

import re
from collections.abc import Mapping

from labspec.propagation._base import Context, Reading

_PARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")


def read(headers: Mapping[str, str]) -> Reading:
    """What a traceparent says; measured on Envoy 1.37.0, 1.38.3 and 1.39.3."""
    value = headers.get("traceparent", "")
    if not value:
        return Reading()
    found = _PARENT.fullmatch(value.lower())
    if found is None:
        return Reading(valid=False)
    sampled = bool(int(found[3], 16) & 1)
    return Reading(Context(found[1], found[2], sampled), sampled, "traceparent")


def traceparent(context: Context) -> str:
    """The header's value; a trace id of 64 bits gets zeros before it."""
    zeros = "0" * 16 if context.bits == 64 else ""
    return f"00-{zeros}{context.trace_id}-{context.span_id}-{'01' if context.sampled else '00'}"
