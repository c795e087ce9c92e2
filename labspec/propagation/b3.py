"""B3 in several headers: what Istio's zipkin tracer speaks (USE_B3)."""

from labspec.propagation._b3 import FORWARD, HEADERS, SILENT, SYMBOLS, read, write
from labspec.propagation._base import ZIPKIN, Format

FORMAT = Format(
    name="b3",
    description="B3, one header for each part (OpenTelemetry calls it b3multi)",
    headers=HEADERS,
    forward=FORWARD,
    needed=("x-b3-traceid", "x-b3-spanid"),
    decision=("x-b3-sampled",),
    tracer=ZIPKIN,
    protocols=("zipkin",),
    option="USE_B3",
    symbols=SYMBOLS,
    silent=SILENT,
    flags=("true", "false", "debug", "defer"),
    read=read,
    write=write,
)
