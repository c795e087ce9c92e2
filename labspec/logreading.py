"""The parser of log formats turned around: a line that an access log wrote comes back as the fields of its format.

What a value may look like is Envoy's, operator by operator; where two texts would fit, the one that leaves each value shortest counts.
"""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from labspec.accesslog import AccessLog
from labspec.envoy.format import Literal, Operator, parse, render

MISSING = "-"
"""What Envoy writes for a value that is not there; in JSON null."""

_NUMBER = r"-|-?[0-9]+"
_ADDRESS = r"-|[^\s\"]+?"
_TRACE_ID, _SPAN_ID = "-|[0-9A-Fa-f]{32}|[0-9A-Fa-f]{16}", "-|[0-9A-Fa-f]{16}"
UNKNOWN = "…"
"""Stands in a predicted line for what only a run can tell."""
_SHAPES = {
    **dict.fromkeys(("BYTES_RECEIVED", "BYTES_SENT", "DURATION"), _NUMBER),
    **dict.fromkeys(("REQUEST_DURATION", "RESPONSE_DURATION", "RESPONSE_TX_DURATION", "CONNECTION_ID"), _NUMBER),
    **dict.fromkeys(("UPSTREAM_HOST", "UPSTREAM_LOCAL_ADDRESS", "UPSTREAM_REMOTE_ADDRESS"), _ADDRESS),
    **dict.fromkeys(("DOWNSTREAM_LOCAL_ADDRESS", "DOWNSTREAM_REMOTE_ADDRESS"), _ADDRESS),
    **dict.fromkeys(("DOWNSTREAM_DIRECT_LOCAL_ADDRESS", "DOWNSTREAM_DIRECT_REMOTE_ADDRESS"), _ADDRESS),
    "TRACE_ID": _TRACE_ID,
    "SPAN_ID": _SPAN_ID,
    "RESPONSE_CODE": "-|0|[0-9]{3}",
    "START_TIME": r"-|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z",
    "PROTOCOL": r"-|HTTP/[0-9.]+",
    "UPSTREAM_PROTOCOL": r"-|HTTP/[0-9.]+",
    "RESPONSE_FLAGS": "-|[A-Z][A-Za-z]*(?:,[A-Z][A-Za-z]*)*",
    "RESPONSE_FLAGS_LONG": "-|[A-Z][A-Za-z]*(?:,[A-Z][A-Za-z]*)*",
}
# What `kubectl logs --prefix --timestamps` and `docker compose logs` put before a line.
_PREFIX = re.compile(
    r"(?:\[pod/[^\]\n]+\] )?(?:[\w.-]+ +\| )?(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|[+-][0-9]{2}:[0-9]{2}) )?"
)

# With an argument it writes in another way.
_PLAIN_ONLY = {"RESPONSE_CODE", "START_TIME"}


class Field(NamedTuple):
    """What one operator of the format wrote."""

    key: str | None
    """Of a JSON format; None for text."""
    operator: Operator
    value: str
    """As text; `-` where there is none."""

    @property
    def name(self) -> str:
        """The operator as the format has it: `%REQ(X-B3-TRACEID)%`."""
        return render(self.operator)


class LogLine(NamedTuple):
    """One line of an access log."""

    text: str
    """Without its final newline; a format may write several lines for a request."""
    fields: tuple[Field, ...]


class Lines(NamedTuple):
    """What was read from a stream."""

    lines: tuple[LogLine, ...]
    skipped: tuple[str, ...]
    """Lines that the format did not write."""


def read_lines(log: AccessLog, text: str) -> Lines:
    """The log lines in what a sidecar's container wrote; other lines are skipped and kept apart."""
    if log.encoding == "JSON":
        return _json_lines({piece.key or "": piece.text for piece in log.pieces}, text)
    if log.encoding == "TEXT":
        return _text_lines(log.pieces[0].text, text)
    return Lines((), tuple(line for line in text.splitlines() if line))


def _text_lines(form: str, text: str) -> Lines:
    # Istio ends a TEXT format with a newline where it does not end with one: fileAccessLogFormat in telemetry_logging.go.
    form = form if form.endswith("\n") else f"{form}\n"
    pattern, operators = _pattern(form)
    found: list[LogLine] = []
    skipped: list[str] = []
    at = 0
    while at < len(text):
        match = pattern.match(text, at) or _behind_prefix(pattern, text, at)
        if match is not None and match.end() > at:
            values = zip(operators, match.groups(), strict=True)
            fields = tuple(Field(None, operator, value) for operator, value in values)
            found.append(LogLine(match[0].removesuffix("\n"), fields))
            at = match.end()
            continue
        end = _line_end(text, at)
        skipped.append(text[at:end].strip())
        at = end + 1
    return Lines(tuple(found), tuple(filter(None, skipped)))


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _behind_prefix(pattern: re.Pattern[str], text: str, at: int) -> re.Match[str] | None:
    prefix = _PREFIX.match(text, at)
    return pattern.match(text, prefix.end()) if prefix and prefix.end() > at else None


def _json_lines(pieces: Mapping[str, str], text: str) -> Lines:
    found: list[LogLine] = []
    skipped: list[str] = []
    at = 0
    while at < len(text):
        prefix = _PREFIX.match(text, at)
        begin = prefix.end() if prefix else at
        read = _json_fields(pieces, text, begin) if text.startswith("{", begin) else None
        if read is not None:
            fields, end = read
            found.append(LogLine(text[begin:end], fields))
        else:
            end = _line_end(text, at)
            skipped.append(text[at:end].strip())
        at = end + 1
    return Lines(tuple(found), tuple(filter(None, skipped)))


_DECODER = json.JSONDecoder()


def _json_fields(pieces: Mapping[str, str], text: str, begin: int) -> tuple[tuple[Field, ...], int] | None:
    """The fields of the object that begins there, and where its line ends; jq writes one over several lines."""
    try:
        value, end = _DECODER.raw_decode(text, begin)
    except (ValueError, RecursionError):
        return None
    is_whole = not text[end : end + 1] or text[end] == "\n"
    if not is_whole or not isinstance(value, dict) or value.keys() != pieces.keys():
        return None
    fields: list[Field] = []
    for key, form in pieces.items():
        read = _json_value(form, value[key])
        if read is None:
            return None
        fields += [Field(key, operator, part) for operator, part in read]
    return tuple(fields), end


def _json_value(form: str, value: Any) -> list[tuple[Operator, str]] | None:  # noqa: ANN401  # of JSON
    tokens = parse(form).tokens
    if len(tokens) == 1 and isinstance(tokens[0], Operator):
        text = MISSING if value is None else value if isinstance(value, str) else json.dumps(value)
        return [(tokens[0], text)]
    if not isinstance(value, str):
        return None
    pattern, operators = _pattern(form)
    match = pattern.fullmatch(value)
    return None if match is None else list(zip(operators, match.groups(), strict=True))


@lru_cache(maxsize=256)
def _pattern(form: str) -> tuple[re.Pattern[str], tuple[Operator, ...]]:
    """The format as an expression with a group for each operator."""
    parts: list[str] = []
    operators: list[Operator] = []
    for token in parse(form).tokens:
        if isinstance(token, Literal):
            parts.append(re.escape(token.text))
            continue
        operators.append(token)
        shape = None if token.argument and token.name in _PLAIN_ONLY else _SHAPES.get(token.name)
        parts.append(f"({shape}|{UNKNOWN})" if shape and token.length is None else f"([^\\n]{_amount(token)}?)")
    return re.compile("".join(parts)), tuple(operators)


def _amount(operator: Operator) -> str:
    return "*" if operator.length is None or operator.length > 65535 else f"{{0,{operator.length}}}"
