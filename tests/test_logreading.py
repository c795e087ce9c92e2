"""Lines of access logs, read back as the fields of their format."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labspec.accesslog import ISTIO_JSON, access_log
from labspec.lab import FORMATS
from labspec.logreading import Lines, read_lines

# What sidecars wrote, with other ids and addresses.
ISTIO_LINE = (
    '[2026-01-15T10:00:00.043Z] "GET /a?b=c d HTTP/1.1" 503 UF,URX upstream_reset_before_response_started{connection_failure} - '
    '"delayed connect error: 111" 0 152 26 - "10.0.0.1,10.0.0.2" "Mozilla/5.0 (X11; "quoted" -) x" '
    '"e220a839-7b1d-9daf-ae78-9e6aa1b965f4" "orders:80" "[fd00::1]:8080" outbound|80||orders.lab.svc.cluster.local '
    "[fd00::2]:45678 10.96.117.53:80 10.244.0.21:51334 - default"
)
WARNING = (
    "[2026-01-15 10:00:00.001][1][warning][config] [external/envoy/source/server/server.cc:1] there is no runtime\n"
)


def read(form: str | Mapping[str, str], text: str) -> Lines:
    return read_lines(access_log(form, FORMATS["w3c"], "1.30"), text)


def values(form: str | Mapping[str, str], text: str) -> list[tuple[str, ...]]:
    """The values on each line; everything is read."""
    found = read(form, text)
    assert found.skipped == ()
    return [tuple(field.value for field in line.fields) for line in found.lines]


class Case(NamedTuple):
    """A format, a line of it, and the values on the line."""

    name: str
    form: str
    line: str
    values: tuple[str, ...]


ADDRESSES = "%UPSTREAM_HOST% %DOWNSTREAM_LOCAL_ADDRESS%"
CASES = [
    Case("one value", "%RESPONSE_CODE%", "200", ("200",)),
    Case("words around it", "code=%RESPONSE_CODE%.", "code=200.", ("200",)),
    Case("nothing there", "%RESPONSE_CODE% %PROTOCOL% %REQ(X)%", "- - -", ("-", "-", "-")),
    Case("negative", "%BYTES_SENT%%BYTES_RECEIVED%", "10-1", ("10", "-1")),
    Case("spaces", "%REQ(A)% | %REQ(B)%", "a b | c  d", ("a b", "c  d")),
    Case("quotes inside", '"%REQ(USER-AGENT)%" "%REQ(B)%"', '"say "hi" -" "x"', ('say "hi" -', "x")),
    Case("the shortest", '"%REQ(A)%" "%REQ(B)%"', '"a" "b" "c"', ("a", 'b" "c')),
    Case("empty", "[%REQ(A)%][%REQ(B)%]", "[][b]", ("", "b")),
    Case("dashes", "%REQ(A)% - %REQ(B)%", "- - -", ("-", "-")),
    Case("IPv6", ADDRESSES, "[fd00::1]:80 [::1]:15006", ("[fd00::1]:80", "[::1]:15006")),
    Case("IPv6 without a port", ADDRESSES, "[fd00::1] -", ("[fd00::1]", "-")),
    Case("IPv6 with a zone", ADDRESSES, "[fe80::1%2]:80 10.0.0.1:80", ("[fe80::1%2]:80", "10.0.0.1:80")),
    Case("addresses in brackets", "[%UPSTREAM_HOST%]", "[10.0.0.1:80]", ("10.0.0.1:80",)),
    Case("pipes and sockets", ADDRESSES, "envoy://internal/x /run/a.sock", ("envoy://internal/x", "/run/a.sock")),
    Case("cut", "%REQ(X-REQUEST-ID):8%%PROTOCOL%", "e220a839HTTP/1.1", ("e220a839", "HTTP/1.1")),
    Case("cut, and shorter", "%REQ(A):8% %REQ(B):3%", "ab abc", ("ab", "abc")),
    Case("cut to nothing", "a%REQ(A):0%b", "ab", ("",)),
    Case("cut beyond any line", "%REQ(A):65536%", "a" * 99, ("a" * 99,)),
    Case("side by side", "%RESPONSE_CODE%%PROTOCOL%%RESPONSE_FLAGS%", "200HTTP/1.1-", ("200", "HTTP/1.1", "-")),
    Case("a flag beside a number", "%RESPONSE_FLAGS%%DURATION%", "UF,URX12", ("UF,URX", "12")),
    Case("patterns are no patterns", "(a|b)* [^x]+ {2} \\d $ ^ . ? %REQ(A)%", "(a|b)* [^x]+ {2} \\d $ ^ . ? z", ("z",)),
    Case("percent signs", "100%% %RESPONSE_CODE%%%", "100% 200%", ("200",)),
    Case("a code with its words", "%RESPONSE_CODE_DETAILS% %RESPONSE_CODE%", "via_upstream 200", ("via_upstream", "200")),
    Case("several lines", "a %REQ(A)%\n b %REQ(B)%", "a x y\n b z", ("x y", "z")),
    Case("beyond ASCII", "é %REQ(A)% →", "é ü → →", ("ü →",)),
    Case("a time", "[%START_TIME(%Y %H:%M)%]", "[2026 10:00]", ("2026 10:00",)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_text(case: Case) -> None:
    assert values(case.form, f"{case.line}\n") == [case.values]
    assert values(case.form, f"{case.line}\n" * 3) == [case.values] * 3


SKIPPED = [
    ("%REQ(A)% %RESPONSE_CODE%", "", 0, ()),
    ("%REQ(A)% %RESPONSE_CODE%", "\n\n  \n", 0, ()),
    ("%REQ(A)% %RESPONSE_CODE%", f"{WARNING}a 200\n\nb 404\n{WARNING}", 2, (WARNING.strip(),) * 2),
    ("%REQ(A)% %RESPONSE_CODE%", "a 200\nb 4", 1, ("b 4",)),
    ("%REQ(A)% %RESPONSE_CODE%", "a x\na 200 b\n", 0, ("a x", "a 200 b")),
    ("<%REQ(A)%>", " <a>\n<a> \n<a>\n", 1, ("<a>",) * 2),
    ("a %REQ(A)%\n b %REQ(B)%", "a 1\na 2\n b 3\n b 4\na 5\n", 1, ("a 1", "b 4", "a 5")),
    ("%RESPONSE_CODE%", "2\u00e900\n200\r\n200\n", 1, ("2\u00e900", "200")),
    ("%RESPONSE_CODE%", "\u0662\n", 0, ("\u0662",)),
]


@pytest.mark.parametrize(("form", "text", "lines", "skipped"), SKIPPED)
def test_what_the_format_did_not_write_is_kept_apart(
    form: str, text: str, lines: int, skipped: tuple[str, ...]
) -> None:
    found = read(form, text)
    assert (len(found.lines), found.skipped) == (lines, skipped)


@pytest.mark.parametrize(
    "prefix",
    [
        "2026-01-15T10:00:00.682034460Z ",
        "envoy-1         | ",
        "envoy-1  | 2026-01-15T10:00:00.6+01:00 ",
        "[pod/web-1/istio-proxy] 2026-01-15T10:00:00.6Z ",
    ],
)
def test_what_tools_put_before_a_line(prefix: str) -> None:
    for form, line in (
        ("[%START_TIME%] %RESPONSE_CODE%", "[2026-01-15T10:00:00.043Z] 200"),
        ({"a": "%RESPONSE_CODE%"}, '{"a": 200}'),
    ):
        found = read(form, f"{prefix}{line}\n{prefix}other\n")
        assert [(one.text, one.fields[-1].value) for one in found.lines] == [(line, "200")]
        assert found.skipped == (f"{prefix}other",)


def test_an_object_that_jq_spread_over_lines() -> None:
    found = read({"a": "%RESPONSE_CODE%", "b": "%REQ(X)%"}, '{\n  "a": 200,\n  "b": null\n}\n{\n}\n')
    assert [[field.value for field in line.fields] for line in found.lines] == [["200", "-"]]
    assert found.skipped == ("{", "}")


def test_a_line_is_kept_as_it_was() -> None:
    found = read("a %REQ(A)%\n b %REQ(X-B3-TRACEID):8%\n", "a 1\n b 2\nnoise\na 3\n b 4\n")
    assert [line.text for line in found.lines] == ["a 1\n b 2", "a 3\n b 4"]
    assert [(field.key, field.name, field.value) for field in found.lines[1].fields] == [
        (None, "%REQ(A)%", "3"),
        (None, "%REQ(X-B3-TRACEID):8%", "4"),
    ]


def test_istio_text() -> None:
    found = read("istio", WARNING + f"{ISTIO_LINE}\n" * 2)
    assert [line.text for line in found.lines] == [ISTIO_LINE] * 2
    fields = [(field.name.strip("%"), field.value) for field in found.lines[0].fields]
    assert fields == [
        ("START_TIME", "2026-01-15T10:00:00.043Z"),
        ("REQ(:METHOD)", "GET"),
        ("REQ(X-ENVOY-ORIGINAL-PATH?:PATH)", "/a?b=c d"),
        ("PROTOCOL", "HTTP/1.1"),
        ("RESPONSE_CODE", "503"),
        ("RESPONSE_FLAGS", "UF,URX"),
        ("RESPONSE_CODE_DETAILS", "upstream_reset_before_response_started{connection_failure}"),
        ("CONNECTION_TERMINATION_DETAILS", "-"),
        ("UPSTREAM_TRANSPORT_FAILURE_REASON", "delayed connect error: 111"),
        ("BYTES_RECEIVED", "0"),
        ("BYTES_SENT", "152"),
        ("DURATION", "26"),
        ("RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)", "-"),
        ("REQ(X-FORWARDED-FOR)", "10.0.0.1,10.0.0.2"),
        ("REQ(USER-AGENT)", 'Mozilla/5.0 (X11; "quoted" -) x'),
        ("REQ(X-REQUEST-ID)", "e220a839-7b1d-9daf-ae78-9e6aa1b965f4"),
        ("REQ(:AUTHORITY)", "orders:80"),
        ("UPSTREAM_HOST", "[fd00::1]:8080"),
        ("UPSTREAM_CLUSTER_RAW", "outbound|80||orders.lab.svc.cluster.local"),
        ("UPSTREAM_LOCAL_ADDRESS", "[fd00::2]:45678"),
        ("DOWNSTREAM_LOCAL_ADDRESS", "10.96.117.53:80"),
        ("DOWNSTREAM_REMOTE_ADDRESS", "10.244.0.21:51334"),
        ("REQUESTED_SERVER_NAME", "-"),
        ("ROUTE_NAME", "default"),
    ]


def test_istio_json() -> None:
    numbers = {"response_code": 200, "bytes_received": 0, "bytes_sent": 19, "duration": 4}
    value: dict[str, Any] = {**dict.fromkeys(ISTIO_JSON), **numbers, "path": '/a "b"', "response_flags": "-"}
    found = read("istio-json", f"{json.dumps(value)}\n")
    assert found.skipped == ()
    fields = {field.key: field.value for field in found.lines[0].fields}
    assert fields == {
        **dict.fromkeys(ISTIO_JSON, "-"),
        **{key: str(number) for key, number in numbers.items()},
        "path": '/a "b"',
    }


MIXED = {"code": "%RESPONSE_CODE%", "call": "%REQ(:METHOD)% %REQ(:PATH)%", "plain": "lab", "none": "%REQ(X)%"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ("200", "GET", "/", "-")),
        ({"code": "200"}, ("200", "GET", "/", "-")),
        ({"code": None}, ("-", "GET", "/", "-")),
        ({"code": 0.5, "none": True}, ("0.5", "GET", "/", "true")),
        ({"call": "GET /a b", "none": 'x "y"'}, ("200", "GET", "/a b", 'x "y"')),
        ({"none": ""}, ("200", "GET", "/", "")),
        ({"call": "GET/"}, None),
        ({"call": None}, None),
        ({"plain": "other"}, None),
        ({"more": 1}, None),
    ],
)
def test_json(changes: Mapping[str, Any], told: tuple[str, ...] | None) -> None:
    value = {"none": None, "plain": "lab", "call": "GET /", "code": 200, **changes}
    found = read(MIXED, f"\n{WARNING}{json.dumps(value)}\n")
    assert [tuple(field.value for field in line.fields) for line in found.lines] == ([told] if told else [])
    assert len(found.skipped) == (1 if told else 2)


@pytest.mark.parametrize(
    "line",
    ["", "{}", "null", "[]", "1", "{", '{"code": 200}', '{"code": 200, "call": "GET /", "plain": "lab"', "[" * 100_000],
)
def test_what_is_no_line_of_a_json_format(line: str) -> None:
    found = read(MIXED, f"{line}\n")
    assert found == Lines((), (line,) if line else ())


def test_json_keys_come_in_the_order_of_the_format() -> None:
    found = read({"b": "%REQ(B)%", "a": "%REQ(A)%:%PROTOCOL%"}, '{"a": "1:-", "b": "2"}\n')
    (line,) = found.lines
    assert line.text == '{"a": "1:-", "b": "2"}'
    assert [(field.key, field.name, field.value) for field in line.fields] == [
        ("b", "%REQ(B)%", "2"),
        ("a", "%REQ(A)%", "1"),
        ("a", "%PROTOCOL%", "-"),
    ]


def test_without_a_log_every_line_is_another() -> None:
    assert read("none", "a\n\nb\n") == Lines((), ("a", "b"))


# Between two values stands what neither of them can hold.
LITERALS = st.sampled_from([" § ", "§", "][§", '" § "', "(§)*", "%%§", "\\§", "§\n", "{§}", "$§^", "é§|"])
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="§\n", exclude_categories=["C"]), max_size=12)
NUMBERS = st.just("-") | st.integers(0, 10**7).map(str)
HOSTS = st.sampled_from(["-", "10.0.0.1:80", "[fd00::1]:80", "[::]:1", "/run/envoy.sock", "envoy://internal_client/x"])
SPANS = st.just("-") | st.text("0123456789abcdef", min_size=16, max_size=16)
TRACES = SPANS | st.text("0123456789abcdef", min_size=32, max_size=32)
VALUES: dict[str, st.SearchStrategy[str]] = {
    "%RESPONSE_CODE%": st.sampled_from(["-", "0", "200", "503"]),
    "%BYTES_SENT%": NUMBERS,
    "%CONNECTION_ID%": NUMBERS,
    "%UPSTREAM_HOST%": HOSTS,
    "%DOWNSTREAM_REMOTE_ADDRESS%": HOSTS,
    "%TRACE_ID%": TRACES,
    "%SPAN_ID%": SPANS,
    "%PROTOCOL%": st.sampled_from(["-", "HTTP/1.0", "HTTP/1.1", "HTTP/2"]),
    "%RESPONSE_FLAGS%": st.sampled_from(["-", "UH", "UF,URX"]),
    "%RESPONSE_FLAGS_LONG%": st.sampled_from(["-", "NoHealthyUpstream"]),
    "%RESPONSE_CODE_DETAILS%": WORDS,
    "%REQ(X-A?:PATH)%": WORDS,
    "%RESP(X)%": WORDS,
    "%START_TIME(%H:%M)%": WORDS,
    "%REQ(USER-AGENT):12%": WORDS,
    "%TRACE_ID:8%": st.text("0123456789abcdef", min_size=8, max_size=8),
}
PIECES = st.lists(
    st.sampled_from(list(VALUES)).flatmap(lambda name: st.tuples(st.just(name), VALUES[name], LITERALS)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=200)
@given(PIECES, st.sampled_from(["", "§", "§[", "%%§"]))
def test_any_format_comes_back(pieces: list[tuple[str, str, str]], first: str) -> None:
    form = first + "".join(f"{name}{literal}" for name, _, literal in pieces)
    line = (first + "".join(f"{value}{literal}" for _, value, literal in pieces)).replace("%%", "%")
    assert values(form, line.removesuffix("\n") + "\n") == [tuple(value for _, value, _ in pieces)]
