"""Plain scalars of YAML 1.2: what they stand for, and what to call it."""

import re
from typing import NamedTuple

_NULL = {"", "~", "null", "Null", "NULL"}
_TRUE = {"true", "True", "TRUE"}
_FALSE = {"false", "False", "FALSE"}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?")


class Date(NamedTuple):
    """A plain scalar that other YAML readers take for a date; a spec wants it quoted."""

    text: str


def scalar(text: str) -> str | int | float | bool | Date | None:
    """What a plain scalar stands for in YAML 1.2 (core schema); dates are told apart because YAML 1.1 readers see them."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INT.fullmatch(text):
        # Python refuses to read more than 4,300 digits; nobody means such a number as a number.
        return int(text, 0 if text[:2] in {"0o", "0x"} else 10) if len(text) < 100 else float("inf")
    if _FLOAT.fullmatch(text):
        return float(
            text.replace(".inf", "inf").replace(".Inf", "inf").replace(".INF", "inf").lower().replace(".nan", "nan")
        )
    return Date(text) if _DATE.fullmatch(text) else text


def describe(value: object) -> str:
    """The value's kind in words: `a number`, `a list`."""
    if value is None:
        return "empty (null)"
    words = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "a string",
        list: "a list",
        dict: "a map",
        Date: "a date",
    }
    return words.get(type(value), type(value).__name__)
