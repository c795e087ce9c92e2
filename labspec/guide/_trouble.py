"""A trouble, and how the guide shows one."""

from typing import NamedTuple

from labspec.guide._markdown import block, page, prose


class Trouble(NamedTuple):
    """One row; Markdown but for the commands."""

    symptom: str
    cause: str
    look: str
    """Commands that show it."""
    fix: str


def shown(trouble: Trouble) -> str:
    """The trouble as a section."""
    return page(
        [
            f"### {trouble.symptom}",
            prose(f"Why: {trouble.cause}"),
            block(trouble.look, "bash"),
            prose(f"Fix: {trouble.fix}"),
        ]
    )
