"""Where an access log line says its ids: from the format to a sed expression that prints one."""

import re
from collections.abc import Iterable

from labspec.envoy.format import Literal, Operator, Token, headers_of, parse
from labspec.plan import Plan

# As much of an id as must be there: the last 16 digits of a trace id are not its name.
_DIGITS = {"trace_id": 32, "span_id": 16}
_ID = {"trace_id": "[0-9a-f]{16}|[0-9a-f]{32}|-", "span_id": "[0-9a-f]{16}|-"}
# Operators that read an id from the tracer, whatever headers it speaks.
_OF_TRACER = {"trace_id": "TRACE_ID", "span_id": "SPAN_ID"}
_SPECIAL = re.compile(r"[\\.\[*^$+?(){}|/]")


def id_expression(plan: Plan, symbol: str) -> str | None:
    r"""`s/.* traceID=([0-9a-f]{16}|...) spanID=.*/\1/p` for `sed -nE`: prints the id that a line of the lab's log shows, or its `-`.

    `symbol` is `trace_id` or `span_id`. None where the format has no such id, cuts it short, or lets
    it touch another value. A line as this expression sees
    it ends where the format has a newline.
    """
    for line in (plan.log.text or "").split("\n"):
        tokens = parse(line).tokens
        for index, token in enumerate(tokens):
            if isinstance(token, Operator) and _holds(plan, symbol, token) and _stands_alone(tokens, index):
                before, after = _before(tokens, index), _after(tokens, index)
                return f"s/{before}({_ID[symbol]}){after}/\\1/p"
    return None


def _holds(plan: Plan, symbol: str, operator: Operator) -> bool:
    if operator.length is not None and operator.length < _DIGITS[symbol]:
        return False
    if operator.name == _OF_TRACER[symbol]:
        return operator.name not in plan.propagation.silent
    wanted = headers_of(_only(parse(plan.propagation.symbols[symbol]).tokens))
    return operator.name in {"REQ", "REQUEST_HEADER"} and headers_of(operator)[:1] == wanted[:1] != ()


def _stands_alone(tokens: tuple[Token, ...], index: int) -> bool:
    return not any(isinstance(token, Operator) for token in (*tokens[:index][-1:], *tokens[index + 1 :][:1]))


def _only(tokens: tuple[Token, ...]) -> Operator:
    return next(token for token in tokens if isinstance(token, Operator))


def _before(tokens: tuple[Token, ...], index: int) -> str:
    """From the nearest text that is found nowhere else in the format; from the start of the line where there is none."""
    texts = [token.text for token in tokens if isinstance(token, Literal)]
    parts: list[str] = []
    for place in range(index - 1, -1, -1):
        token = tokens[place]
        if isinstance(token, Literal):
            parts.insert(0, _escaped(token.text))
            if _distinct(token.text, texts):
                return ".*" + "".join(parts)
        else:
            parts.insert(0, _value(tokens, place))
    return "^" + "".join(parts)


def _distinct(text: str, texts: Iterable[str]) -> bool:
    return any(character.isalnum() for character in text) and sum(text in other for other in texts) == 1


def _value(tokens: tuple[Token, ...], index: int) -> str:
    """What an operator writes: it ends where the next text begins."""
    following = tokens[index + 1]
    if not isinstance(following, Literal):
        return ".*"
    first = following.text[0]
    return f"[^{first}]*" if first not in "\\^" else ".*"


def _after(tokens: tuple[Token, ...], index: int) -> str:
    if index + 1 == len(tokens):
        return "$"
    following = tokens[index + 1]
    return (_escaped(following.text) if isinstance(following, Literal) else "") + ".*"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)
