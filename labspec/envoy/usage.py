"""Whether Envoy takes one operator with its argument and length: the rules behind labspec.envoy.format.check.

The verdicts are those of `envoy --mode validate`, but for three things that are not examined, so that Envoy may refuse
what passes here: the syntax of a CEL expression that is not empty; numbers too large for it and lone surrogates in COALESCE's
JSON. A COALESCE whose JSON is a bare number, word or string is refused here, while Envoy 1.37 to 1.39 crashes on it.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from labspec.envoy.operators import OPERATORS, UNWIRED, ArgumentRule, OperatorRule
from labspec.envoy.versions import istio_with

UNKNOWN = "log-operator-unknown"
ARGUMENT = "log-operator-argument"

REFERENCE = "https://www.envoyproxy.io/docs/envoy/latest/configuration/advanced/substitution_formatter"

_HEADER_NAME = re.compile(r":?[A-Za-z0-9!#$%&'*+.^_`|~-]+")
# Envoy looks for strftime's newline, flags and width included, so `%%n` counts as one too.
_TIME_NEWLINE = re.compile(r"%[-_0^#]*[1-9]*[EO]?n")
_PRECISIONS = ("ms", "us", "ns")
_SERIALIZATIONS = ("PLAIN", "TYPED", "FIELD")
_LONGEST = 2**63 - 1


class Complaint(NamedTuple):
    """What is wrong with one operator."""

    code: str
    message: str
    help: str


def complaints_of(name: str, argument: str, length: int | None, envoy: str) -> Iterator[Complaint]:
    """Everything that this Envoy minor would refuse in one operator; an empty argument is none."""
    rule = OPERATORS.get(name)
    if rule is None or not rule.is_in(envoy):
        yield _unknown(name, rule, envoy)
        return
    wrong = _argument_complaint(rule, argument, envoy)
    if wrong:
        yield Complaint(ARGUMENT, *wrong)
    if length is not None and not rule.length:
        yield Complaint(ARGUMENT, f"{name} takes no length", f"take :{length} out")


def _unknown(name: str, rule: OperatorRule | None, envoy: str) -> Complaint:
    if rule is not None and rule.first > envoy:
        return Complaint(
            UNKNOWN,
            f"{name} is known from Envoy {rule.first}, Istio {istio_with(rule.first)} on; "
            f"Istio {istio_with(envoy)} runs Envoy {envoy}",
            f"take it out, or use Istio {istio_with(rule.first)}",
        )
    if rule is not None:
        return Complaint(
            UNKNOWN, f"{name} is known up to Envoy {rule.last}, Istio {istio_with(rule.last)}", "take it out"
        )
    if name in UNWIRED:
        return Complaint(
            UNKNOWN, f"{name} needs Envoy's extension {UNWIRED[name]}, which Istio does not configure", "take it out"
        )
    return Complaint(UNKNOWN, f"Envoy {envoy} has no operator {name or 'without a name'}", _suggestion(name, envoy))


def _suggestion(name: str, envoy: str) -> str:
    # Imported here: difflib is only needed when something is wrong.
    from difflib import get_close_matches  # noqa: PLC0415

    usable = [rule.name for rule in OPERATORS.values() if rule.is_in(envoy)]
    close = get_close_matches(name, usable, n=1, cutoff=0.7) or [full for full in usable if full.endswith(f"_{name}")]
    if close:
        return f"did you mean {' or '.join(close[:3])}?"
    return f"a request header is read with %REQ(NAME)%; every operator: {REFERENCE}"


def _argument_complaint(rule: OperatorRule, argument: str, envoy: str) -> tuple[str, str] | None:
    """Message and help, or None where the argument fits."""
    wanted = rule.argument
    example = f"write, for example, %{rule.name}({wanted.example})%"
    if not argument:
        return (f"{rule.name} needs an argument", example) if wanted.required else None
    if wanted.kind == "nothing":
        return f"{rule.name} takes no argument", f"write %{rule.name}%"
    if envoy < rule.argument_first:
        first = f"Envoy {rule.argument_first}, Istio {istio_with(rule.argument_first)}"
        return f"{rule.name} takes an argument only from {first} on", f"write %{rule.name}%"
    wrong = _wrong(wanted, argument, envoy)
    return (f"{rule.name}: {wrong}", example) if wrong else None


def _wrong(rule: ArgumentRule, argument: str, envoy: str) -> str:
    wrong = ""
    match rule.kind:
        case "headers":
            wrong = _wrong_headers(argument)
        case "time":
            wrong = "the time format holds a newline, %n" if _TIME_NEWLINE.search(argument) else ""
        case "choice":
            wrong = _wrong_choice(rule, argument)
        case "duration":
            wrong = _wrong_duration(argument)
        case "filter-state":
            wrong = _wrong_filter_state(argument)
        case "cel":
            wrong = "" if argument.strip() else "the expression is empty"
        case "coalesce":
            wrong = "; ".join(_wrong_in_coalesce(argument, envoy))
        case "nothing" | "text":
            pass
    return wrong


def _wrong_headers(argument: str) -> str:
    names = argument.split("?")
    if len(names) > 2:
        return "more than one alternative header"
    bad = [name for name in names if name and not _HEADER_NAME.fullmatch(name)]
    return f'"{bad[0]}" is not a header name' if bad else ""


def _wrong_choice(rule: ArgumentRule, argument: str) -> str:
    parts = argument.split(":") if len(rule.choices) > 1 else [argument]
    for part, choices in zip(parts, rule.choices, strict=False):
        known = {choice.lower() for choice in choices} if rule.any_case else choices
        fits = not choices or (part.lower() if rule.any_case else part) in known
        if not fits and (part or rule.required):
            return f'"{part}" is none of {", ".join(choices)}'
    return ""


def _wrong_duration(argument: str) -> str:
    parts = argument.split(":")
    if len(parts) not in {2, 3}:
        return "not START:END or START:END:PRECISION"
    if len(parts) == 3 and parts[2] not in _PRECISIONS:
        return f'"{parts[2]}" is none of {", ".join(_PRECISIONS)}'
    return ""


def _wrong_filter_state(argument: str) -> str:
    key, serialization, field = [*argument.split(":"), "", ""][:3]
    if not key:
        return "the key is empty"
    if serialization and serialization not in _SERIALIZATIONS:
        return f'"{serialization}" is none of {", ".join(_SERIALIZATIONS)}'
    if (serialization == "FIELD") != bool(field):
        return "FIELD, and only FIELD, is followed by a field name: KEY:FIELD:NAME"
    return ""


def _wrong_in_coalesce(argument: str, envoy: str) -> Iterator[str]:
    # Imported here: next to no format has this operator.
    import json  # noqa: PLC0415

    try:
        config = json.loads(argument, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        yield f"not JSON ({error})"
        return
    entries = config.get("operators") if isinstance(config, dict) else None
    if not isinstance(entries, list) or not entries:
        yield 'not a JSON object with a list "operators" that is not empty'
        return
    for entry in entries:
        yield from _wrong_entry(entry, envoy)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _wrong_entry(entry: Any, envoy: str) -> Iterator[str]:  # noqa: ANN401  # whatever JSON holds
    fields = {"command": entry} if isinstance(entry, str) else entry
    if not isinstance(fields, dict) or not isinstance(fields.get("command"), str):
        yield 'an entry is neither an operator\'s name nor an object with "command"'
        return
    name, argument, length = fields["command"], fields.get("param", ""), fields.get("max_length", 1)
    if not isinstance(argument, str):
        yield f'"param" of {name} is not a string'
    elif type(length) is not int or not 0 < length <= _LONGEST:
        yield f'"max_length" of {name} is not a positive whole number'
    elif name == "REQ_WITHOUT_QUERY":
        yield "REQ_WITHOUT_QUERY is not known inside COALESCE"
    else:
        given = length if "max_length" in fields else None
        yield from (complaint.message for complaint in complaints_of(name, argument, given, envoy))
