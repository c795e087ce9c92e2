"""Envoy's access log formats as data, and what Envoy would refuse in them.

Envoy rejects the whole listener for one bad operator, while istioctl lets it pass: running sidecars keep their old
configuration and new ones never become ready. `check` gives the verdict of `envoy --mode validate` (labspec.envoy.usage names
what it does not examine), yet every problem at once, where Envoy stops at the first.

The text is a TEXT format, or one string of a JSON format. Istio adds a newline to TEXT formats; it changes no verdict.
Grammar: Envoy, `source/common/formatter/substitution_formatter.cc`.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from labspec.envoy.operators import OPERATORS
from labspec.envoy.usage import REFERENCE, complaints_of
from labspec.envoy.versions import envoy_of

SYNTAX = "log-format-syntax"

# Some alternative fits at every place, so the matches tile the text. `malformed` is what was meant as an operator: Envoy
# sees only a lone percent sign there, but two such signs are one mistake.
_PARTS = re.compile(
    r"""
    (?P<text>[^%]+)
    | (?P<percent>%%)
    | %(?P<name>[A-Z0-9_]+)(?:\((?P<argument>.*?)\))?(?::(?P<length>[0-9]+))?%
    | (?P<malformed>%(?P<meant>[A-Za-z][A-Za-z0-9_.-]*)(?P<rest>(?:\([^%\n]*\))?(?::[^%\s]*)?)%)
    | (?P<lone>%(?P<open>[A-Z0-9_]+\b)?)
    """,
    re.VERBOSE,
)
_LONGEST = 2**64 - 1

REQUEST_OPERATORS = frozenset({"REQ", "REQUEST_HEADER", "REQ_WITHOUT_QUERY"})
"""Those that write a header of the request."""


class Literal(NamedTuple):
    """Text that every line repeats, with `%%` already read as one percent sign."""

    text: str
    start: int


class Operator(NamedTuple):
    """One `%NAME(ARGUMENT):LENGTH%`, which each line fills in; `end` is behind its last percent sign."""

    name: str
    argument: str | None
    """What stands between the parentheses; None without parentheses."""
    length: int | None
    """The most characters to write."""
    start: int
    end: int


Token = Literal | Operator


class FormatProblem(NamedTuple):
    """One thing that Envoy refuses, with its place in the format's text."""

    start: int
    end: int
    code: str
    message: str
    help: str


class Format(NamedTuple):
    """A format read: its tokens in order, and where its grammar is broken (there the text stands as a literal)."""

    text: str
    tokens: tuple[Token, ...]
    problems: tuple[FormatProblem, ...]


@lru_cache(maxsize=256)
def parse(text: str) -> Format:
    """The tokens of a format and every break of the grammar; whether its operators exist is not asked here."""
    tokens: list[Token] = []
    problems: list[FormatProblem] = []
    for part in _PARTS.finditer(text):
        length = _number(part["length"] or "0")
        if part["name"] and length is not None:
            tokens.append(Operator(part["name"], part["argument"], length if part["length"] else None, *part.span()))
            continue
        _add_literal(tokens, "%" if part["percent"] else part[0], part.start())
        if not part["text"] and not part["percent"]:
            problems.append(_broken(part))
    return Format(text, tuple(tokens), tuple(problems))


def check(text: str, istio_version: str) -> tuple[FormatProblem, ...]:
    """Everything in a format that the Envoy of this Istio minor would refuse, in the order of the text.

    Raises UsageError for an Istio minor that labspec does not know.
    """
    envoy = envoy_of(istio_version)
    read = parse(text)
    problems = list(read.problems)
    for token in read.tokens:
        if isinstance(token, Operator):
            found = complaints_of(token.name, token.argument or "", token.length, envoy)
            problems.extend(FormatProblem(token.start, token.end, *complaint) for complaint in found)
    return tuple(sorted(problems))


def render(token: Token) -> str:
    """The text of a token in a format; joined, those of a valid format give the format back (`:05` becomes `:5`)."""
    if isinstance(token, Literal):
        return token.text.replace("%", "%%")
    argument = "" if token.argument is None else f"({token.argument})"
    length = "" if token.length is None else f":{token.length}"
    return f"%{token.name}{argument}{length}%"


def headers_of(operator: Operator) -> tuple[str, ...]:
    """The header names that an operator such as REQ or RESP reads, in lower case: the first, then its alternative."""
    rule = OPERATORS.get(operator.name)
    if rule is None or rule.argument.kind != "headers":
        return ()
    return tuple(name.lower() for name in (operator.argument or "").split("?") if name)


def _number(digits: str) -> int | None:
    """The length, or None for one that Envoy cannot hold (Python itself refuses some thousand digits)."""
    significant = digits.lstrip("0") or "0"
    return int(significant) if len(significant) <= len(str(_LONGEST)) and int(significant) <= _LONGEST else None


def _add_literal(tokens: list[Token], text: str, start: int) -> None:
    last = tokens[-1] if tokens else None
    if isinstance(last, Literal):
        tokens[-1] = Literal(last.text + text, last.start)
    else:
        tokens.append(Literal(text, start))


def _broken(part: re.Match[str]) -> FormatProblem:
    if part["name"]:
        message, advice = "the length is beyond 64 bits", "write a smaller one"
    elif part["malformed"]:
        message, advice = _malformed(part)
    elif part["open"] in OPERATORS:
        message, advice = (
            f"%{part['open']} has no end",
            "an operator ends with a percent sign: %NAME% or %NAME(ARGUMENT)%",
        )
    else:
        message, advice = "a lone percent sign begins no operator", "write %% for a percent sign"
    return FormatProblem(*part.span(), SYNTAX, message, advice)


def _malformed(part: re.Match[str]) -> tuple[str, str]:
    meant, rest = part["meant"], part["rest"]
    name = meant.upper()
    if name == meant:
        return (
            f"%{meant}{rest}% ends wrongly",
            "an operator is %NAME%, %NAME(ARGUMENT)% or, cut to Z characters, with :Z",
        )
    if name in OPERATORS:
        return f"%{meant}{rest}% is no operator: their names are upper case", f"write %{name}{rest}%"
    advice = f"a request header is read with %REQ({name})%; every operator: {REFERENCE}"
    return f"%{meant}{rest}% is no operator: their names have capital letters, digits and _ only", advice
