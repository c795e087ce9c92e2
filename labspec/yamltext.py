"""Objects -> YAML text: the one emitter, for every file that labspec writes.

Block style, keys in the order given. Readers of YAML 1.1 (kubectl) and 1.2 read the same values: a string that either
would take for something else is quoted, and what either would change (line separators, controls, a byte order mark)
is escaped.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

Comments = Mapping[tuple[str | int, ...], str]
"""Path in the object -> what stands as a comment above that key or item."""

# Plain scalars: begin like a word, a path or a flag, and hold nothing that either reader gives a meaning.
_PLAIN = re.compile(
    r"(?:-{0,2}[A-Za-z]|[/_])[A-Za-z0-9_./@%+=,()?!*&^~;<>|$'{}\[\]\\-]*(?:(?:[: ]|: ?(?=:))[A-Za-z0-9_./@%+=,()?!*&^~;<>|$'{}\[\]\\-]+)*"
)
_QUANTITY = re.compile(r"[0-9]+(ms|[smhkMG]|[KMG]i)")
_RESERVED = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})
_INDENT = "  "


def stream(documents: Iterable[str]) -> str:
    """The documents as one YAML stream."""
    return "---\n".join(documents)


def document(value: Mapping[str, Any], comments: Comments | None = None) -> str:
    """One YAML document; a comment's lines stand above the key or item that its path names."""
    lines: list[str] = []
    _Emitter(lines, comments or {}).mapping(value, "", ())
    return "\n".join(lines) + "\n"


def sequence(items: Iterable[Any]) -> str:
    """A YAML document that is a list."""
    lines: list[str] = []
    _Emitter(lines, {}).sequence(items, "", ())
    return "\n".join(lines) + "\n"


class _Emitter:
    def __init__(self, lines: list[str], comments: Comments) -> None:
        self._lines = lines
        self._comments = comments

    def mapping(self, value: Mapping[str, Any], indent: str, path: tuple[str | int, ...], first: str = "") -> None:
        """The pairs of `value`; `first` stands instead of the indentation of the first one, as after `- `."""
        for key, item in value.items():
            here = (*path, key)
            lead = self._lead(indent, here, first)
            first = ""
            self._pair(f"{lead}{string(key)}:", item, indent, here)

    def sequence(self, value: Iterable[Any], indent: str, path: tuple[str | int, ...]) -> None:
        for index, item in enumerate(value):
            here = (*path, index)
            lead = self._lead(indent, here, "")
            if isinstance(item, Mapping) and item:
                self.mapping(item, indent + _INDENT, here, first=f"{lead}- ")
            else:
                self._pair(f"{lead}-", item, indent, here)

    def _lead(self, indent: str, path: tuple[str | int, ...], first: str) -> str:
        comment = self._comments.get(path) if self._comments else None
        if comment is not None and not first:
            self._lines.extend(f"{indent}# {line}".rstrip() for line in comment.splitlines())
        return first or indent

    def _pair(self, lead: str, item: object, indent: str, path: tuple[str | int, ...]) -> None:
        if isinstance(item, str):
            block = _block(item)
            if block is None:
                self._lines.append(f"{lead} {string(item)}")
            else:
                self._lines.append(f"{lead} {'|' if item.endswith(chr(10)) else '|-'}")
                self._lines.extend(f"{indent}{_INDENT}{line}".rstrip(" ") for line in block)
        elif isinstance(item, Mapping):
            self._lines.append(lead if item else f"{lead} {{}}")
            self.mapping(item, indent + _INDENT, path)
        elif isinstance(item, list | tuple):
            self._lines.append(lead if item else f"{lead} []")
            # Under a key, items stand at the key's own indentation, as in the Kubernetes documentation.
            self.sequence(item, indent + _INDENT if lead.endswith("-") else indent, path)
        else:
            self._lines.append(f"{lead} {_number(item)}")


def _number(item: object) -> str:
    if item is None:
        return "null"
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, float) and item.is_integer() and abs(item) < 1e15:
        return str(int(item))
    if isinstance(item, int | float):
        shown = repr(item)
        # YAML 1.1 sees a number in 1.0e-7, not in 1e-7.
        return shown.replace("e", ".0e") if "e" in shown and "." not in shown else shown
    msg = f"{type(item).__name__} is no YAML value"
    raise TypeError(msg)


def _block(text: str) -> list[str] | None:
    """The lines of a literal block, where `text` can be written as one that every reader reads back equal."""
    body = text.removesuffix("\n")
    if "\n" not in text or not body or body.startswith((" ", "\n", "\t")) or body.endswith("\n"):
        return None
    lines = body.split("\n")
    if all(line.isprintable() and line == line.rstrip() for line in (line.replace("\t", "") for line in lines)):
        return lines
    return None


def string(text: str) -> str:
    """A string scalar on one line: plain where every reader takes it for this string, else quoted."""
    if _PLAIN.fullmatch(text):
        if text.lower() not in _RESERVED:
            return text
    elif _QUANTITY.fullmatch(text):
        return text
    if not text.isprintable():
        return _escaped(text)
    if "\\" not in text and '"' not in text:
        return f'"{text}"'
    return "'" + text.replace("'", "''") + "'"


def _escaped(text: str) -> str:
    shown = []
    for character in text:
        code = ord(character)
        if character in {'"', "\\"}:
            shown.append("\\" + character)
        elif character.isprintable():
            shown.append(character)
        elif character in "\n\t\r":
            shown.append({"\n": "\\n", "\t": "\\t", "\r": "\\r"}[character])
        else:
            shown.append(f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return '"' + "".join(shown) + '"'
