"""Jaeger's own header, which its client libraries speak; sidecars neither read nor write it."""

import re
from collections.abc import Mapping
from urllib.parse import unquote

from labspec.propagation._base import Context, Format, Reading, Said

# https://www.jaegertracing.io/docs/1.19/client-libraries/#propagation-format: leading zeros may be left out, an id of 0 is none,
# the parent is of no use any more.
_PARTS = re.compile(
    r"(?P<trace>[0-9a-f]{1,32}):(?P<span>[0-9a-f]{1,16}):(?P<parent>[0-9a-f]{1,16}):(?:0x)?(?P<flags>[0-9a-f]{1,2})"
)
_SAMPLED, _DEBUG = 1, 2


def _read(headers: Mapping[str, str]) -> Reading:
    """What a client library reads; what is malformed is no trace to it."""
    # Some libraries write the colons as %3A.
    found = _PARTS.fullmatch(unquote(headers.get("uber-trace-id", "")).lower())
    trace_id, span_id = (found["trace"].lstrip("0"), found["span"].lstrip("0")) if found else ("", "")
    if found is None or not trace_id or not span_id:
        return Reading()
    digits = 16 if len(trace_id) <= 16 else 32
    flags, parent_id = int(found["flags"], 16), found["parent"].lstrip("0")
    context = Context(
        trace_id.rjust(digits, "0"), span_id.rjust(16, "0"), bool(flags & _SAMPLED),
        parent_id.rjust(16, "0") if parent_id else "", debug=bool(flags & _DEBUG), bits=4 * digits,
    )  # fmt: skip
    return Reading(context, context.sampled, "uber-trace-id")


def _write(context: Context) -> dict[str, str]:
    """The header, ids in their full width; debug goes with sampled."""
    flags = (_SAMPLED if context.sampled else 0) | (_SAMPLED | _DEBUG if context.debug else 0)
    return {"uber-trace-id": f"{context.trace_id}:{context.span_id}:{context.parent_id or '0'}:{flags:x}"}


FORMAT = Format(
    name="jaeger",
    description="the header uber-trace-id of Jaeger's client libraries: applications speak it, no sidecar does",
    headers=("uber-trace-id",),
    forward=("x-request-id", "uber-trace-id"),
    needed=("uber-trace-id",),
    decision=("uber-trace-id",),
    flags={
        "true": Said("uber-trace-id", ":1"),
        "false": Said("uber-trace-id", ":0"),
        "debug": Said("uber-trace-id", ":3"),
    },
    read=_read,
    write=_write,
)
