"""YAML text -> nodes with positions, from the events of ruamel.yaml's pure parser.

Nodes are built here instead of by ruamel's composer because a spec's reader must see explicit tags, every alias and
every duplicate key, and must not run out of stack on deep nesting.
"""

from collections.abc import Iterator
from typing import Any

DEEPEST = 64
"""Levels of nesting; a spec needs about eight."""


class YamlError(Exception):
    """The text is not YAML; line and column count from 1."""

    def __init__(self, line: int, column: int, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.line, self.column, self.message, self.help = line, column, message, advice


class Node:
    """One value: `kind` is mapping, sequence, scalar or alias; lines and columns count from 1."""

    __slots__ = ("column", "end_column", "end_line", "kind", "line", "open", "style", "tag", "target", "value")

    def __init__(self, kind: str, value: Any, event: Any, tag: str | None = None, style: str | None = None) -> None:  # noqa: ANN401  # ruamel's events are untyped
        self.kind = kind
        self.value: Any = value
        self.tag = tag
        self.style = style
        """None for a plain scalar, else the quote or block indicator."""
        self.target: Node | None = None
        """What an alias names."""
        self.open = False
        """True while its content is being read: an alias that meets it is endless."""
        self.line, self.column = event.start_mark.line + 1, event.start_mark.column + 1
        self.end_line, self.end_column = event.end_mark.line + 1, event.end_mark.column + 1

    def is_absent(self) -> bool:
        """Whether nothing is written at all: a null without characters."""
        return self.kind == "scalar" and self.style is None and self.value == "" and self.tag is None

    def items(self) -> "list[Node]":
        """The items of a sequence."""
        return list(self.value)

    def pairs(self) -> "Iterator[tuple[Node, Node]]":
        """The keys and values of a mapping, in order."""
        return zip(self.value[::2], self.value[1::2], strict=True)


def compose(text: str) -> Node | None:
    """The root of the one document in `text`; None where there is none.

    Raises YamlError for what is not YAML, for a second document, for a `%YAML 1.1` and for nesting over 64 levels.
    """
    from ruamel.yaml import YAML  # noqa: PLC0415  # 13 ms that a call without a spec need not pay
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415

    try:
        return _Composer().run(YAML(typ="safe", pure=True).parse(text))
    except MarkedYAMLError as error:
        raise _explained(error, text) from None
    except (YAMLError, RecursionError, ValueError, AttributeError) as error:
        raise YamlError(
            1, 1, f"the file is not YAML: {str(error).splitlines()[0] if str(error) else 'nested too deeply'}"
        ) from None


class _Composer:
    def __init__(self) -> None:
        self._open: list[Node] = []
        self._anchors: dict[str, Node] = {}
        self._root: Node | None = None
        self._documents = 0

    def run(self, events: Any) -> Node | None:  # noqa: ANN401  # ruamel's events are untyped
        for event in events:
            name = type(event).__name__
            if name == "DocumentStartEvent":
                self._document(event)
            elif name == "AliasEvent":
                self._alias(event)
            elif name == "ScalarEvent":
                style = None if event.style in {None, ""} else event.style
                self._place(event, Node("scalar", event.value, event, _tag(event), style))
            elif name in {"MappingStartEvent", "SequenceStartEvent"}:
                self._start(event, "mapping" if name.startswith("M") else "sequence")
            elif name in {"MappingEndEvent", "SequenceEndEvent"}:
                closed = self._open.pop()
                closed.end_line, closed.end_column = event.end_mark.line + 1, event.end_mark.column + 1
        return None if self._root is not None and self._root.is_absent() else self._root

    def _document(self, event: Any) -> None:  # noqa: ANN401  # ruamel's events are untyped
        self._documents += 1
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if self._documents > 1:
            raise YamlError(
                line,
                column,
                "a second document starts here; a spec is one document",
                "remove the line ---, or make two files",
            )
        if event.version is not None and tuple(event.version) != (1, 2):
            raise YamlError(line, column, "the %YAML directive asks for another YAML than 1.2", "remove the directive")

    def _start(self, event: Any, kind: str) -> None:  # noqa: ANN401  # ruamel's events are untyped
        node = Node(kind, [], event, _tag(event))
        self._place(event, node)
        self._open.append(node)
        if len(self._open) > DEEPEST:
            raise YamlError(node.line, node.column, f"nested deeper than {DEEPEST} levels")

    def _alias(self, event: Any) -> None:  # noqa: ANN401  # ruamel's events are untyped
        node = Node("alias", event.anchor, event)
        node.target = self._anchors.get(event.anchor)
        if node.target is None:
            raise YamlError(node.line, node.column, f'the alias "*{event.anchor}" names no anchor above it')
        self._place(event, node)

    def _place(self, event: Any, node: Node) -> None:  # noqa: ANN401  # ruamel's events are untyped
        if node.kind != "alias" and event.anchor is not None:
            self._anchors[event.anchor] = node
        if self._open:
            siblings = self._open[-1].value
            if node.is_absent() and self._open[-1].kind == "mapping" and len(siblings) % 2:
                # ruamel gives the place of what follows, often a line further on.
                node.line, node.column = node.end_line, node.end_column = siblings[-1].end_line, siblings[-1].end_column
            siblings.append(node)
        else:
            self._root = node


def _tag(event: Any) -> str | None:  # noqa: ANN401  # ruamel's events are untyped
    tag = event.tag
    return None if tag is None else str(tag).replace("tag:yaml.org,2002:", "!!")


def _explained(error: Any, text: str) -> YamlError:  # noqa: ANN401  # ruamel's errors are untyped
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    lines = text.split("\n")
    shown = lines[line - 1] if line <= len(lines) else ""
    # ruamel points at the token after the tab, or at the tab itself.
    if "\t" in shown[: column - 1].lstrip(" ")[:1] or shown[column - 1 : column] == "\t":
        at = shown.index("\t") + 1
        return YamlError(line, at, "a tab cannot indent YAML", "use spaces")
    problem = " ".join(str(error.problem or error.context or "cannot be read").split())
    if problem.startswith("expected <block end>"):
        return YamlError(
            line,
            column,
            "not YAML: this does not continue the list or map above it",
            "check the indentation and the quotes above",
        )
    if error.context in _UNFINISHED and error.context_mark is not None:
        start = error.context_mark
        return YamlError(start.line + 1, start.column + 1, *_UNFINISHED[error.context])
    context = f" ({error.context})" if error.context and error.problem else ""
    return YamlError(line, column, f"not YAML: {problem}{context}", _ADVICE.get(problem, ""))


# What has no end; where it starts is the place to look at, not where the reader gave up.
_UNFINISHED = {
    "while scanning a simple key": ("not YAML: a key, but no colon and space after it", 'write "key: value"'),
    "while scanning a quoted scalar": ("not YAML: the quote that opens here is not closed", "close it"),
}

_ADVICE = {
    "mapping values are not allowed here": 'quote a text that holds ": ", or check the indentation',
    "mapping values are not allowed in this context": 'quote a text that holds ": ", or check the indentation',
    "found character '%' that cannot start any token": "quote a text that begins with %",
    "found character '@' that cannot start any token": "quote a text that begins with @",
    "found character '`' that cannot start any token": "quote a text that begins with `",
}
