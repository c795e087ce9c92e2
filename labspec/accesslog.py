"""The lab's access log: the names that stand for a format, and the symbols in one."""

from collections.abc import Mapping
from typing import NamedTuple

from labspec.finding import Path
from labspec.propagation._base import Format, Symbol
from labspec.symbols import Resolved, resolve

# istio/istio pilot/pkg/model/telemetry_logging.go, EnvoyTextLogFormat, without its newline.
ISTIO_TEXT = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% '
    '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% '
    '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" '
    '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% '
    "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%"
)

# The same file, EnvoyJSONLogFormatIstio.
ISTIO_JSON: Mapping[str, str] = {
    "start_time": "%START_TIME%",
    "route_name": "%ROUTE_NAME%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "protocol": "%PROTOCOL%",
    "response_code": "%RESPONSE_CODE%",
    "response_flags": "%RESPONSE_FLAGS%",
    "response_code_details": "%RESPONSE_CODE_DETAILS%",
    "connection_termination_details": "%CONNECTION_TERMINATION_DETAILS%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "duration": "%DURATION%",
    "upstream_service_time": "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
    "x_forwarded_for": "%REQ(X-FORWARDED-FOR)%",
    "user_agent": "%REQ(USER-AGENT)%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "authority": "%REQ(:AUTHORITY)%",
    "upstream_host": "%UPSTREAM_HOST%",
    "upstream_cluster": "%UPSTREAM_CLUSTER_RAW%",
    "upstream_local_address": "%UPSTREAM_LOCAL_ADDRESS%",
    "downstream_local_address": "%DOWNSTREAM_LOCAL_ADDRESS%",
    "downstream_remote_address": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "requested_server_name": "%REQUESTED_SERVER_NAME%",
    "upstream_transport_failure_reason": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
}

NAMED = ("istio", "istio-json", "traced", "traced-json", "none")
"""Names that a spec may give instead of a format; `none` writes no access log."""

# What does not depend on the tracer.
_COMMON = {
    "request_id": Symbol("%REQ(X-REQUEST-ID)%"),
    "caller": Symbol("%DOWNSTREAM_PEER_URI_SAN%"),
    "callee": Symbol("%REQ(:AUTHORITY)%"),
}


class Piece(NamedTuple):
    """A format with its symbols resolved: the whole of a text format, or what one key of a JSON format holds."""

    key: str | None
    """Of a JSON format; None for text."""
    text: str
    path: Path
    """Below `logs`."""
    resolved: Resolved | None
    """How the text came from what the spec says; None for a format that has a name."""


class AccessLog(NamedTuple):
    """The access log of the lab's sidecars."""

    encoding: str
    """`TEXT` or `JSON`; empty where there is no log."""
    pieces: tuple[Piece, ...]
    """One for text (without its final newline), one for each key for JSON."""
    is_own: bool
    """True where it is Istio's own format, which needs no setting."""

    @property
    def text(self) -> str | None:
        """The format where it is text."""
        return self.pieces[0].text if self.encoding == "TEXT" else None


def symbols(propagation: Format, istio_version: str) -> Mapping[str, str]:
    """`${name}` -> operators, for sidecars of that propagation format and version."""
    found = {**propagation.symbols, **_COMMON}
    return {name: symbol.operators for name, symbol in found.items() if _is_there(symbol, istio_version)}


def way_out(name: str, propagation: Format, istio_version: str) -> str | None:
    """What to write where a known symbol has no operator; None where it has, or where no symbol has that name."""
    symbol = propagation.symbols.get(name)
    if symbol is None or _is_there(symbol, istio_version):
        return None
    later = f", from Istio {symbol.since} on ${{{name}}} works" if symbol.since else ""
    return symbol.instead + later


def access_log(wanted: str | Mapping[str, str], propagation: Format, istio_version: str) -> AccessLog:
    """The log that a spec's `logs.format` asks for."""
    known = symbols(propagation, istio_version)
    if not isinstance(wanted, str):
        pieces = tuple(_piece(key, text, ("format", key), known) for key, text in wanted.items())
        return AccessLog("JSON", pieces, is_own=False)
    if wanted not in NAMED:
        return AccessLog("TEXT", (_piece(None, wanted.removesuffix("\n"), ("format",), known),), is_own=False)
    if wanted == "none":
        return AccessLog("", (), is_own=False)
    ids = _ids(known) if wanted.startswith("traced") else {}
    if wanted.endswith("json"):
        pieces = tuple(Piece(key, text, ("format",), None) for key, text in {**ISTIO_JSON, **ids}.items())
        return AccessLog("JSON", pieces, is_own=not ids)
    text = " ".join([ISTIO_TEXT, *(f"{key}={value}" for key, value in ids.items())])
    return AccessLog("TEXT", (Piece(None, text, ("format",), None),), is_own=not ids)


def _ids(known: Mapping[str, str]) -> dict[str, str]:
    """The ids behind Istio's own format; where no operator gives the span id, the header that holds it."""
    if "span_id" in known:
        return {"traceID": known["trace_id"], "spanID": known["span_id"]}
    return {"traceID": known["trace_id"], "traceparent": known["traceparent"]}


def _piece(key: str | None, text: str, path: Path, known: Mapping[str, str]) -> Piece:
    resolved = resolve(text, known)
    return Piece(key, resolved.text, path, resolved)


def _is_there(symbol: Symbol, istio_version: str) -> bool:
    # Minors of one major version and width: "1.29" < "1.30".
    return bool(symbol.operators) and symbol.since <= istio_version
