"""The predicted line of each sidecar's access log, and what it says of it."""

import json

import pytest

from labspec.predict.values import Line, Request
from tests.conftest import plan_of

# What Envoy wrote for Istio's own JSON format, in this order, on 1.37.0, 1.38.3 and 1.39.3; no key holds a trace id.
ISTIO_KEYS = [
    "authority", "bytes_received", "bytes_sent", "connection_termination_details", "downstream_local_address",
    "downstream_remote_address", "duration", "method", "path", "protocol", "request_id", "requested_server_name",
    "response_code", "response_code_details", "response_flags", "route_name", "start_time", "upstream_cluster",
    "upstream_host", "upstream_local_address", "upstream_service_time", "upstream_transport_failure_reason", "user_agent",
    "x_forwarded_for",
]  # fmt: skip
TWO = "services: {a: {kind: curl, calls: [b]%s}, b: {kind: http-echo%s}}\n"


def request(text: str) -> Request:
    (found,) = plan_of(f"apiVersion: labspec/v1\nname: lab\n{text}").prediction.requests
    return found


def lines(text: str) -> tuple[Line, ...]:
    return tuple(line for hop in request(text).hops for line in hop.lines)


def test_istio_json() -> None:
    for line in lines(f"logs: {{format: istio-json}}\n{TWO % ('', '')}"):
        assert list(json.loads(line.text)) == ISTIO_KEYS


def test_json_is_written_as_envoy_writes_it() -> None:
    form = "{b: 'x %RESPONSE_CODE%', a: '%RESPONSE_CODE%', c: '%REQ(NOPE)%', d: 'y %REQ(NOPE)%', flags: '%RESPONSE_FLAGS%', Z: '%PROTOCOL%'}"
    (line, _) = lines(f"logs: {{format: {form}}}\n{TWO % ('', '')}")
    assert line.text == '{"Z":"HTTP/1.1","a":200,"b":"x 200","c":null,"d":"y -","flags":"-"}'


@pytest.mark.parametrize("form", ["b3", "w3c", "b3+w3c"])
def test_ids_are_those_of_the_spans(form: str) -> None:
    found = request(
        f"propagation: {{format: {form}}}\nlogs: {{format: '${{trace_id}} ${{span_id}}'}}\n{TWO % ('', '')}"
    )
    (hop,) = found.hops
    assert [line.text for line in hop.lines] == [f"{span.trace_id} {span.span_id}" for span in hop.spans]
    assert not any(line.notes for line in hop.lines)


def test_zipkin_names_a_root_span_after_its_trace() -> None:
    (client, server) = request(f"propagation: {{format: b3}}\n{TWO % ('', '')}").spans
    assert client.span_id == client.trace_id[16:] != server.span_id


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        # The app's B3 ids under W3C: the log shows ids that no trace has.
        ("logs: {format: '%REQ(X-B3-TRACEID)%'}\n" + TWO % (", tracer: {format: b3}", ""), ["misleading", "misleading"]),
        ("logs: {format: '%REQ(X-B3-TRACEID)%'}\n" + TWO % ("", ""), ["empty", "empty"]),
        ("logs: {format: '%REQ(TRACEPARENT)%'}\n" + TWO % ("", ""), []),
        ("logs: {format: '%TRACE_ID% %SPAN_ID%'}\n" + TWO % ("", ""), []),
        ("propagation: {format: b3}\nlogs: {format: '%SPAN_ID%'}\n" + TWO % ("", ""), ["empty", "empty"]),
        ("propagation: {format: b3}\nlogs: {format: '${parent_id}'}\n" + TWO % ("", ""), ["empty"]),
        ("propagation: {format: b3}\nlogs: {format: '${trace_id} ${span_id}'}\n" + TWO % (", tracer: {}", ""), []),
        # No tracer: the client's ids go through.
        ("collector: {kind: none}\npropagation: {format: b3}\nlogs: {format: '${trace_id}'}\n" + TWO % (", tracer: {}", ""), ["misleading", "misleading"]),
        ("collector: {kind: none}\nlogs: {format: '%TRACE_ID%'}\n" + TWO % ("", ""), ["empty", "empty"]),
        # A part of an id.
        ("propagation: {format: b3}\nlogs: {format: '%REQ(X-B3-TRACEID):8% %REQ(X-B3-SPANID):4%'}\n" + TWO % ("", ""), []),
        ("logs: {format: '%REQ(X-B3-TRACEID):8%'}\n" + TWO % (", tracer: {format: b3}", ""), ["misleading", "misleading"]),
        # What only apps write.
        ("logs: {format: '%REQ(B3)%'}\n" + TWO % (", tracer: {format: b3-single}", ""), ["misleading", "misleading"]),
        ("logs: {format: '%REQ(UBER-TRACE-ID)%'}\n" + TWO % (", tracer: {format: jaeger}", ""), ["misleading", "misleading"]),
        ("logs: {format: '%REQ(UBER-TRACE-ID)%'}\n" + TWO % ("", ""), ["empty", "empty"]),
        ("propagation: {format: b3}\nlogs: {format: '${trace_id} ${span_id}'}\n" + TWO % (", tracer: {format: b3-single}", ""), []),
        # A sidecar that answers itself has written no headers: it logs what came.
        ("propagation: {format: b3}\nlogs: {format: '${trace_id} ${span_id}'}\n" + TWO % ("", ", replicas: 0"), ["empty", "empty"]),
        ("propagation: {format: b3}\nlogs: {format: '${trace_id} ${span_id}'}\n" + TWO % (", tracer: {}", ", replicas: 0"), ["misleading"]),
        ("logs: {format: '${trace_id}'}\n" + TWO % ("", ", replicas: 0"), []),
    ],
)  # fmt: skip
def test_notes(text: str, notes: list[str]) -> None:
    assert [note.kind for line in lines(text) for note in line.notes] == notes


def test_a_header_that_the_sidecars_read_and_do_not_write() -> None:
    log = "propagation: {format: b3}\nlogs: {format: '%REQ(B3)%'}\n"
    found = [note.reason for line in lines(log + TWO % (", tracer: {format: b3-single}", "")) for note in line.notes]
    assert found == ["it is the id that came with the request, not that of the sidecar's span"] * 2


def test_no_pod() -> None:
    (line,) = lines(
        f"logs: {{format: '%RESPONSE_CODE% %RESPONSE_FLAGS% %UPSTREAM_HOST%'}}\n{TWO % ('', ', replicas: 0')}"
    )
    assert line.text == "503 UH -"
