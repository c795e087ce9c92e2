"""One thing wrong, or unwise, with a spec: data that travels in lists until a reporter prints it."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

Path = tuple[str | int, ...]
"""A place in the spec: keys and list indexes from the root."""

ERROR = "error"
WARNING = "warning"


class Position(NamedTuple):
    """A place in a text, counted from 1, as editors do; the column counts characters."""

    file: str
    line: int
    column: int
    width: int = 1
    """Characters to underline."""


class Finding(NamedTuple):
    """One thing to tell the author of a spec."""

    position: Position
    severity: str
    """`error`: it cannot work or cannot be said. `warning`: it works, with the consequence that the message names."""
    rule: str
    """Identifier for `labspec explain`."""
    path: Path
    message: str
    help: str = ""
    """What to write instead; empty where the message says it."""
    variants: tuple[str, ...] = ()
    """The variants that it is about, where it is not about the lab itself, and stands in no part of theirs."""


def dotted(path: Path) -> str:
    """`services.frontend.calls[0]`, the way people write a place in a spec."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Sorted by position, each once; those with the same message stay in their order."""
    return sorted(
        dict.fromkeys(findings), key=lambda finding: (finding.position, finding.severity, finding.rule, finding.message)
    )


def gathered(findings: Iterable[tuple[str | None, Finding]]) -> list[Finding]:
    """Findings of a lab (None) and of its variants as one list: what all have is told once, and the others name their variants."""
    variants: dict[Finding, list[str | None]] = {}
    for variant, finding in findings:
        variants.setdefault(finding, []).append(variant)
    found = []
    for finding, names in variants.items():
        others = () if None in names else tuple(dict.fromkeys(name for name in names if name))
        is_own = finding.path[:1] == ("variants",)
        found.append(finding if is_own else finding._replace(variants=others))
    return in_order(found)


def alternatives(wanted: str, known: Sequence[str]) -> str:
    """`; did you mean "x"?` where one of `known` is close to `wanted`, else nothing."""
    # Imported here: difflib is only needed when something is wrong.
    from difflib import get_close_matches  # noqa: PLC0415

    close = get_close_matches(wanted, known, n=1, cutoff=0.6)
    return f'; did you mean "{close[0]}"?' if close else ""


def listed(names: Iterable[str]) -> str:
    """`a, b and c`."""
    words = list(names)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else "none"


def counted(number: int, noun: str) -> str:
    """`1 span`, `2 spans`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
