"""Which fields of a log line a prediction knows, and what it says of them."""

from functools import lru_cache

from labspec.accesslog import AccessLog
from labspec.envoy.format import REQUEST_OPERATORS, Operator, headers_of
from labspec.lab import HANDED_ON
from labspec.logreading import LogLine, read_lines

_CERTAIN = frozenset(
    {
        *REQUEST_OPERATORS,
        "RESPONSE_CODE",
        "RESPONSE_CODE_DETAILS",
        "RESPONSE_FLAGS",
        "RESPONSE_FLAGS_LONG",
        "PROTOCOL",
        "UPSTREAM_PROTOCOL",
        "TRACE_ID",
        "SPAN_ID",
        "UPSTREAM_CLUSTER",
        "UPSTREAM_CLUSTER_RAW",
        "ROUTE_NAME",
    }
)
"""Operators of a log format whose value a prediction knows; times, sizes and addresses are examples."""

_HEADERS = frozenset(
    {
        *(":method", ":path", ":authority", ":scheme", "host", "user-agent", "x-forwarded-proto"),
        # It is there where somebody rewrote the path, and nobody does.
        "x-envoy-original-path",
        *HANDED_ON,
    }
)
"""Request headers of which it knows whether they are there."""


def is_certain(operator: Operator) -> bool:
    """Whether a prediction knows what it writes."""
    return operator.name in _CERTAIN and (
        operator.name not in REQUEST_OPERATORS or set(headers_of(operator)) <= _HEADERS
    )


@lru_cache(maxsize=4096)
def example_of(log: AccessLog, text: str) -> LogLine | None:
    """The predicted line, read back as the format's fields."""
    lines = read_lines(log, f"{text}\n").lines
    return lines[0] if lines else None
