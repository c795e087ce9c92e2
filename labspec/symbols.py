"""`${name}` in a spec's text, and the way back from the text that it becomes to the one that was written."""

import re
from collections.abc import Mapping
from typing import NamedTuple

_SYMBOL = re.compile(r"\$\$\{|\$\{([^${}]*)\}?")


class Unknown(NamedTuple):
    """A symbol that nothing stands behind."""

    name: str
    start: int
    end: int


class Resolved(NamedTuple):
    """A text with its symbols replaced; `$${` became a literal `${`."""

    text: str
    unknown: tuple[Unknown, ...]
    used: tuple[tuple[str, int, int], ...]
    """Name, start and end of each symbol in the text as written."""
    pieces: tuple[tuple[int, int, int], ...]
    """Of each replacement: start in the result, length in the result, end in the text as written less that in the result."""

    def written(self, offset: int) -> int:
        """Where the character at `offset` of the result comes from in the text as written: the start of its symbol, if it is of one."""
        shift = 0
        for start, length, after in self.pieces:
            if offset < start:
                break
            if offset < start + length:
                return start + shift
            shift = after
        return offset + shift


def resolve(text: str, symbols: Mapping[str, str]) -> Resolved:
    """`text` with each `${name}` replaced by what `symbols` says; an unknown one stays as it is, and is listed."""
    parts: list[str] = []
    unknown: list[Unknown] = []
    used: list[tuple[str, int, int]] = []
    pieces: list[tuple[int, int, int]] = []
    length = done = 0
    for found in _SYMBOL.finditer(text):
        name = found.group(1)
        if name is None:
            value = "${"
        elif name in symbols and found.group().endswith("}"):
            value = symbols[name]
            used.append((name, found.start(), found.end()))
        else:
            value = found.group()
            unknown.append(Unknown(name, found.start(), found.end()))
        parts += [text[done : found.start()], value]
        length += found.start() - done
        pieces.append((length, len(value), found.end() - (length + len(value))))
        length += len(value)
        done = found.end()
    parts.append(text[done:])
    return Resolved("".join(parts), tuple(unknown), tuple(used), tuple(pieces))
