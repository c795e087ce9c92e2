"""What a propagation format is."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

ZIPKIN = "zipkin"
OPENTELEMETRY = "opentelemetry"

# The example of the W3C recommendation: recognised wherever it turns up.
FIXED_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
FIXED_SPAN = "00f067aa0ba902b7"


class Start(NamedTuple):
    """How an application's own tracer starts a trace."""

    bits: int
    """Width of the trace id: 64 or 128."""
    flag: str
    """The decision that it sends: `true`, `false`, `debug` (sampled, past every rate) or `defer` (none)."""
    fixed: bool = False
    """Whether every request gets the same ids."""

    @property
    def sampled(self) -> bool | None:
        """The decision; None where it leaves it to the first sidecar."""
        return {"true": True, "debug": True, "false": False}.get(self.flag)


class Context(NamedTuple):
    """What the headers of a request say of its trace."""

    trace_id: str
    """16 or 32 hex digits; in a shell's headers the variable that holds them."""
    span_id: str
    sampled: bool | None
    parent_id: str = ""
    debug: bool = False
    bits: int = 128


class Reading(NamedTuple):
    """What a tracer takes from the headers of a request."""

    context: Context | None = None
    """None where they hold no usable ids: the tracer then starts a trace."""
    sampled: bool | None = None
    """The decision in them, ids or not."""
    carrier: str = ""
    """The header that holds the decision."""
    valid: bool = True
    """False where ids are malformed: the tracer then makes no span at all."""


class Symbol(NamedTuple):
    """What a `${name}` in a log format stands for."""

    operators: str
    since: str = ""
    """The first Istio minor with it; empty for all."""
    instead: str = ""
    """What to write where there is none."""


class Said(NamedTuple):
    """How headers say a decision."""

    header: str
    """The one that says it; empty where none does."""
    value: str
    """What it holds; with the mark before it, as in `-01`, where ids stand before."""


class ShellHeaders(NamedTuple):
    """How a shell makes the headers of a new trace."""

    assignments: tuple[str, ...]
    """Commands that set `trace_id` and `span_id`, for a shell that has the function `random_hex DIGITS`."""
    headers: tuple[str, ...]
    """The headers, each as a shell word in double quotes may hold it: `x-b3-traceid: $trace_id`."""


class Format(NamedTuple):
    """The headers in which sidecars and applications hand a trace on; without a tracer those of applications alone."""

    name: str
    description: str
    headers: tuple[str, ...]
    """What a tracer of this format reads and writes, lower case."""
    forward: tuple[str, ...]
    """What an application hands on so that a trace stays whole, x-request-id included."""
    needed: tuple[str, ...]
    """Those without which a tracer of this format starts a trace of its own."""
    decision: tuple[str, ...]
    """Those that carry the sampling decision, the one that counts first."""
    flags: Mapping[str, Said]
    """The decisions that its headers can say, and how they do."""
    read: Callable[[Mapping[str, str]], Reading]
    write: Callable[[Context], dict[str, str]]
    pads: bool = False
    """Whether a trace id of 64 bits is written with zeros before it."""
    tracer: str = ""
    """The tracer that Istio's sidecars use for it: `zipkin` or `opentelemetry`; empty where none of theirs speaks it."""
    protocols: tuple[str, ...] = ()
    """How that tracer can send its spans, the usual one first."""
    option: str = ""
    """Istio's traceContextOption for it; empty where the tracer has none."""
    symbols: Mapping[str, Symbol] = MappingProxyType({})
    """`${name}` in a log format."""
    silent: Mapping[str, str] = MappingProxyType({})
    """Envoy operators that this tracer leaves empty -> why."""

    def reads(self, other: "Format") -> bool:
        """Whether one that speaks this format finds the trace in what one that speaks `other` writes."""
        return self.read(other.write(Context(FIXED_TRACE, FIXED_SPAN, sampled=True))).context is not None


def shell_headers(form: Format, start: Start) -> ShellHeaders:
    """How a shell starts a trace in `form`."""
    digits = start.bits // 4
    zeros = "0" * 16 if form.pads and start.bits == 64 else ""
    trace = FIXED_TRACE[-digits:] if start.fixed else f"$(random_hex {digits})"
    span = FIXED_SPAN if start.fixed else "$(random_hex 16)"
    written = form.write(_context("$trace_id", "$span_id", start, 128 if form.pads else start.bits))
    return ShellHeaders(
        assignments=(f"trace_id={zeros}{trace}", f"span_id={span}"),
        headers=tuple(f"{name}: {value}" for name, value in written.items()),
    )


def started(form: Format, start: Start, trace_id: str, span_id: str) -> dict[str, str]:
    """The headers with which an application starts a trace; of `trace_id`, 32 hex digits, it takes what it has room for."""
    own = trace_id[-start.bits // 4 :]
    if form.pads:
        own = own.rjust(32, "0")
    return form.write(_context(own, span_id, start, 128 if form.pads else start.bits))


def _context(trace_id: str, span_id: str, start: Start, bits: int) -> Context:
    return Context(trace_id, span_id, start.sampled, debug=start.flag == "debug", bits=bits)
