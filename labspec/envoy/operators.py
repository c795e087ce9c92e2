"""The operators of Envoy's access log formats: which exist since when, and what each takes.

Every line is measured with `envoy --mode validate` of the releases in labspec.envoy.versions, bare, with `()`, with an
argument, with a length and with both. Meanings: https://www.envoyproxy.io/docs/envoy/latest/configuration/advanced/substitution_formatter
"""

from typing import Literal, NamedTuple

from labspec.envoy.versions import ENVOY_RELEASES

Kind = Literal["nothing", "text", "headers", "time", "choice", "duration", "filter-state", "cel", "coalesce"]


class ArgumentRule(NamedTuple):
    """What may stand between an operator's parentheses; empty ones count as no argument, as in Envoy."""

    kind: Kind
    example: str = ""
    """For messages: what a person would write."""
    required: bool = False
    choices: tuple[tuple[str, ...], ...] = ()
    """Of kind `choice`: what each part between colons may be, in order; an empty tuple takes anything."""
    any_case: bool = False


class OperatorRule(NamedTuple):
    """One operator."""

    name: str
    argument: ArgumentRule = ArgumentRule("nothing")
    length: bool = False
    """Whether `:Z`, the most characters to write, is allowed."""
    first: str = min(ENVOY_RELEASES)
    """The Envoy minor that brought it (or the oldest that labspec knows)."""
    last: str = max(ENVOY_RELEASES)
    """The last Envoy minor that has it (or the newest that labspec knows)."""
    argument_first: str = min(ENVOY_RELEASES)
    """The Envoy minor from which on it takes an argument."""

    def is_in(self, envoy: str) -> bool:
        """Whether this Envoy minor has the operator."""
        return self.first <= envoy <= self.last


HEADERS = ArgumentRule("headers", "X-REQUEST-ID", required=True)
OPTIONAL_HEADERS = ArgumentRule("headers", ":PATH")
TEXT = ArgumentRule("text", "NAME", required=True)
OPTIONAL_TEXT = ArgumentRule("text")
KEYS = ArgumentRule("text", "NAMESPACE:KEY", required=True)
TIME = ArgumentRule("time", "%Y-%m-%dT%H:%M:%S.%3fZ")
DURATION = ArgumentRule("duration", "DS_RX_BEG:DS_TX_END:ms", required=True)
FILTER_STATE = ArgumentRule("filter-state", "KEY:PLAIN", required=True)
CEL = ArgumentRule("cel", "request.path", required=True)
COALESCE = ArgumentRule("coalesce", '{"operators":["REQUESTED_SERVER_NAME","HOSTNAME"]}', required=True)
GRPC_STATUS = ArgumentRule("choice", "NUMBER", choices=(("CAMEL_STRING", "SNAKE_STRING", "NUMBER"),))
QUERY = ArgumentRule("choice", "ORIG", choices=(("ORIG", "DECODED"),))
PATH = ArgumentRule("choice", "NQ:ORIG", choices=(("WQ", "NQ"), ("ORIG", "PATH", "ORIG_OR_PATH")))
SERVER_NAME = ArgumentRule(
    "choice",
    "SNI_FIRST:ORIG",
    choices=(("SNI_ONLY", "SNI_FIRST", "HOST_FIRST"), ("ORIG_OR_HOST", "HOST", "ORIG")),
)
METADATA = ArgumentRule(
    "choice",
    "ROUTE:NAMESPACE:KEY",
    required=True,
    choices=(
        ("DYNAMIC", "CLUSTER", "ROUTE", "UPSTREAM_HOST", "LISTENER", "LISTENER_FILTER_CHAIN", "VIRTUAL_HOST"),
        (),
    ),
)
XFCC = ArgumentRule(
    "choice",
    "URI",
    required=True,
    choices=(("By", "Hash", "Cert", "Chain", "Subject", "URI", "DNS"),),
    any_case=True,
)

_TABLE = (
    # request
    OperatorRule("REQ", HEADERS, length=True),
    OperatorRule("REQUEST_HEADER", HEADERS, length=True),
    OperatorRule("RESP", HEADERS, length=True),
    OperatorRule("RESPONSE_HEADER", HEADERS, length=True),
    OperatorRule("TRAILER", HEADERS, length=True),
    OperatorRule("RESPONSE_TRAILER", HEADERS, length=True),
    OperatorRule("STREAM_INFO_REQ", HEADERS, length=True),
    OperatorRule("REQ_WITHOUT_QUERY", OPTIONAL_HEADERS, length=True),
    OperatorRule("PATH", PATH, length=True),
    OperatorRule("QUERY_PARAM", TEXT, length=True),
    OperatorRule("QUERY_PARAMS", QUERY, length=True, first="1.38"),
    OperatorRule("COALESCE", COALESCE, length=True),
    OperatorRule("PROTOCOL"),
    OperatorRule("UPSTREAM_PROTOCOL"),
    OperatorRule("GRPC_STATUS", GRPC_STATUS),
    OperatorRule("GRPC_STATUS_NUMBER"),
    OperatorRule("LOCAL_REPLY_BODY"),
    # result
    OperatorRule("RESPONSE_CODE"),
    OperatorRule("RESPONSE_CODE_DETAILS", OPTIONAL_TEXT),
    OperatorRule("RESPONSE_FLAGS"),
    OperatorRule("RESPONSE_FLAGS_LONG"),
    OperatorRule("CONNECTION_TERMINATION_DETAILS"),
    OperatorRule("UPSTREAM_REQUEST_ATTEMPT_COUNT"),
    OperatorRule("UPSTREAM_TRANSPORT_FAILURE_REASON"),
    OperatorRule("DOWNSTREAM_TRANSPORT_FAILURE_REASON"),
    OperatorRule("DOWNSTREAM_LOCAL_CLOSE_REASON", first="1.38"),
    OperatorRule("UPSTREAM_LOCAL_CLOSE_REASON", first="1.38"),
    OperatorRule("DOWNSTREAM_DETECTED_CLOSE_TYPE", first="1.38"),
    OperatorRule("UPSTREAM_DETECTED_CLOSE_TYPE", first="1.38"),
    # times and durations
    OperatorRule("START_TIME", TIME),
    OperatorRule("START_TIME_LOCAL", TIME),
    OperatorRule("EMIT_TIME", TIME),
    OperatorRule("EMIT_TIME_LOCAL", TIME),
    OperatorRule("DURATION"),
    OperatorRule("COMMON_DURATION", DURATION),
    OperatorRule("REQUEST_DURATION"),
    OperatorRule("REQUEST_TX_DURATION"),
    OperatorRule("RESPONSE_DURATION"),
    OperatorRule("RESPONSE_TX_DURATION"),
    OperatorRule("ROUNDTRIP_DURATION"),
    OperatorRule("DOWNSTREAM_HANDSHAKE_DURATION"),
    OperatorRule("UPSTREAM_CONNECTION_POOL_READY_DURATION"),
    # sizes
    OperatorRule("BYTES_RECEIVED"),
    OperatorRule("BYTES_SENT"),
    OperatorRule("BYTES_RETRANSMITTED"),
    OperatorRule("PACKETS_RETRANSMITTED"),
    OperatorRule("REQUEST_HEADERS_BYTES"),
    OperatorRule("RESPONSE_HEADERS_BYTES"),
    OperatorRule("RESPONSE_TRAILERS_BYTES"),
    OperatorRule("UPSTREAM_WIRE_BYTES_SENT"),
    OperatorRule("UPSTREAM_WIRE_BYTES_RECEIVED"),
    OperatorRule("UPSTREAM_HEADER_BYTES_SENT"),
    OperatorRule("UPSTREAM_HEADER_BYTES_RECEIVED"),
    OperatorRule("UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT"),
    OperatorRule("UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED"),
    OperatorRule("DOWNSTREAM_WIRE_BYTES_SENT"),
    OperatorRule("DOWNSTREAM_WIRE_BYTES_RECEIVED"),
    OperatorRule("DOWNSTREAM_HEADER_BYTES_SENT"),
    OperatorRule("DOWNSTREAM_HEADER_BYTES_RECEIVED"),
    OperatorRule("DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT"),
    OperatorRule("DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED"),
    # route and upstream
    OperatorRule("ROUTE_NAME"),
    OperatorRule("VIRTUAL_CLUSTER_NAME"),
    OperatorRule("UPSTREAM_CLUSTER"),
    OperatorRule("UPSTREAM_CLUSTER_RAW"),
    OperatorRule("UPSTREAM_HOST"),
    OperatorRule("UPSTREAM_HOST_NAME"),
    OperatorRule("UPSTREAM_HOST_NAME_WITHOUT_PORT"),
    OperatorRule("UPSTREAM_HOSTS_ATTEMPTED", first="1.38"),
    OperatorRule("UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT", first="1.38"),
    OperatorRule("UPSTREAM_HOST_NAMES_ATTEMPTED", first="1.38"),
    OperatorRule("UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT", first="1.38"),
    OperatorRule("UPSTREAM_CONNECTION_IDS_ATTEMPTED", first="1.38"),
    # addresses
    OperatorRule("UPSTREAM_LOCAL_ADDRESS"),
    OperatorRule("UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", OPTIONAL_TEXT, argument_first="1.38"),
    OperatorRule("UPSTREAM_LOCAL_PORT"),
    OperatorRule("UPSTREAM_REMOTE_ADDRESS"),
    OperatorRule("UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", OPTIONAL_TEXT, argument_first="1.38"),
    OperatorRule("UPSTREAM_REMOTE_PORT"),
    OperatorRule("DOWNSTREAM_REMOTE_ADDRESS"),
    OperatorRule("DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", OPTIONAL_TEXT, argument_first="1.38"),
    OperatorRule("DOWNSTREAM_REMOTE_PORT"),
    OperatorRule("DOWNSTREAM_DIRECT_REMOTE_ADDRESS"),
    OperatorRule("DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", OPTIONAL_TEXT, argument_first="1.38"),
    OperatorRule("DOWNSTREAM_DIRECT_REMOTE_PORT"),
    OperatorRule("DOWNSTREAM_LOCAL_ADDRESS"),
    OperatorRule("DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", OPTIONAL_TEXT, argument_first="1.38"),
    OperatorRule("DOWNSTREAM_LOCAL_PORT"),
    OperatorRule("DOWNSTREAM_DIRECT_LOCAL_ADDRESS"),
    OperatorRule("DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT", OPTIONAL_TEXT, argument_first="1.38"),
    OperatorRule("DOWNSTREAM_DIRECT_LOCAL_PORT"),
    OperatorRule("UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID"),
    OperatorRule("DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID"),
    OperatorRule("DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID"),
    # ids
    OperatorRule("TRACE_ID"),
    OperatorRule("SPAN_ID", first="1.38"),
    OperatorRule("STREAM_ID"),
    OperatorRule("CONNECTION_ID"),
    OperatorRule("UPSTREAM_CONNECTION_ID"),
    OperatorRule("UNIQUE_ID"),
    # TLS of the downstream connection
    OperatorRule("REQUESTED_SERVER_NAME", SERVER_NAME),
    OperatorRule("DOWNSTREAM_LOCAL_IP_SAN"),
    OperatorRule("DOWNSTREAM_LOCAL_DNS_SAN"),
    OperatorRule("DOWNSTREAM_LOCAL_URI_SAN"),
    OperatorRule("DOWNSTREAM_LOCAL_EMAIL_SAN"),
    OperatorRule("DOWNSTREAM_LOCAL_OTHERNAME_SAN"),
    OperatorRule("DOWNSTREAM_PEER_IP_SAN"),
    OperatorRule("DOWNSTREAM_PEER_DNS_SAN"),
    OperatorRule("DOWNSTREAM_PEER_URI_SAN"),
    OperatorRule("DOWNSTREAM_PEER_EMAIL_SAN"),
    OperatorRule("DOWNSTREAM_PEER_OTHERNAME_SAN"),
    OperatorRule("DOWNSTREAM_LOCAL_SUBJECT"),
    OperatorRule("DOWNSTREAM_PEER_SUBJECT"),
    OperatorRule("DOWNSTREAM_PEER_ISSUER"),
    OperatorRule("DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256", first="1.38"),
    OperatorRule("DOWNSTREAM_PEER_ISSUER_SERIAL", first="1.38"),
    OperatorRule("DOWNSTREAM_PEER_SERIAL"),
    OperatorRule("DOWNSTREAM_PEER_FINGERPRINT_256"),
    OperatorRule("DOWNSTREAM_PEER_FINGERPRINT_1"),
    OperatorRule("DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256"),
    OperatorRule("DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1"),
    OperatorRule("DOWNSTREAM_PEER_CHAIN_SERIALS"),
    OperatorRule("DOWNSTREAM_PEER_CERT"),
    OperatorRule("DOWNSTREAM_PEER_CERT_V_START", TIME),
    OperatorRule("DOWNSTREAM_PEER_CERT_V_END", TIME),
    OperatorRule("DOWNSTREAM_TLS_SESSION_ID"),
    OperatorRule("DOWNSTREAM_TLS_CIPHER"),
    OperatorRule("DOWNSTREAM_TLS_VERSION"),
    OperatorRule("DOWNSTREAM_TLS_GROUP", first="1.39"),
    OperatorRule("TLS_JA3_FINGERPRINT"),
    OperatorRule("TLS_JA4_FINGERPRINT"),
    OperatorRule("XFCC_VALUE", XFCC, length=True),
    # TLS of the upstream connection
    OperatorRule("UPSTREAM_SERVER_NAME", first="1.39"),
    OperatorRule("UPSTREAM_LOCAL_IP_SAN"),
    OperatorRule("UPSTREAM_LOCAL_DNS_SAN"),
    OperatorRule("UPSTREAM_LOCAL_URI_SAN"),
    OperatorRule("UPSTREAM_PEER_IP_SAN"),
    OperatorRule("UPSTREAM_PEER_DNS_SAN"),
    OperatorRule("UPSTREAM_PEER_URI_SAN"),
    OperatorRule("UPSTREAM_PEER_SUBJECT"),
    OperatorRule("UPSTREAM_PEER_ISSUER"),
    OperatorRule("UPSTREAM_PEER_CERT"),
    OperatorRule("UPSTREAM_PEER_CERT_V_START", TIME),
    OperatorRule("UPSTREAM_PEER_CERT_V_END", TIME),
    OperatorRule("UPSTREAM_TLS_SESSION_ID"),
    OperatorRule("UPSTREAM_TLS_CIPHER"),
    OperatorRule("UPSTREAM_TLS_VERSION"),
    OperatorRule("UPSTREAM_TLS_GROUP", first="1.39"),
    # metadata, state and the proxy itself
    OperatorRule("DYNAMIC_METADATA", KEYS, length=True),
    OperatorRule("CLUSTER_METADATA", KEYS),
    OperatorRule("UPSTREAM_METADATA", KEYS),
    OperatorRule("METADATA", METADATA, length=True),
    OperatorRule("FILTER_STATE", FILTER_STATE, length=True),
    OperatorRule("UPSTREAM_FILTER_STATE", FILTER_STATE, length=True),
    OperatorRule("CEL", CEL, length=True),
    OperatorRule("TYPED_CEL", CEL, length=True),
    OperatorRule("ENVIRONMENT", TEXT, length=True),
    OperatorRule("HOSTNAME"),
    OperatorRule("FILTER_CHAIN_NAME"),
    OperatorRule("ACCESS_LOG_TYPE"),
    OperatorRule("CUSTOM_FLAGS"),
)

OPERATORS = {rule.name: rule for rule in _TABLE}
"""Operator name -> its rule."""

UNWIRED = {"FILE_CONTENT": "envoy.formatter.file_content", "SECRET": "envoy.formatter.generic_secret"}
"""Operators that only a formatter extension brings -> the extension. Of all of them Istio configures one, that of
REQ_WITHOUT_QUERY, whenever a format has it (istio `pilot/pkg/model/telemetry_logging.go`); METADATA and CEL are built in."""
