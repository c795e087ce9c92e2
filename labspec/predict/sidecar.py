"""What a sidecar does to the headers of one request, and the span that it makes: Envoy's tracers, version by version.

Measured on Envoy 1.37.0, 1.38.3 and 1.39.3 (Istio 1.29, 1.30, 1.31), settings as Istio's control plane makes them.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from labspec.mesh import Proxy, Tracer
from labspec.predict.chance import ALWAYS, NEVER, Chance, both, draw
from labspec.propagation._base import OPENTELEMETRY, Context, Reading
from labspec.splitmix import SplitMix

REQUEST_ID = "x-request-id"
_HEX = re.compile("[0-9a-fA-F]{8}")
_UUID = 36

# From here on an opentelemetry tracer reports only what its own rate samples too: https://github.com/envoyproxy/envoy/pull/45830.
_RATE_AND_FLAG = "1.31"


class Header(NamedTuple):
    """A header's value, and when the decision in it is `sampled` (for x-request-id: when it is marked so)."""

    text: str
    chance: Chance = NEVER


Headers = Mapping[str, Header]


class Made(NamedTuple):
    """The span that a sidecar makes."""

    trace_id: str
    span_id: str
    parent_id: str
    chance: Chance
    decides: bool


class Passage(NamedTuple):
    """What a sidecar made of one request."""

    headers: Headers
    made: Made | None
    """None where it has no tracer, or where the ids that came are malformed."""


class Ids:
    """Invented ids: the same for each walk, in the order in which they are asked for."""

    def __init__(self) -> None:
        self._numbers = SplitMix(0)

    def span(self) -> str:
        """16 hex digits."""
        return f"{self._numbers.number():016x}"

    def trace(self) -> str:
        """32 hex digits."""
        return self.span() + self.span()

    def request(self) -> str:
        """A UUID of version 4."""
        digits = self.trace()
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def texts(headers: Headers) -> dict[str, str]:
    """The values alone, in the order in which they were set."""
    return {name: header.text for name, header in headers.items()}


def passed(proxy: Proxy, headers: Headers, ids: Ids, istio_version: str) -> Passage:
    """What `proxy` does to a request that it hands on."""
    tracer = proxy.tracer.value
    headers = {name: header for name, header in headers.items() if name != "x-envoy-force-trace"}
    headers.setdefault(REQUEST_ID, Header(ids.request()))
    if tracer is None:
        return Passage(headers, None)
    traced = _decided(headers, proxy.sampling.value)
    reading = tracer.format.read(texts(headers))
    if not reading.valid:
        return Passage(headers, None)
    made = _made(tracer, reading, headers, traced, ids, istio_version)
    headers |= {
        name: Header(text, made.chance) for name, text in tracer.format.write(_context(made, reading, tracer)).items()
    }
    if tracer.kind == OPENTELEMETRY:
        # It always sends one, and takes one only together with a traceparent.
        came = headers.get("tracestate") if reading.context else None
        headers["tracestate"] = came or Header("")
    return Passage(headers, made)


def _decided(headers: dict[str, Header], rate: float) -> Chance:
    """When the request is to be traced: marked ids always, others by the rate; a proxy that samples marks the id.

    An id without a mark is no refusal: the next proxy decides anew, and by the same number.
    """
    known = headers[REQUEST_ID]
    key = known.text[:8]
    if not _HEX.fullmatch(key):
        return NEVER
    forced = "x-client-trace-id" in headers
    chance = ALWAYS if forced else draw(key, max(known.chance.of(key), rate))
    marked = known.chance.possible or len(known.text) != _UUID
    if chance.possible and not marked:
        text = f"{known.text[:14]}{'b' if forced else '9'}{known.text[15:]}"
        headers[REQUEST_ID] = Header(text, chance)
    else:
        headers[REQUEST_ID] = known._replace(chance=chance if len(known.text) == _UUID else known.chance)
    return chance


def _made(  # noqa: PLR0913, PLR0917  # what a span depends on
    tracer: Tracer, reading: Reading, headers: Headers, traced: Chance, ids: Ids, istio_version: str
) -> Made:
    came = _came(reading, headers)
    if came is not None and tracer.kind == OPENTELEMETRY and istio_version >= _RATE_AND_FLAG:
        came = both(came, traced)
    chance = traced if came is None else came
    if reading.context is not None:
        return Made(reading.context.trace_id, ids.span(), reading.context.span_id, chance, came is None)
    trace_id = ids.trace()
    # Zipkin's root span has the right half of its trace's id.
    return Made(trace_id, ids.span() if tracer.kind == OPENTELEMETRY else trace_id[16:], "", chance, came is None)


def _came(reading: Reading, headers: Headers) -> Chance | None:
    """The decision that came with the request."""
    if reading.sampled is None:
        return None
    return headers[reading.carrier].chance if reading.sampled else NEVER


def _context(made: Made, reading: Reading, tracer: Tracer) -> Context:
    """What goes on with the request: Envoy's zipkin tracer names the parent, too."""
    bits = reading.context.bits if reading.context else 128
    parent = made.parent_id if tracer.kind != OPENTELEMETRY else ""
    return Context(made.trace_id, made.span_id, made.chance.possible, parent, bits=bits)
