"""Envoy's verdicts as measured with `envoy --mode validate` of 1.37.0, 1.38.3 and 1.39.3, operator by operator."""

import pytest

from labspec.envoy.format import check
from labspec.envoy.operators import _TABLE, OPERATORS, UNWIRED, OperatorRule
from labspec.envoy.usage import complaints_of
from labspec.envoy.versions import ENVOY_RELEASES, ISTIO_VERSIONS

TAKEN = """
REQ(X-A)  REQ(X-A?:b):5  REQ(?b)  REQ(a?)  REQ(?)  REQ(X_Y)  REQ(x.y)  REQ(x%y)  REQ(x!#$&'*+-.^_`|~y)  REQ(x):0
REQ(x):18446744073709551615  RESP(x):3  TRAILER(x)  REQUEST_HEADER(x)  RESPONSE_HEADER(x)  RESPONSE_TRAILER(x)
STREAM_INFO_REQ(x)  REQ_WITHOUT_QUERY(:path):3  REQ_WITHOUT_QUERY  REQ_WITHOUT_QUERY:3
START_TIME()  START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)  START_TIME(%s)  START_TIME(%)  START_TIME(%Q)  START_TIME(%10n)
EMIT_TIME(%E*S)  DOWNSTREAM_PEER_CERT_V_START(%Y)  UPSTREAM_PEER_CERT_V_END
COMMON_DURATION(DS_RX_BEG:DS_TX_END)  COMMON_DURATION(a:b:ns)  COMMON_DURATION(:)  COMMON_DURATION(a::ms)
DYNAMIC_METADATA(a:b:c):3  DYNAMIC_METADATA(:)  CLUSTER_METADATA(a)  UPSTREAM_METADATA(["a","b"])
METADATA(ROUTE)  METADATA(ROUTE:a:b):3  METADATA(LISTENER_FILTER_CHAIN:a)  METADATA(VIRTUAL_HOST:a)
FILTER_STATE(a):3  FILTER_STATE(a:PLAIN)  FILTER_STATE(a:FIELD:x:y)  FILTER_STATE(a:PLAIN:)  FILTER_STATE(a::)
UPSTREAM_FILTER_STATE(a:TYPED)  CEL(request.path)  TYPED_CEL(request.headers):3  CEL(size(request.path))
GRPC_STATUS  GRPC_STATUS()  GRPC_STATUS(SNAKE_STRING)  GRPC_STATUS_NUMBER  ENVIRONMENT(HOME):3  QUERY_PARAM(a):3
PATH  PATH:3  PATH(WQ)  PATH(NQ:ORIG_OR_PATH):5  PATH(:ORIG)  PATH(:)  PATH(WQ:ORIG:x)
RESPONSE_CODE()  RESPONSE_CODE_DETAILS(x)  RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)
REQUESTED_SERVER_NAME()  REQUESTED_SERVER_NAME(SNI_ONLY)  REQUESTED_SERVER_NAME(HOST_FIRST:ORIG_OR_HOST)
XFCC_VALUE(uri)  XFCC_VALUE(URI):3  XFCC_VALUE(By)  HOSTNAME()  TRACE_ID
COALESCE({"operators":["REQUESTED_SERVER_NAME"]})  COALESCE({"operators":[{"command":"REQ","param":"a"}]}):7
COALESCE({"operators":["NOPE"],"operators":["START_TIME"]})  COALESCE({"operators":["START_TIME"],"x":[]})
COALESCE({"operators":[{"command":"COALESCE","param":"{\\"operators\\":[\\"START_TIME\\"]}"}]})
"""

REFUSED = """
REQ  REQ()  REQ:5  REQ(a?b?c)  REQ(a??)  REQ(:)  REQ(::path)  REQ(a:b)  REQ(x/y)  REQ(x"y)  REQ(é)  REQ(x(y))  REQ(x)y)
RESP  TRAILER()  STREAM_INFO_REQ:3  REQ_WITHOUT_QUERY(a?b?c)  REQ_WITHOUT_QUERY(a:b)
START_TIME:3  START_TIME(%n)  START_TIME(%-n)  START_TIME(%5n)  START_TIME(%En)  START_TIME(%%n)  EMIT_TIME_LOCAL(%n)
DOWNSTREAM_PEER_CERT_V_START(%n)  DOWNSTREAM_PEER_CERT_V_START:3
COMMON_DURATION  COMMON_DURATION(a)  COMMON_DURATION(a:b:s)  COMMON_DURATION(a:b:)  COMMON_DURATION(a:b:ms:c)
COMMON_DURATION(a:b):3  DYNAMIC_METADATA  CLUSTER_METADATA(a):3  UPSTREAM_METADATA(a):3  UPSTREAM_METADATA()
METADATA  METADATA(:a)  METADATA(route:a)  METADATA(FILTER_CHAIN:a)  METADATA(LOCALITY:a)
FILTER_STATE  FILTER_STATE(:PLAIN)  FILTER_STATE(a:plain)  FILTER_STATE(a:FIELD)  FILTER_STATE(a:FIELD::x)
FILTER_STATE(a::x)  UPSTREAM_FILTER_STATE(a:TYPED:x)  CEL  CEL()  TYPED_CEL:3
GRPC_STATUS(number)  GRPC_STATUS(x)  GRPC_STATUS:3  GRPC_STATUS_NUMBER(x)  ENVIRONMENT  QUERY_PARAM:3
PATH(wq)  PATH(ORIG)  PATH(NQ:x)  RESPONSE_CODE(x)  RESPONSE_CODE():0  RESPONSE_CODE_DETAILS:3
REQUESTED_SERVER_NAME(x)  REQUESTED_SERVER_NAME:3  REQUESTED_SERVER_NAME(HOST_FIRST:x)  TRACE_ID(x)  TRACE_ID:3
XFCC_VALUE  XFCC_VALUE(x)  XFCC_VALUE(uri:x)  DURATION(x)  HOSTNAME:3  SECRET(x)  FILE_CONTENT(x)  NOPE  _  REQUEST_TRAILER(x)
COALESCE  COALESCE(x)  COALESCE(1)  COALESCE("x")  COALESCE(null)  COALESCE([])  COALESCE({})  COALESCE(NaN)
COALESCE({"operators":[]})  COALESCE({"operators":{}})  COALESCE({"operators":[1]})  COALESCE({"operators":[null]})
COALESCE({"operators":["NOPE"]})  COALESCE({"operators":["REQ"]})  COALESCE({"operators":[""]})
COALESCE({"operators":[{}]})  COALESCE({"operators":[{"command":1}]})  COALESCE({"operators":["REQ(x)"]})
COALESCE({"operators":[{"command":"REQ","param":1}]})  COALESCE({"operators":[{"command":"REQ","param":""}]})
COALESCE({"operators":[{"command":"REQ","param":"a","max_length":0}]})
COALESCE({"operators":[{"command":"REQ","param":"a","max_length":1.5}]})
COALESCE({"operators":[{"command":"REQ","param":"a","max_length":true}]})
COALESCE({"operators":[{"command":"REQ","param":"a","max_length":9223372036854775808}]})
COALESCE({"operators":[{"command":"DURATION","max_length":5}]})
COALESCE({"operators":[{"command":"REQ_WITHOUT_QUERY","param":"a"}]})
"""

SINCE_1_38 = """
SPAN_ID  QUERY_PARAMS  QUERY_PARAMS(ORIG)  QUERY_PARAMS(DECODED):5  DOWNSTREAM_LOCAL_CLOSE_REASON
UPSTREAM_LOCAL_CLOSE_REASON  DOWNSTREAM_DETECTED_CLOSE_TYPE  UPSTREAM_HOSTS_ATTEMPTED
UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT  UPSTREAM_CONNECTION_IDS_ATTEMPTED  DOWNSTREAM_PEER_ISSUER_SERIAL
DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(24)  UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT(x)  COALESCE({"operators":["SPAN_ID"]})
"""

SINCE_1_39 = "DOWNSTREAM_TLS_GROUP  UPSTREAM_TLS_GROUP()  UPSTREAM_SERVER_NAME"


def takers(operator: str) -> list[str]:
    """The Envoy minors that take it."""
    return [envoy for istio, envoy in ISTIO_VERSIONS.items() if not check(f"%{operator}%", istio)]


@pytest.mark.parametrize("operator", TAKEN.split())
def test_every_envoy_takes(operator: str) -> None:
    assert takers(operator) == ["1.37", "1.38", "1.39"]


@pytest.mark.parametrize("operator", REFUSED.split())
def test_every_envoy_refuses(operator: str) -> None:
    assert takers(operator) == []


@pytest.mark.parametrize("operator", SINCE_1_38.split())
def test_newer_from_1_38(operator: str) -> None:
    assert takers(operator) == ["1.38", "1.39"]


@pytest.mark.parametrize("operator", SINCE_1_39.split())
def test_newer_from_1_39(operator: str) -> None:
    assert takers(operator) == ["1.39"]


def test_an_argument_with_spaces_reaches_the_rules() -> None:
    assert takers("CEL( )") == []
    assert takers("REQ( x)") == []
    assert takers("ENVIRONMENT( )") == ["1.37", "1.38", "1.39"]


@pytest.mark.parametrize("rule", OPERATORS.values(), ids=lambda rule: rule.name)
def test_rules_hold_together(rule: OperatorRule) -> None:
    assert {rule.first, rule.last, rule.argument_first} <= set(ENVOY_RELEASES)
    assert rule.name not in UNWIRED
    assert not list(complaints_of(rule.name, rule.argument.example, None, rule.last)), "the example is no good"


def test_the_table_has_each_operator_once() -> None:
    assert list(OPERATORS) == [rule.name for rule in _TABLE]
