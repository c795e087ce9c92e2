"""A log format that says the same of every request."""

from collections.abc import Iterator

from labspec.accesslog import NAMED, Piece
from labspec.envoy.format import Operator, parse
from labspec.finding import WARNING, alternatives
from labspec.lab import Lab
from labspec.rules._base import Hit, Rule
from labspec.rules._log import log_of


def _check(lab: Lab) -> Iterator[Hit]:
    log = log_of(lab)
    wanted = lab.spec.logs.format
    if not log.pieces or any(not _is_constant(piece) for piece in log.pieces):
        return
    near = alternatives(wanted, NAMED) if isinstance(wanted, str) else ""
    message = f"every request writes the same line: the format holds no operator{near}"
    yield Hit(("logs", "format"), message, f"write operators, or a name: {', '.join(NAMED)}")


def _is_constant(piece: Piece) -> bool:
    if piece.resolved is None or piece.resolved.unknown or "%" in piece.text.replace("%%", ""):
        return False
    return not any(isinstance(token, Operator) for token in parse(piece.text).tokens)


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
