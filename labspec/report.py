"""Findings as text for people, as JSON for machines and as annotations for GitHub."""

import json
from collections.abc import Callable, Sequence

from labspec.finding import ERROR, Finding, dotted

# Variants that a finding names.
_MOST_NAMED = 6

Painter = Callable[[str, str], str]
"""Text and a colour's name -> text, coloured or not."""


def plain(text: str, colour: str) -> str:  # noqa: ARG001  # the painter that does not paint
    """The painter for a file or a pipe."""
    return text


def as_text(finding: Finding, lines: Sequence[str] = (), paint: Painter = plain) -> str:
    """`file:line:column: error[rule] path: message`, the source line with a caret, and the help.

    `lines` is the text of the file; without it the source line is left out.
    """
    position = finding.position
    colour = "red" if finding.severity == ERROR else "yellow"
    path = f" {dotted(finding.path)}{_whose(finding)}:" if finding.path else ""
    place = f"{position.file}:{position.line}:{position.column}:"
    kind = paint(f"{finding.severity}[{finding.rule}]", colour)
    lead = f"{paint(_visible(place), 'bold')} {kind}"
    shown = [f"{lead}{_visible(f'{path} {finding.message}')}"]
    source = lines[position.line - 1].rstrip("\r") if position.line <= len(lines) else ""
    if source.strip():
        shown += _excerpt(position.line, position.column, position.width, source, paint)
    if finding.help:
        shown.append(f"  {paint('help:', 'cyan')} {_visible(finding.help)}")
    return "\n".join(shown)


def _whose(finding: Finding) -> str:
    many = "s" if len(finding.variants) > 1 else ""
    more = f" and {len(finding.variants) - _MOST_NAMED} more" if len(finding.variants) > _MOST_NAMED else ""
    return f" (variant{many} {', '.join(finding.variants[:_MOST_NAMED])}{more})" if finding.variants else ""


def summary(findings: Sequence[Finding]) -> str:
    """`2 errors, 1 warning`."""
    errors = sum(finding.severity == ERROR for finding in findings)
    counts = ((errors, "error"), (len(findings) - errors, "warning"))
    return ", ".join(f"{count} {word}{'s' if count != 1 else ''}" for count, word in counts if count) or "no findings"


def as_json(findings: Sequence[Finding]) -> str:
    """One JSON object: the findings and how many there are of each severity."""
    errors = sum(finding.severity == ERROR for finding in findings)
    shown = [
        {
            "file": finding.position.file,
            "line": finding.position.line,
            "column": finding.position.column,
            "severity": finding.severity,
            "rule": finding.rule,
            "path": dotted(finding.path),
            "variants": list(finding.variants),
            "message": finding.message,
            "help": finding.help,
        }
        for finding in findings
    ]
    return json.dumps(
        {"errors": errors, "warnings": len(findings) - errors, "findings": shown}, indent=2, ensure_ascii=False
    )


def as_github(findings: Sequence[Finding]) -> str:
    """A workflow command of GitHub Actions for each finding, which annotates the place in the file; nothing where there are none.

    `endColumn` is the last column that is marked. Source: actions/toolkit packages/core/src/command.ts (escapeData, escapeProperty) and
    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands.
    """
    return "".join(f"{_command(finding)}\n" for finding in findings)


def _command(finding: Finding) -> str:
    position = finding.position
    properties = {
        "file": position.file,
        "line": str(position.line),
        "col": str(position.column),
        "endColumn": str(position.column + max(1, position.width) - 1),
        "title": f"labspec[{finding.rule}]",
    }
    path = f"{dotted(finding.path)}{_whose(finding)}: " if finding.path else ""
    said = [_visible(f"{path}{finding.message}"), *([f"help: {_visible(finding.help)}"] if finding.help else [])]
    shown = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{'error' if finding.severity == ERROR else 'warning'} {shown}::{_data(chr(10).join(said))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _excerpt(number: int, column: int, width: int, source: str, paint: Painter) -> list[str]:
    # A long line is cut around the place: formats have some 300 characters.
    start = max(0, column - 1 - 60) if len(source) > 100 else 0
    shown = source[start : start + 100]
    cut = "..." if start else ""
    caret = " " * (len(cut) + column - 1 - start) + "^" * max(1, min(width, 100 - (column - 1 - start)))
    gutter = " " * len(str(number))
    return [
        f"  {paint(f'{number} |', 'blue')} {cut}{_visible(shown)}{'...' if start + 100 < len(source) else ''}",
        f"  {paint(f'{gutter} |', 'blue')} {paint(caret, 'red')}",
    ]


def _visible(text: str) -> str:
    """`text` with what a terminal would obey, or hide, shown as escapes."""
    return "".join(
        character if character.isprintable() else " " if character == "\t" else f"\\u{ord(character):04x}"
        for character in text
    )
