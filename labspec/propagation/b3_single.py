"""B3 in one header, which applications speak: Istio's sidecars read it, and write the several ones."""

import re
from collections.abc import Mapping

from labspec.propagation._b3 import narrowed
from labspec.propagation._base import Context, Format, Reading, Said

# As libraries read it: brave's B3SingleFormat takes a parent without a decision before it, too.
_IDS = re.compile(
    r"(?P<trace>(?:[0-9a-f]{16}){1,2})-(?!0{16})(?P<span>[0-9a-f]{16})(?:-(?P<flag>[01d]))?(?:-(?P<parent>[0-9a-f]{16}))?"
)
_SAMPLED = {"0": False, "1": True, "d": True}


def _read(headers: Mapping[str, str]) -> Reading:
    """What an application's library reads; what is malformed is no trace to it."""
    value = headers.get("b3", "").lower()
    if value in _SAMPLED:
        return Reading(sampled=_SAMPLED[value], carrier="b3")
    found = _IDS.fullmatch(value)
    if found is None or not found["trace"].strip("0"):
        return Reading()
    trace_id, flag = narrowed(found["trace"]), found["flag"]
    sampled = _SAMPLED[flag] if flag else None
    context = Context(
        trace_id, found["span"], sampled, found["parent"] or "", debug=flag == "d", bits=4 * len(trace_id)
    )
    return Reading(context, sampled, "b3")


def _write(context: Context) -> dict[str, str]:
    """The header; its parts have their places, so that without a decision no parent has one."""
    parts = [context.trace_id, context.span_id]
    if context.debug or context.sampled is not None:
        parts.append("d" if context.debug else str(int(bool(context.sampled))))
        parts += [context.parent_id] if context.parent_id else []
    return {"b3": "-".join(parts)}


FORMAT = Format(
    name="b3-single",
    description="B3 in the one header b3: applications speak it; sidecars read it, but write the several headers",
    headers=("b3",),
    forward=("x-request-id", "b3"),
    needed=("b3",),
    decision=("b3",),
    flags={
        "true": Said("b3", "-1"),
        "false": Said("b3", "-0"),
        "debug": Said("b3", "-d"),
        "defer": Said("", ""),
    },
    read=_read,
    write=_write,
)
