"""B3 in several headers, for the formats that hold it."""

import re
from collections.abc import Mapping

from labspec.propagation._base import Context, Reading, Said, Symbol

_TRACE = re.compile(r"[0-9a-fA-F]{16}([0-9a-fA-F]{16})?")
_SPAN = re.compile(r"[0-9a-fA-F]{16}")
_SINGLE = re.compile(
    r"(?P<trace>[0-9a-fA-F]{16}(?:[0-9a-fA-F]{16})?)-(?P<span>[0-9a-fA-F]{16})(?:-(?P<flag>[01d])(?:-(?P<parent>[0-9a-fA-F]{16}))?)?"
)


def read(headers: Mapping[str, str]) -> Reading:
    """What Envoy's zipkin tracer reads: the single header b3 if it is there, else the others; never x-b3-flags.

    Measured on Envoy 1.37.0, 1.38.3 and 1.39.3; source/extensions/tracers/zipkin/span_context_extractor.cc.
    """
    if headers.get("b3"):
        return _read_single(headers["b3"])
    sampled = headers["x-b3-sampled"] in {"1", "true"} if "x-b3-sampled" in headers else None
    trace_id, span_id = headers.get("x-b3-traceid", ""), headers.get("x-b3-spanid", "")
    if not trace_id or not span_id:
        return Reading(sampled=sampled, carrier="x-b3-sampled")
    if not _TRACE.fullmatch(trace_id) or not _SPAN.fullmatch(span_id):
        return Reading(valid=False)
    return Reading(_context(trace_id, span_id, headers.get("x-b3-parentspanid", ""), sampled), sampled, "x-b3-sampled")


def _read_single(value: str) -> Reading:
    if value in {"0", "1", "d"}:
        return Reading(sampled=value != "0", carrier="b3")
    found = _SINGLE.fullmatch(value)
    if found is None:
        return Reading(valid=False)
    sampled = None if found["flag"] is None else found["flag"] != "0"
    return Reading(_context(found["trace"], found["span"], found["parent"] or "", sampled), sampled, "b3")


def _context(trace_id: str, span_id: str, parent_id: str, sampled: bool | None) -> Context:  # a decision
    trace_id = narrowed(trace_id.lower())
    return Context(trace_id, span_id.lower(), sampled, parent_id, bits=4 * len(trace_id))


def narrowed(trace_id: str) -> str:
    """A trace id as zipkin keeps it: of 64 bits where the left half is zero."""
    return trace_id[16:] if trace_id.startswith("0" * 16) and len(trace_id) == 32 else trace_id


def write(context: Context) -> dict[str, str]:
    """The headers of `context`; with debug the decision goes without saying."""
    return {
        "x-b3-traceid": context.trace_id,
        "x-b3-spanid": context.span_id,
        **({"x-b3-parentspanid": context.parent_id} if context.parent_id else {}),
        **({"x-b3-flags": "1"} if context.debug else {}),
        **({"x-b3-sampled": str(int(context.sampled))} if context.sampled is not None and not context.debug else {}),
    }


HEADERS = ("x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled")
FORWARD = ("x-request-id", *HEADERS, "x-b3-flags", "b3")
FLAGS = {"true": Said("x-b3-sampled", "1"), "false": Said("x-b3-sampled", "0")}
SYMBOLS = {
    "trace_id": Symbol("%REQ(X-B3-TRACEID)%"),
    "span_id": Symbol("%REQ(X-B3-SPANID)%"),
    "parent_id": Symbol("%REQ(X-B3-PARENTSPANID)%"),
    "sampled": Symbol("%REQ(X-B3-SAMPLED)%"),
}
# Measured on Envoy 1.38.3: the zipkin span does not tell its id to the access log.
SILENT = {"SPAN_ID": "Envoy's zipkin tracer does not fill it"}
