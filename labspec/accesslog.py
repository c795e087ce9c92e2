"""The lab's access log: the names that stand for a format, and the symbols in one."""

from collections.abc import Mapping
from typing import NamedTuple

from labspec.propagation._base import Format
from labspec.symbols import Resolved, resolve

# istio/istio pilot/pkg/model/telemetry_logging.go, EnvoyTextLogFormat, without its newline.
ISTIO_TEXT = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% '
    '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% '
    '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" '
    '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% '
    "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%"
)

NAMED: Mapping[str, str | None] = {
    "istio": ISTIO_TEXT,
    "traced": ISTIO_TEXT + " traceID=${trace_id} spanID=${span_id}",
    "none": None,
}
"""Names that a spec may give instead of a format; None writes no access log."""

# What does not depend on the tracer.
_COMMON = {
    "request_id": "%REQ(X-REQUEST-ID)%",
    "caller": "%DOWNSTREAM_PEER_URI_SAN%",
    "callee": "%REQ(:AUTHORITY)%",
}


class AccessLog(NamedTuple):
    """The access log of the lab's sidecars."""

    text: str | None
    """Envoy's format without its final newline, symbols resolved; None where there is no log."""
    is_own: bool
    """True where it is Istio's own format, which needs no setting."""
    resolved: Resolved | None
    """How the text came from what the spec says; None for a name."""


def symbols(propagation: Format) -> Mapping[str, str]:
    """`${name}` -> operators, for sidecars of that propagation format."""
    return {**propagation.symbols, **_COMMON}


def access_log(wanted: str, propagation: Format) -> AccessLog:
    """The log that a spec's `logs.format` asks for."""
    if wanted not in NAMED:
        resolved = resolve(wanted.removesuffix("\n"), symbols(propagation))
        return AccessLog(resolved.text, is_own=False, resolved=resolved)
    named = NAMED[wanted]
    text = None if named is None else resolve(named, symbols(propagation)).text
    return AccessLog(text, is_own=wanted == "istio", resolved=None)
