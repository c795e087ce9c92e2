"""A log format that says the same of every request."""

from collections.abc import Iterator

from labspec.accesslog import NAMED
from labspec.envoy.format import Operator, parse
from labspec.finding import WARNING, alternatives, listed
from labspec.lab import Lab
from labspec.rules._base import Hit, Rule
from labspec.rules._log import log_of


def _check(lab: Lab) -> Iterator[Hit]:
    log = log_of(lab)
    wanted = lab.spec.logs.format
    if log.resolved is None or log.text is None or log.resolved.unknown or "%" in log.text.replace("%%", ""):
        return
    if not any(isinstance(token, Operator) for token in parse(log.text).tokens):
        message = f"every request writes the same line: the format holds no operator{alternatives(wanted, list(NAMED))}"
        yield Hit(("logs", "format"), message, f"write operators, or a name: {listed(NAMED)}")


RULE = Rule(
    id="log-format-constant",
    severity=WARNING,
    summary="The log format holds no operator.",
    why="A format without an operator writes the same words for every request. Often it is a misspelt name of a format.",
    failing="logs: {format: trased}",
    mended="logs: {format: traced}",
    source="the labspec language",
    on_lab=_check,
    needs=("logs",),
)
