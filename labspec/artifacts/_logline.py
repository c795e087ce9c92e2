"""Where an access log line says its ids: from the format to a sed expression that prints one."""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from labspec.accesslog import Piece, symbols
from labspec.envoy.format import Literal, Operator, Token, headers_of, parse
from labspec.plan import Plan

# As much of an id as must be there: the last 16 digits of a trace id are not its name.
_DIGITS = {"trace_id": 32, "span_id": 16}
_ID = {"trace_id": "[0-9a-f]{16}|[0-9a-f]{32}", "span_id": "[0-9a-f]{16}"}
# Operators that read an id from the tracer, whatever headers it speaks.
_OF_TRACER = {"trace_id": "TRACE_ID", "span_id": "SPAN_ID"}
# What stands before and after an id in a traceparent: 00-<trace id>-<span id>-<flags>.
_PARENT = {"trace_id": ("00-", "-[0-9a-f]{16}-[0-9a-f]{2}"), "span_id": ("00-[0-9a-f]{32}-", "-[0-9a-f]{2}")}
_PARENT_LENGTH = 55
_NOTHING = ("null", "-")
_SPECIAL = re.compile(r"[\\.\[*^$+?(){}|/]")
# No id holds such a text, so it cannot be found inside one.
_DISTINCT = re.compile(r".*[^\W0-9a-f_]")


class _Place(NamedTuple):
    """Where an id stands."""

    line: tuple[Token, ...]
    at: int
    in_parent: bool
    """Whether it is a part of a traceparent."""
    key: str | None
    """Of a JSON format."""


def id_expression(plan: Plan, symbol: str) -> str | None:
    r"""`s/.* traceID=([0-9a-f]{16}|...) spanID=.*/\1/p` for `sed -nE`: prints the id that a line of the lab's log shows.

    `symbol` is `trace_id` or `span_id`. Where a line has no id it prints what stands there instead: `-`, or `null` of JSON.
    None where the format has no such id, cuts it short, or lets it touch another value. A line as this expression sees
    it ends where a text format has a newline.
    """
    # `t` ends the script for a line that the first command knew.
    return "\nt\n".join(f"s/{pattern}/\\{group}/p" for pattern, group in _patterns(plan, symbol)) or None


class Reader:
    """Finds in lines what the expression would print."""

    def __init__(self, plan: Plan, symbol: str) -> None:
        self._patterns = [(re.compile(pattern, re.MULTILINE), group) for pattern, group in _patterns(plan, symbol)]
        self._known: dict[str, str] = {}

    @property
    def knows(self) -> bool:
        """Whether the format has that id at all."""
        return bool(self._patterns)

    def id(self, line: str) -> str:
        """The id; empty for a line without one."""
        if line not in self._known:
            matches = (found[group] for pattern, group in self._patterns for found in pattern.finditer(line))
            found = next(matches, "")
            self._known[line] = "" if found in _NOTHING else found
        return self._known[line]


def nothing(plan: Plan) -> str:
    """What a line shows where it has no trace id."""
    return next(
        (word for word in _NOTHING for pattern, _ in _patterns(plan, "trace_id") if f"|{word})" in pattern), "-"
    )


def _patterns(plan: Plan, symbol: str) -> list[tuple[str, int]]:
    """Extended regular expressions, the stricter first, each with the number of the group that is the id."""
    place = next(_places(plan, symbol), None)
    if place is None:
        return []
    line, index = place.line, place.at
    is_value = place.key is not None and len(line) == 1
    wanted, group = f"({_ID[symbol]}|{'null' if is_value else '-'})", 1
    if place.in_parent:
        before, after = _PARENT[symbol]
        wanted, group = f"({before})?{wanted}({after})?", 2
    if place.key is None:
        starts, end = _before(line, index), _after(line, index, "$")
    else:
        # In a string of JSON each quote is escaped, so this is nowhere but at the key.
        start = f".*[{{,]{_escaped(json.dumps(place.key, ensure_ascii=False))}:"
        texts = [""] if is_value else _from_start(line, index)
        starts = [f'{start}"{"?" if is_value else ""}{text}' for text in texts]
        end = '"?[,}].*' if is_value else _after(line, index, '".*')
    return [(f"{start}{wanted}{end}", group) for start in starts]


def _places(plan: Plan, symbol: str) -> Iterator[_Place]:
    """Where the format shows the id: by itself first, then within a traceparent."""
    for in_parent in (False, True):
        for piece in plan.log.pieces:
            for line in _lines(piece):
                for index, token in enumerate(line):
                    if isinstance(token, Operator) and _stands_alone(line, index):
                        holds = _holds_parent(plan, token) if in_parent else _holds(plan, symbol, token)
                        if holds:
                            yield _Place(line, index, in_parent, piece.key)


def _lines(piece: Piece) -> list[tuple[Token, ...]]:
    """The tokens of a piece as they are in a log: a text format has lines, a string of JSON escapes."""
    if piece.key is None:
        return [parse(line).tokens for line in piece.text.split("\n")]
    tokens = (_quoted(token) if isinstance(token, Literal) else token for token in parse(piece.text).tokens)
    return [tuple(tokens)]


def _quoted(token: Literal) -> Literal:
    return Literal(json.dumps(token.text, ensure_ascii=False)[1:-1], token.start)


def _holds(plan: Plan, symbol: str, operator: Operator) -> bool:
    if operator.length is not None and operator.length < _DIGITS[symbol]:
        return False
    if operator.name == _OF_TRACER[symbol]:
        return operator.name not in plan.propagation.silent
    return _reads(operator, symbols(plan.propagation, plan.istio_version).get(symbol, ""))


def _holds_parent(plan: Plan, operator: Operator) -> bool:
    if operator.length is not None and operator.length < _PARENT_LENGTH:
        return False
    return _reads(operator, symbols(plan.propagation, plan.istio_version).get("traceparent", ""))


def _reads(operator: Operator, wanted: str) -> bool:
    """Whether it reads the header that the operator `wanted` reads."""
    headers = [headers_of(token) for token in parse(wanted).tokens if isinstance(token, Operator)]
    return operator.name in {"REQ", "REQUEST_HEADER"} and headers_of(operator)[:1] in {
        found[:1] for found in headers if found
    }


def _stands_alone(tokens: tuple[Token, ...], index: int) -> bool:
    return not any(isinstance(token, Operator) for token in (*tokens[:index][-1:], *tokens[index + 1 :][:1]))


def _before(tokens: tuple[Token, ...], index: int) -> list[str]:
    """The text before the id, where it is found nowhere else in the format; else everything from the start of the line."""
    texts = [token.text for token in tokens if isinstance(token, Literal)]
    last = tokens[index - 1] if index else None
    if isinstance(last, Literal) and _DISTINCT.match(last.text) and sum(last.text in text for text in texts) == 1:
        return [f".*{_escaped(last.text)}"]
    return [f"^{start}" for start in _from_start(tokens, index)]


def _from_start(tokens: tuple[Token, ...], index: int) -> list[str]:
    """Everything before the id: where values end with the next text's first character, and where they may have it, too."""
    strict, loose = (
        "".join(
            _escaped(token.text) if isinstance(token, Literal) else value(tokens, place)
            for place, token in enumerate(tokens[:index])
        )
        for value in (_value, lambda _tokens, _place: ".*")
    )
    return [strict] if strict == loose else [strict, loose]


def _value(tokens: tuple[Token, ...], index: int) -> str:
    following = tokens[index + 1]
    if not isinstance(following, Literal):
        return ".*"
    first = following.text[0]
    return f"[^{first}]*" if first not in "\\^" else ".*"


def _after(tokens: tuple[Token, ...], index: int, end: str) -> str:
    following = tokens[index + 1 : index + 2]
    return "".join(_escaped(token.text) for token in following if isinstance(token, Literal)) + (
        ".*" if following else end
    )


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)
