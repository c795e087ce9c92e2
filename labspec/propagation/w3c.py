"""W3C trace context: what Istio's opentelemetry tracer speaks. https://www.w3.org/TR/trace-context/."""

from labspec.propagation._base import OPENTELEMETRY, Context, Format, Said, Symbol
from labspec.propagation._traceparent import read, traceparent


def _write(context: Context) -> dict[str, str]:
    return {"traceparent": traceparent(context)}


_WHOLE = "it is part of ${traceparent}"  # noqa: RUF027  # a symbol of log formats

FORMAT = Format(
    name="w3c",
    description="W3C trace context: everything in the header traceparent",
    headers=("traceparent", "tracestate"),
    forward=("x-request-id", "traceparent", "tracestate"),
    needed=("traceparent",),
    decision=("traceparent",),
    tracer=OPENTELEMETRY,
    protocols=("otlp-grpc", "otlp-http"),
    symbols={
        "trace_id": Symbol("%TRACE_ID%"),
        # Envoy 1.38 has it: https://github.com/envoyproxy/envoy/pull/43997.
        "span_id": Symbol("%SPAN_ID%", since="1.30", instead=_WHOLE),
        "parent_id": Symbol("", instead="no header holds it"),
        "sampled": Symbol("", instead=_WHOLE),
        "traceparent": Symbol("%REQ(TRACEPARENT)%"),
    },
    flags={"true": Said("traceparent", "-01"), "false": Said("traceparent", "-00")},
    read=read,
    write=_write,
    pads=True,
)
