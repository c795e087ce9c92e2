"""B3 in several headers: what Istio's zipkin tracer speaks (USE_B3)."""

from labspec.propagation._b3 import FLAGS, FORWARD, HEADERS, SILENT, SYMBOLS, read, write
from labspec.propagation._base import ZIPKIN, Format, Said

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
    flags={**FLAGS, "debug": Said("x-b3-flags", "1"), "defer": Said("", "")},
    read=read,
    write=write,
)
