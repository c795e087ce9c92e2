"""B3 and W3C side by side: Istio's zipkin tracer with USE_B3_WITH_W3C_PROPAGATION."""

from collections.abc import Mapping

from labspec.propagation import _b3, _traceparent
from labspec.propagation._base import ZIPKIN, Context, Format, Reading, Symbol


def _read(headers: Mapping[str, str]) -> Reading:
    """B3's ids, else traceparent's.

    Measured on Envoy 1.37.0, 1.38.3 and 1.39.3: a B3 context without a decision takes that of a traceparent, even of another trace;
    one of a traceparent is sampled where either header says so.
    """
    b3, parent = _b3.read(headers), _traceparent.read(headers)
    if not b3.valid or parent.context is None or (b3.carrier == "b3" and b3.context is None):
        return b3
    if b3.context is not None:
        if b3.sampled is not None:
            return b3
        return Reading(b3.context._replace(sampled=parent.sampled), parent.sampled, parent.carrier)
    trace_id = _b3.narrowed(parent.context.trace_id)
    context = parent.context._replace(trace_id=trace_id, bits=4 * len(trace_id))
    if b3.sampled and not parent.sampled:
        return Reading(context._replace(sampled=True), True, b3.carrier)
    return Reading(context, parent.sampled, parent.carrier)


def _write(context: Context) -> dict[str, str]:
    return {**_b3.write(context), "traceparent": _traceparent.traceparent(context)}


FORMAT = Format(
    name="b3+w3c",
    description="B3 and W3C side by side: sidecars read B3 first, then traceparent, and write both",
    headers=(*_b3.HEADERS, "traceparent", "tracestate"),
    forward=(*_b3.FORWARD, "traceparent", "tracestate"),
    needed=("x-b3-traceid", "x-b3-spanid"),
    decision=("x-b3-sampled", "traceparent"),
    tracer=ZIPKIN,
    protocols=("zipkin",),
    option="USE_B3_WITH_W3C_PROPAGATION",
    symbols={**_b3.SYMBOLS, "traceparent": Symbol("%REQ(TRACEPARENT)%")},
    silent=_b3.SILENT,
    flags=_b3.FLAGS,
    read=_read,
    write=_write,
)
