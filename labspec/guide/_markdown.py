"""Markdown of GitHub's flavour, and mermaid: the one place where words become a page.

Text of a spec reaches a page only through `code`, `block`, `plain` or `mermaid`, so that none of it is read as markup.
"""

import re
from collections.abc import Iterable, Sequence

WIDTH = 120

_BACKTICKS = re.compile("`+")
_CODE_SPAN = r"(?<!`)(?P<fence>`+)(?!`)[^\n]+?(?<!`)(?P=fence)(?!`)"
_WORD = re.compile(rf"(?:{_CODE_SPAN}|[^\s`])+")
# At the start of a line these begin a list, a heading, a quotation, a table, a rule or HTML.
_BLOCK_START = re.compile(r"[-+*#>=|~<]|[0-9]+[.)]")
# Nothing here is markup, an emoji, a mention, a reference or a link.
_HARMLESS = re.compile(r"[^\W_](?:[^\W_]|[ ,;.?!'\"()/-]|:(?= ))*")


def code(text: str) -> str:
    """A code span on one line; what does not print stands as an escape sequence."""
    shown = _printable(text) or " "
    fence = "`" * (_longest_run(shown) + 1) if "`" in shown else "`"
    needs_space = shown[0] in "` " or shown[-1] in "` "
    padding = " " if needs_space and shown.strip() else ""
    return f"{fence}{padding}{shown}{padding}{fence}"


def cell(text: str) -> str:
    """A code span for a table: a bar would end the cell, even in code."""
    return code(text.replace("|", "\\u007c"))


def block(text: str, language: str = "") -> str:
    """A fenced block of `text`, whose lines lose the spaces at their ends."""
    lines = [_printable(line, keep="\t").rstrip() for line in text.strip("\n").split("\n")]
    fence = "`" * max(3, _longest_run(text) + 1)
    return "\n".join([fence + language, *lines, fence])


def plain(text: str) -> str:
    """Words of a spec as a paragraph: as they are where nothing in them is markup, else as code."""
    if _HARMLESS.fullmatch(text) and not _BLOCK_START.match(text) and "www." not in text.lower():
        return prose(text)
    span = code(text)
    return span if len(span) <= WIDTH else block(text, "text")


def prose(text: str, first: str = "", rest: str = "") -> str:
    """`text` in lines of at most 120 characters, the first behind `first`, the others behind `rest`; code stays whole."""
    lines: list[str] = []
    line = ""
    for match in _WORD.finditer(text):
        word = match.group()
        if (
            line
            and len(first if not lines else rest) + len(line) + 1 + len(word) > WIDTH
            and not _BLOCK_START.match(word)
        ):
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    lines.append(line)
    return "\n".join([first + lines[0], *(rest + more for more in lines[1:])])


def bullets(items: Iterable[str]) -> str:
    """A list."""
    return "\n".join(prose(item, "- ", "  ") for item in items)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its cells are Markdown without bars."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def page(parts: Iterable[str]) -> str:
    """The parts that are not empty, with an empty line between."""
    return "\n\n".join(part for part in parts if part)


def mermaid(text: str) -> str:
    """A mermaid label in its quotation marks; all but letters, digits and a few signs as entities."""
    return '"' + "".join(c if c.isascii() and (c.isalnum() or c in " ./_-") else f"#{ord(c)};" for c in text) + '"'


def comment(text: str) -> str:
    """An HTML comment; it ends where it should."""
    return f"<!-- {_printable(text).replace('>', '&gt;')} -->"


def _longest_run(text: str) -> int:
    return max((len(run) for run in _BACKTICKS.findall(text)), default=0)


def _printable(text: str, keep: str = "") -> str:
    return "".join(c if c.isprintable() or c in keep else _escape(c) for c in text)


def _escape(character: str) -> str:
    named = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return named.get(character, f"\\u{ord(character):04x}")
