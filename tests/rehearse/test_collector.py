"""What the collector of a rehearsal makes of the spans that it is sent."""

import json

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from labspec.observe.values import SeenSpan
from labspec.rehearse.collector import GRPC_PATH, HTTP_PATH, ZIPKIN_PATH, Collector, as_zipkin, zipkin_spans

TRACE, ROOT, CHILD = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "53cb9f0c747ea2ea"
SPANS = (
    SeenSpan("7.x", "shop.lab", "CLIENT", "orders:80/*", TRACE, ROOT, "", 1700000000.25, 0.0125, {"labspec.way": "7.x", "a": '"é'}, "zipkin"),
    SeenSpan("", "orders.lab", "SERVER", "", TRACE[16:], CHILD, ROOT, 1700000000.5, 0.002, {}, "zipkin"),
)  # fmt: skip


def exported() -> bytes:
    """One trace as an OTLP message."""
    root = Span(
        trace_id=bytes.fromhex(TRACE),
        span_id=bytes.fromhex(ROOT),
        name="orders:80/*",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=1_700_000_000_250_000_000,
        end_time_unix_nano=1_700_000_000_262_500_000,
        attributes=[
            KeyValue(key="labspec.way", value=AnyValue(string_value="7.x")),
            KeyValue(key="http.status_code", value=AnyValue(int_value=200)),
            KeyValue(key="error", value=AnyValue(bool_value=True)),
            KeyValue(key="ratio", value=AnyValue(double_value=0.5)),
            KeyValue(key="none"),
        ],
    )
    child = Span(
        trace_id=bytes.fromhex(TRACE),
        span_id=bytes.fromhex(CHILD),
        parent_span_id=bytes.fromhex(ROOT),
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=2_000_000_000,
        end_time_unix_nano=1_000_000_000,
    )
    shop = Resource(attributes=[KeyValue(key="service.name", value=AnyValue(string_value="shop.lab"))])
    first = ResourceSpans(resource=shop, scope_spans=[ScopeSpans(spans=[root]), ScopeSpans()])
    message = ExportTraceServiceRequest(resource_spans=[first, ResourceSpans(scope_spans=[ScopeSpans(spans=[child])])])
    return message.SerializeToString()


def test_zipkin() -> None:
    collector = Collector()
    body = [
        {
            "traceId": TRACE,
            "id": ROOT,
            "name": "orders:80/*",
            "kind": "CLIENT",
            "timestamp": 1700000000250000,
            "duration": 12500,
            "localEndpoint": {"serviceName": "shop.lab", "ipv4": "10.0.0.1"},
            "tags": {"labspec.way": "7.x", "a": '"é'},
        },
        {
            "traceId": TRACE[16:],
            "id": CHILD,
            "parentId": ROOT,
            "kind": "SERVER",
            "timestamp": 1700000000500000,
            "duration": 2000,
            "localEndpoint": {"serviceName": "orders.lab"},
            "tags": None,
        },
    ]
    assert collector.take(ZIPKIN_PATH, json.dumps(body).encode()) == 202
    assert collector.spans == list(SPANS)
    assert collector.take(ZIPKIN_PATH, b"[]") == 202
    assert (len(collector.spans), collector.refused) == (2, [])


@pytest.mark.parametrize(("path", "protocol"), [(HTTP_PATH, "otlp-http"), (GRPC_PATH, "otlp-grpc")])
def test_otlp(path: str, protocol: str) -> None:
    collector = Collector()
    assert collector.take(path, exported()) == 200
    # A float of a second's size holds no nanoseconds.
    root, child = (span._replace(started=round(span.started, 3)) for span in collector.spans)
    tags = {"labspec.way": "7.x", "http.status_code": "200", "error": "true", "ratio": "0.5", "none": ""}
    assert root == SPANS[0]._replace(tags=tags, protocol=protocol)
    assert child == SeenSpan("", "", "SERVER", "", TRACE, CHILD, ROOT, 2.0, 0.0, {}, protocol)


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        (ZIPKIN_PATH, b"", "JSONDecodeError"),
        (ZIPKIN_PATH, b"\xff", "UnicodeDecodeError"),
        (ZIPKIN_PATH, b"{}x", "JSONDecodeError"),
        (ZIPKIN_PATH, b"[1]", "AttributeError"),
        (ZIPKIN_PATH, b"1", "TypeError"),
        (ZIPKIN_PATH, b"[{}]", "KeyError"),
        (ZIPKIN_PATH, b'[{"id": "1", "traceId": "2", "localEndpoint": {}}]', "KeyError"),
        (ZIPKIN_PATH, b'[{"id": "1", "traceId": "2", "localEndpoint": {"serviceName": "a"}, "timestamp": "x"}]', "TypeError"),
        (HTTP_PATH, b"no protobuf", "ValueError"),
        (GRPC_PATH, b"\x00\x00\x00\x00\x05hello", "ValueError"),
    ],
)  # fmt: skip
def test_garbage_is_refused_and_noted(path: str, body: bytes, reason: str) -> None:
    collector = Collector()
    assert collector.take(path, body) == 400
    ((noted),) = collector.refused
    assert noted.startswith(f"{path}: {reason}(")
    assert collector.spans == []


def test_a_list_with_one_bad_span_is_refused_as_a_whole() -> None:
    collector = Collector()
    good = json.loads(as_zipkin(SPANS))
    assert collector.take(ZIPKIN_PATH, json.dumps([*good, {}]).encode()) == 400
    assert collector.spans == []


def test_another_path() -> None:
    collector = Collector()
    assert collector.take("/api/v1/spans", b"[]") == 404
    assert collector.refused == ["/api/v1/spans: no such path"]


def test_spans_written_as_zipkin_come_back() -> None:
    assert zipkin_spans(as_zipkin(SPANS).encode()) == list(SPANS)
    assert as_zipkin([]) == "[]\n"


def test_zipkin_takes_no_span_without_a_duration_and_no_kind_of_its_own() -> None:
    app = SPANS[1]._replace(kind="INTERNAL", duration=0.0, protocol="app")
    (found,) = json.loads(as_zipkin([app]))
    assert found["duration"] == 1
    assert "kind" not in found
    assert "parentId" not in json.loads(as_zipkin(SPANS))[0]
