"""The sed expressions that read ids out of access log lines."""

import json
import subprocess
from shutil import which

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labspec.artifacts._logline import Reader, id_expression, nothing
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
        "%REQ(FOO?X-B3-TRACEID)%",
        "traceID=",
        "%TRACE_ID%%PROTOCOL%",
        "%PROTOCOL%%TRACE_ID%",
    ],
)
def test_a_part_of_an_id_is_no_id(text: str) -> None:
    assert id_expression(_plan(text), "trace_id") is None


def _lab(form: str, version: str, log: str) -> Plan:
    return plan_of(f"""\
apiVersion: labspec/v1
name: demo
istio: {{version: "{version}"}}
propagation: {{format: {form}}}
logs: {{format: {log}}}
services:
  web: {{kind: curl, calls: [api]}}
  api: {{kind: http-echo}}
""")


def _read(expression: str, line: str, *sed: str) -> str:
    command = [*(sed or ("sed",)), "-nE", expression]
    return subprocess.run(command, input=line + "\n", capture_output=True, text=True, check=True).stdout.strip()


_FORMS = [(form, version) for form in ("b3", "w3c", "b3+w3c") for version in ("1.29", "1.30", "1.31")]
_TWO = """{a: "x %PROTOCOL% %TRACE_ID% \\"%PROTOCOL%", "b\\"]/": "%REQ(TRACEPARENT)%"}"""


@pytest.mark.parametrize(("form", "version"), _FORMS)
@pytest.mark.parametrize("log", ["traced", "traced-json", "'%REQ(TRACEPARENT)%'", _TWO])
def test_the_predicted_lines_have_the_ids_of_the_predicted_spans(form: str, version: str, log: str) -> None:
    plan = _lab(form, version, log)
    for hop in plan.prediction.requests[0].hops:
        for line, span in zip(hop.lines, (hop.client, hop.server), strict=True):
            assert span is not None
            for symbol, expected in (("trace_id", span.trace_id), ("span_id", span.span_id)):
                expression = id_expression(plan, symbol)
                if expression is None:
                    assert form == "b3" or "TRACEPARENT" not in log
                    continue
                assert Reader(plan, symbol).id(line.text) == expected
                assert _read(expression, line.text) == expected
                if which("busybox"):
                    assert _read(expression, line.text, "busybox", "sed") == expected


def test_null_is_what_json_shows_instead() -> None:
    plan = _lab("b3", "1.30", "traced-json")
    expression = id_expression(plan, "trace_id") or ""
    assert (nothing(plan), nothing(_lab("b3", "1.30", "traced"))) == ("null", "-")
    assert _read(expression, '{"a":"x","traceID":null}') == "null"
    assert _read(expression, '{"a":"\\"traceID\\":\\"' + T + '\\"","traceID":"' + S + '"}') == S


_OPERATORS = ["%PROTOCOL%", "%RESPONSE_CODE%", "%REQ(:METHOD)%", "%START_TIME%", "%UPSTREAM_HOST%", "%DURATION%"]
_TEXTS = [" ", "] [", " x=", "|", "a ", '"', "\\", "^", " / ", "$(id)", "é ", "{*"]
_IDS = {"b3": "%REQ(X-B3-TRACEID)%", "w3c": "%TRACE_ID%", "b3+w3c": "%REQ(TRACEPARENT)%"}


@settings(max_examples=60)
@given(
    st.sampled_from(sorted(_IDS)),
    st.booleans(),
    *(st.lists(st.tuples(st.sampled_from(_OPERATORS), st.sampled_from(_TEXTS)), max_size=3) for _ in range(2)),
)
def test_the_id_is_found_in_any_format(
    form: str, is_json: bool, before: list[tuple[str, str]], after: list[tuple[str, str]]
) -> None:
    text = "".join(map("".join, before)) + _IDS[form] + "".join(words + value for value, words in after)
    log = json.dumps({"k": text, "m": "%PROTOCOL%"} if is_json else text)
    plan = _lab(form, "1.30", log)
    hop = plan.prediction.requests[0].hops[0]
    expression = id_expression(plan, "trace_id")
    assert expression is not None
    assert hop.client is not None
    assert _read(expression, hop.lines[0].text) == Reader(plan, "trace_id").id(hop.lines[0].text) == hop.client.trace_id
