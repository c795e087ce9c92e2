"""What a propagation format is."""

from collections.abc import Callable, Mapping
from typing import NamedTuple


class Start(NamedTuple):
    """How an application's own tracer starts a trace."""

    bits: int
    """Width of the trace id: 64 or 128."""
    sampled: bool


class ShellHeaders(NamedTuple):
    """How a shell makes the headers of a new trace."""

    assignments: tuple[str, ...]
    """Commands that set `trace_id` and `span_id`, for a shell that has the function `random_hex DIGITS`."""
    headers: tuple[str, ...]
    """The headers, each as a shell word in double quotes may hold it: `x-b3-traceid: $trace_id`."""


class Format(NamedTuple):
    """The headers in which sidecars and applications hand a trace on."""

    name: str
    description: str
    headers: tuple[str, ...]
    """What a sidecar's tracer reads and writes, lower case."""
    forward: tuple[str, ...]
    """What an application hands on so that a trace stays whole, x-request-id included."""
    symbols: Mapping[str, str]
    """`${name}` in a log format -> Envoy's operators."""
    silent: Mapping[str, str]
    """Envoy operators that this tracer leaves empty -> why."""
    start: Callable[[Start], ShellHeaders]
