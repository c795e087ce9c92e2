"""The collector of a rehearsal: takes spans by Zipkin's protocol and by OTLP, and keeps them.

Zipkin: https://zipkin.io/zipkin-api/ (v2 JSON). OTLP: https://opentelemetry.io/docs/specs/otlp/. By gRPC the bridge posts the message.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from labspec.observe.values import TAG, SeenSpan

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import KeyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

ZIPKIN_PATH = "/api/v2/spans"
HTTP_PATH = "/v1/traces"
GRPC_PATH = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

_KINDS = {1: "INTERNAL", 2: "SERVER", 3: "CLIENT", 4: "PRODUCER", 5: "CONSUMER"}
"""Of OTLP."""


class Collector:
    """Keeps what it was sent."""

    def __init__(self) -> None:
        self.spans: list[SeenSpan] = []
        self.refused: list[str] = []
        """What was no spans: the path and the reason."""

    def take(self, path: str, body: bytes) -> int:
        """Takes one request; gives the HTTP status of the answer."""
        readers = {ZIPKIN_PATH: zipkin_spans, HTTP_PATH: otlp_http_spans, GRPC_PATH: otlp_grpc_spans}
        reader = readers.get(path)
        if reader is None:
            self.refused.append(f"{path}: no such path")
            return 404
        try:
            self.spans += reader(body)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.refused.append(f"{path}: {error!r}")
            return 400
        return 202 if path == ZIPKIN_PATH else 200


def zipkin_spans(body: bytes) -> list[SeenSpan]:
    """The spans of a Zipkin v2 JSON list; raises ValueError, KeyError or TypeError for anything else."""
    return [
        SeenSpan(
            way=(found.get("tags") or {}).get(TAG, ""),
            service=found["localEndpoint"]["serviceName"],
            kind=found.get("kind", ""),
            name=found.get("name", ""),
            trace_id=found["traceId"],
            span_id=found["id"],
            parent_id=found.get("parentId", ""),
            started=found.get("timestamp", 0) / 1e6,
            duration=found.get("duration", 0) / 1e6,
            tags=dict(found.get("tags") or {}),
            protocol="zipkin",
        )
        for found in json.loads(body)
    ]


def otlp_http_spans(body: bytes) -> list[SeenSpan]:
    """The spans of an ExportTraceServiceRequest in protobuf; raises ValueError for anything else."""
    return list(_otlp_spans(body, "otlp-http"))


def otlp_grpc_spans(body: bytes) -> list[SeenSpan]:
    """The same, as the bridge posts it: without gRPC's frame."""
    return list(_otlp_spans(body, "otlp-grpc"))


def _otlp_spans(body: bytes, protocol: str) -> Iterator[SeenSpan]:
    # protobuf is slow to import, and half of the labs speak Zipkin's protocol.
    from google.protobuf.message import DecodeError  # noqa: PLC0415
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest  # noqa: PLC0415

    message = ExportTraceServiceRequest()
    try:
        message.ParseFromString(body)
    except DecodeError as error:
        raise ValueError(str(error)) from None
    for resource in message.resource_spans:
        service = _tags(resource.resource.attributes).get("service.name", "")
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield _span(span, service, protocol)


def _span(span: "Span", service: str, protocol: str) -> SeenSpan:
    tags = _tags(span.attributes)
    return SeenSpan(
        way=tags.get(TAG, ""),
        service=service,
        kind=_KINDS.get(span.kind, ""),
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        started=span.start_time_unix_nano / 1e9,
        duration=max(0, span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
        tags=tags,
        protocol=protocol,
    )


def _tags(attributes: "Iterable[KeyValue]") -> dict[str, str]:
    return {attribute.key: _value(attribute.value) for attribute in attributes}


def _value(value: Any) -> str:  # noqa: ANN401  # protobuf's AnyValue
    kind = value.WhichOneof("value")
    found = getattr(value, kind) if kind else ""
    return str(found).lower() if isinstance(found, bool) else str(found)


def as_zipkin(spans: Iterable[SeenSpan]) -> str:
    """The spans as Zipkin v2 JSON, which the pages of Zipkin and Jaeger open."""
    return json.dumps([_as_zipkin(span) for span in spans], indent=1, ensure_ascii=False) + "\n"


def _as_zipkin(span: SeenSpan) -> Mapping[str, Any]:
    return {
        "traceId": span.trace_id,
        "id": span.span_id,
        **({"parentId": span.parent_id} if span.parent_id else {}),
        **({"kind": span.kind} if span.kind in {"CLIENT", "SERVER", "PRODUCER", "CONSUMER"} else {}),
        "name": span.name,
        "timestamp": round(span.started * 1e6),
        # Zipkin takes no duration of zero.
        "duration": max(1, round(span.duration * 1e6)),
        "localEndpoint": {"serviceName": span.service},
        "tags": dict(span.tags),
    }
