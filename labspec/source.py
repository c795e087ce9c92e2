"""Bytes of a spec -> Document: YAML 1.2 values that know where they stand.

The only module that reads a spec. Everything that YAML allows and a spec does not (several documents, tags, merge keys,
duplicate keys, aliases without bound) becomes a finding here, so that later stages meet plain values only.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

from labspec.errors import UsageError
from labspec.finding import ERROR, Finding, Path, Position, in_order
from labspec.yamlnodes import Node, YamlError, compose
from labspec.yamlvalues import describe, scalar

LARGEST = 16 * 1024 * 1024
"""Bytes; a spec of 10,000 services has 2 MiB."""

MOST_ALIASED = 10_000
"""Values that aliases may repeat in one document; without a bound nine lines of YAML make a billion values."""

# What a YAML stream may not hold (YAML 1.2 section 5.1), and DEL and the C1 controls, which it may but nobody means.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")

# What a double-quoted string can spell and no lab can carry: kustomize fails on these or changes them (measured with 5.5.0
# and 5.8.1), NUL ends a process argument, and a lone surrogate is no character.
_UNCARRIED = re.compile("[\x00\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Document:
    """One spec: its value, and the position of each part of it."""

    def __init__(self, name: str, text: str, root: Node, value: object) -> None:
        self.name = name
        self._lines = text.split("\n")
        self.value = value
        self._root = root

    def scalar(self, path: Path) -> str | None:
        """The characters of the scalar at `path` as the author wrote them; None where there is no scalar."""
        node = self._node(path, exact=True)
        return node.value if node is not None and isinstance(node.value, str) else None

    def origin(self, path: Path) -> Path:
        """`path`: without layers everything stands where it is."""
        return path

    def position(self, path: Path, *, key: bool = False, offset: int | None = None, width: int = 1) -> Position:
        """Where the value (or, with `key`, its key) at `path` stands; the nearest part above where there is none.

        `offset` points inside a string value: the character at that index, where the text shows it unchanged.
        """
        if key:
            found = self._key(path)
            if found is not None:
                return self._at(found)
        node = self._node(path, exact=False)
        if node is None or (node is self._root and path):
            return Position(self.name, self._root.line, self._root.column)
        if offset is not None and isinstance(node.value, str):
            return self._inside(node, offset, width)
        return self._at(node)

    def _line(self, number: int) -> str:
        return self._lines[number - 1].rstrip("\r") if 0 < number <= len(self._lines) else ""

    def _at(self, node: Node) -> Position:
        one_line = isinstance(node.value, str) and node.end_line == node.line
        return Position(self.name, node.line, node.column, max(1, node.end_column - node.column) if one_line else 1)

    def _inside(self, node: Node, offset: int, width: int) -> Position:
        if node.style == "|":
            return self._inside_block(node, offset, width)
        shift = {"'": 1, '"': 1}.get(node.style or "", 0)
        column = node.column - 1 + shift
        shown = self._line(node.line)[column : column + len(node.value)]
        if node.end_line != node.line or shown != node.value:
            return self._at(node)
        return Position(self.name, node.line, column + offset + 1, width)

    def _inside_block(self, node: Node, offset: int, width: int) -> Position:
        before = str(node.value)[:offset]
        number = node.line + 1 + before.count("\n")
        line = self._line(number)
        inner = str(node.value).split("\n")[before.count("\n")]
        indent = len(line) - len(line.lstrip(" ")) if inner[:1] != " " else line.find(inner)
        return Position(self.name, number, max(indent, 0) + len(before.rpartition("\n")[2]) + 1, width)

    def _key(self, path: Path) -> Node | None:
        parent = self._node(path[:-1], exact=True) if path else None
        if parent is None or not isinstance(parent.value, list) or parent.kind != "mapping":
            return None
        return next((name for name, _ in parent.pairs() if name.value == path[-1]), None)

    def _node(self, path: Path, *, exact: bool) -> Node | None:
        node = self._root
        for step in path:
            child = _child(node, step)
            if child is None:
                return None if exact else node
            node = child
        return node


def read(path: str) -> tuple[str, bytes]:
    """The name for messages and the content of the spec at `path`; `-` is standard input.

    Raises UsageError when it cannot be read.
    """
    if path == "-":
        return "<stdin>", sys.stdin.buffer.read(LARGEST + 1)
    try:
        with FilePath(path).open("rb") as stream:
            return path, stream.read(LARGEST + 1)
    except IsADirectoryError:
        raise UsageError(f"{path}: is a directory; name the spec file in it") from None
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def parse(name: str, content: bytes) -> tuple[Document | None, list[Finding]]:
    """The document in `content`, or None, and all that is wrong with it as YAML."""
    try:
        text = _decode(name, content)
        root = compose(text)
    except _UnreadableError as error:
        return None, [error.finding]
    except YamlError as error:
        where = Position(name, error.line, error.column)
        return None, [Finding(where, ERROR, "yaml-syntax", (), error.message, error.help)]
    if root is None:
        empty = "the file is empty" if not text.strip() else "the file holds only comments"
        example = "start with: apiVersion: labspec/v1, name: my-lab, services: {...}"
        return None, [Finding(Position(name, 1, 1), ERROR, "empty-spec", (), empty, example)]
    reader = _Reader(name)
    value = reader.value(root, ())
    return Document(name, text, root, value), in_order(reader.findings)


class _UnreadableError(Exception):
    def __init__(self, where: Position, rule: str, message: str, advice: str) -> None:
        super().__init__(message)
        self.finding = Finding(where, ERROR, rule, (), message, advice)


def _decode(name: str, content: bytes) -> str:
    if len(content) > LARGEST:
        advice = "split the lab; a spec of 10,000 services has 2 MiB"
        raise _UnreadableError(Position(name, 1, 1), "too-large", "the file has more than 16 MiB", advice)
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise _UnreadableError(
            Position(name, 1, 1), "not-utf8", "the file is UTF-16; a spec is UTF-8", "save it as UTF-8"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8", "replace")
        message = f"byte 0x{error.object[error.start]:02x} is not UTF-8"
        raise _UnreadableError(_end_of(name, before), "not-utf8", message, "save the file as UTF-8") from None
    found = _FORBIDDEN.search(text)
    if found:
        message = f"control character U+{ord(found.group()):04X} is not allowed"
        advice = 'remove it, or write it as an escape in a double-quoted string, as in "\\x07"'
        raise _UnreadableError(_end_of(name, text[: found.start()]), "control-character", message, advice)
    return text


def _end_of(name: str, text: str) -> Position:
    return Position(name, text.count("\n") + 1, len(text.rpartition("\n")[2]) + 1)


def _child(node: Node, step: str | int) -> Node | None:
    if node.kind == "mapping" and isinstance(step, str):
        return next((value for name, value in node.pairs() if name.value == step), None)
    if node.kind == "sequence" and isinstance(step, int):
        items = node.items()
        return items[step] if 0 <= step < len(items) else None
    return None


class _Reader:
    """Nodes -> plain values, collecting what a spec may not hold."""

    def __init__(self, name: str) -> None:
        self.findings: list[Finding] = []
        self._name = name
        self._aliased = 0
        self._inside_alias = 0
        self._endless = False

    def value(self, node: Node, path: Path) -> Any:  # noqa: ANN401  # any YAML value
        if node.tag is not None:
            self._add(
                node, "yaml-tag", path, f"the tag {node.tag} is not allowed: a spec holds plain values", "leave it out"
            )
        if node.kind == "alias":
            return self._alias(node, path)
        if self._inside_alias:
            self._aliased += 1
        if node.kind == "scalar":
            return scalar(str(node.value)) if node.style is None else self._text(node, path)
        node.open = True
        if node.kind == "mapping":
            result: Any = dict(self._pairs(node, path))
        else:
            result = [self.value(item, (*path, index)) for index, item in enumerate(node.items())]
        node.open = False
        return result

    def _text(self, node: Node, path: Path) -> str:
        text = str(node.value)
        found = _UNCARRIED.search(text)
        if found:
            message = f"the character U+{ord(found.group()):04X} cannot reach the cluster: kustomize fails on it or changes it"
            self._add(node, "control-character", path, message, "leave it out")
        return text

    def _alias(self, node: Node, path: Path) -> Any:  # noqa: ANN401  # any YAML value
        if node.target is None or self._endless:
            return None
        if self._aliased > MOST_ALIASED:
            self._endless = True
            message = f"the aliases repeat more than {MOST_ALIASED} values"
            self._add(node, "yaml-alias", (), message, "write the values out, or use fewer aliases")
            return None
        if node.target.open:
            message = f'"*{node.value}" stands inside what it names'
            self._add(node, "yaml-alias", path, message, "write the value out")
            return None
        self._inside_alias += 1
        result = self.value(node.target, path)
        self._inside_alias -= 1
        return result

    def _pairs(self, node: Node, path: Path) -> Iterator[tuple[str, Any]]:
        seen: dict[str, Node] = {}
        for key, value in node.pairs():
            name = self._key(key, path)
            if name is None:
                continue
            if name in seen:
                message = f'the key "{name}" stands here twice; the first is in line {seen[name].line}'
                self._add(key, "duplicate-key", (*path, name), message, "keep one of them")
                continue
            seen[name] = key
            yield name, self.value(value, (*path, name))

    def _key(self, key: Node, path: Path) -> str | None:
        if key.kind == "alias" and key.target is not None:
            key = key.target
        if key.kind != "scalar":
            self._add(key, "yaml-key", path, "a key is a string, not a list or a map", "")
            return None
        text = str(key.value)
        if key.style is None and text == "<<":
            message = 'the merge key "<<" is not allowed: YAML 1.2 does not know it'
            self._add(key, "yaml-merge", path, message, "write the keys out")
            return None
        if key.style is None and not isinstance(scalar(text), str):
            message = f"a key is a string; {text or 'an empty key'} is {describe(scalar(text))}"
            self._add(key, "yaml-key", path, message, f'quote it: "{text}"')
            return None
        return text

    def _add(self, node: Node, rule: str, path: Path, message: str, advice: str) -> None:
        where = Position(self._name, node.line, node.column)
        self.findings.append(Finding(where, ERROR, rule, path, message, advice))
