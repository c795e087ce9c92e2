"""The sed expressions that read ids out of access log lines."""

import subprocess

import pytest

from labspec.artifacts._logline import id_expression
from labspec.plan import Plan
from tests.conftest import plan_of


def _plan(text: str) -> Plan:
    quoted = "'" + text.replace("'", "''") + "'"
    return plan_of(f"""\
apiVersion: labspec/v1
name: demo
istio: {{version: "1.30", api: meshConfig}}
propagation: {{format: b3}}
logs: {{format: {quoted}}}
services:
  web: {{kind: curl, calls: [api]}}
  api: {{kind: http-echo}}
""")


S, T = "feedfeedfeedfeed", "0123456789abcdef"


@pytest.mark.parametrize("trace", [T, T * 2, "-"])
@pytest.mark.parametrize(
    ("text", "line", "span"),
    [
        ("a traceID=${trace_id} spanID=${span_id} b", "a traceID=TT spanID=SS b", True),
        ("%TRACE_ID%", "TT", False),
        ('"%TRACE_ID%" "%REQ(x-b3-spanid?foo):20%"', '"TT" "SS"', True),
        ("[%START_TIME%] %RESPONSE_CODE% ${trace_id} ${span_id}", "[2026] 200 TT SS", True),
        ('{"a/b":"%TRACE_ID%","s":"%REQUEST_HEADER(X-B3-SPANID)%"}', '{"a/b":"TT","s":"SS"}', True),
        ("it's `x` $(id) \\1 & %TRACE_ID% $1 [a]*.%%", "it's `x` $(id) \\1 & TT $1 [a]*.%", False),
        ("%BYTES_SENT%^%TRACE_ID%\\%PROTOCOL%", "12^TT\\HTTP/1.1", False),
        ("trace=${trace_id} span=${span_id} trace=", "trace=TT span=SS trace=", True),
    ],
)
def test_ids_are_read_out_of_any_format(text: str, line: str, span: bool, trace: str) -> None:
    plan = _plan(text)
    shown = S if trace != "-" else "-"
    line = line.replace("TT", trace).replace("SS", shown)
    for symbol, expected in (("trace_id", trace), ("span_id", shown if span else None)):
        expression = id_expression(plan, symbol)
        if expected is None:
            assert expression is None
        else:
            assert expression is not None
            done = subprocess.run(
                ["sed", "-nE", expression], input=f"{line}\nnoise\n", capture_output=True, text=True, check=True
            )
            assert done.stdout == f"{expected}\n"


@pytest.mark.parametrize(
    "text",
    [
        "%REQ(X-B3-TRACEID):16%",
        "%REQ(TRACEPARENT)%",
        "%REQ(FOO?X-B3-TRACEID)%",
        "traceID=",
        "%TRACE_ID%%PROTOCOL%",
        "%PROTOCOL%%TRACE_ID%",
    ],
)
def test_a_part_of_an_id_is_no_id(text: str) -> None:
    assert id_expression(_plan(text), "trace_id") is None
