"""Formats read into tokens, and their problems, all at once."""

from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labspec.envoy.format import Literal, Operator, check, headers_of, parse, render
from labspec.envoy.versions import ISTIO_VERSIONS, envoy_of
from labspec.errors import UsageError
from tests.envoy.generate import broken, valid

ISTIO = st.sampled_from(sorted(ISTIO_VERSIONS))
RANDOM = st.randoms(use_true_random=False)
FORMAT_LIKE = st.text(st.sampled_from("%%%()?:_-ARx1 \n") | st.characters(codec="utf-8"))


def problems(text: str, istio: str = "1.30") -> list[tuple[str, str]]:
    """The piece of text and the code of each problem."""
    return [(text[problem.start : problem.end], problem.code) for problem in check(text, istio)]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", ()),
        ("plain", (Literal("plain", 0),)),
        ("100%% of", (Literal("100% of", 0),)),
        ("%%%HOSTNAME%", (Literal("%", 0), Operator("HOSTNAME", None, None, 2, 12))),
        ("%PATH()%", (Operator("PATH", "", None, 0, 8),)),
        ("a%REQ(X-A?:b):036%b", (Literal("a", 0), Operator("REQ", "X-A?:b", 36, 1, 18), Literal("b", 18))),
        ("%START_TIME(%Y(a)b)%", (Operator("START_TIME", "%Y(a)b", None, 0, 20),)),
        ("%REQ(a) %REQ(b)%", (Operator("REQ", "a) %REQ(b", None, 0, 16),)),
        (f"%REQ(a):{'0' * 5000}7%", (Operator("REQ", "a", 7, 0, 5010),)),
        ("%NOT_KNOWN%", (Operator("NOT_KNOWN", None, None, 0, 11),)),
        ("5% %HOSTNAME%", (Literal("5% ", 0), Operator("HOSTNAME", None, None, 3, 13))),
        ("%req(x)%%HOSTNAME%", (Literal("%req(x)%", 0), Operator("HOSTNAME", None, None, 8, 18))),
    ],
)
def test_tokens(text: str, tokens: tuple[Literal | Operator, ...]) -> None:
    assert parse(text).tokens == tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%", ["%"]),
        ("100% sure", ["%"]),
        ("%HOSTNAME%%", ["%"]),
        ("%HOSTNAME and %DURATION%", ["%HOSTNAME"]),
        ("%REQ(x", ["%REQ"]),
        ("%REQ(a\nb)% %HOSTNAME%", ["%REQ", "%"]),
        ("%(x)% %:3%", ["%"] * 4),
        ("%req(x)%", ["%req(x)%"]),
        ("%X-REQUEST-ID%", ["%X-REQUEST-ID%"]),
        ("%REQ(x):abc%", ["%REQ(x):abc%"]),
        ("%REQ(x):%", ["%REQ(x):%"]),
        ("%REQ(x):18446744073709551616%", ["%REQ(x):18446744073709551616%"]),
        (f"%REQ(x):{'9' * 5000}%", [f"%REQ(x):{'9' * 5000}%"]),
    ],
)
def test_broken_grammar(text: str, expected: list[str]) -> None:
    assert problems(text) == [(piece, "log-format-syntax") for piece in expected]


def test_all_problems_at_once() -> None:
    assert problems("50% %NOPE% %REQ()% %DURATION(x):3% %hostname% %HOSTNAME%") == [
        ("%", "log-format-syntax"),
        ("%NOPE%", "log-operator-unknown"),
        ("%REQ()%", "log-operator-argument"),
        ("%DURATION(x):3%", "log-operator-argument"),
        ("%DURATION(x):3%", "log-operator-argument"),
        ("%hostname%", "log-format-syntax"),
    ]


@pytest.mark.parametrize(
    ("text", "istio", "words"),
    [
        ("%SPAN_ID%", "1.29", "from Envoy 1.38, Istio 1.30 on"),
        ("%UPSTREAM_SERVER_NAME%", "1.30", "from Envoy 1.39, Istio 1.31 on"),
        ("%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT(24)%", "1.29", "only from Envoy 1.38, Istio 1.30 on"),
        ("%SECRET(x)%", "1.31", "envoy.formatter.generic_secret, which Istio does not configure"),
        ("%TRACEID%", "1.30", "did you mean TRACE_ID?"),
        ("%FAILURE_REASON%", "1.30", "UPSTREAM_TRANSPORT_FAILURE_REASON or DOWNSTREAM_TRANSPORT_FAILURE_REASON"),
        ("%TRACEPARENT%", "1.30", "%REQ(NAME)%"),
        ("%x-request-id%", "1.30", "%REQ(X-REQUEST-ID)%"),
        ("%trace_id%", "1.30", "write %TRACE_ID%"),
        ("%REQ%", "1.30", "%REQ(X-REQUEST-ID)%"),
        ("%GRPC_STATUS(CODE)%", "1.30", '"CODE" is none of CAMEL_STRING, SNAKE_STRING, NUMBER'),
        ("%HOSTNAME(x)%", "1.30", "takes no argument"),
        ("%REQ(a b)%", "1.30", '"a b" is not a header name'),
        ('%COALESCE({"operators":["NOPE","REQ"]})%', "1.30", "has no operator NOPE; REQ needs an argument"),
        ("100% sure", "1.30", "write %% for a percent sign"),
    ],
)
def test_what_a_person_reads(text: str, istio: str, words: str) -> None:
    (problem,) = check(text, istio)
    assert words in f"{problem.message}; {problem.help}"


def test_an_unknown_istio_is_told() -> None:
    with pytest.raises(UsageError, match=r"Istio 1\.12 is not known here; known are 1\.29"):
        check("%HOSTNAME%", "1.12")


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("%REQ(X-Request-ID)%", ("x-request-id",)),
        ("%RESP(A?:B):5%", ("a", ":b")),
        ("%REQ_WITHOUT_QUERY(?:PATH)%", (":path",)),
        ("%REQ%", ()),
        ("%QUERY_PARAM(a)%", ()),
        ("%NOPE(a)%", ()),
    ],
)
def test_headers_of(text: str, headers: tuple[str, ...]) -> None:
    (operator,) = parse(text).tokens
    assert isinstance(operator, Operator)
    assert headers_of(operator) == headers


@given(RANDOM, ISTIO)
def test_valid_formats_pass_and_come_back_exactly(random: Random, istio: str) -> None:
    text = valid(random, envoy_of(istio))
    assert check(text, istio) == ()
    assert "".join(map(render, parse(text).tokens)) == text


@given(RANDOM, ISTIO)
def test_one_fault_is_enough(random: Random, istio: str) -> None:
    assert check(broken(random, envoy_of(istio)), istio)


@given(FORMAT_LIKE, ISTIO)
@example("%REQ(%REQ(a)%%", "1.30")
def test_any_text_is_read_whole(text: str, istio: str) -> None:
    tokens = parse(text).tokens
    ends = [*(token.start for token in tokens[1:]), len(text)] if tokens else []
    assert "".join(text[token.start : end] for token, end in zip(tokens, ends, strict=True)) == text
    assert [token.end for token in tokens if isinstance(token, Operator)] == [
        end for token, end in zip(tokens, ends, strict=True) if isinstance(token, Operator)
    ]
    assert all(0 <= problem.start < problem.end <= len(text) for problem in check(text, istio))
