"""A step of the lab, and how the guide shows one."""

from typing import NamedTuple

from labspec.guide._markdown import block, bullets, page, prose


class Step(NamedTuple):
    """One step; Markdown but for commands and output."""

    title: str
    command: str
    does: str
    output: str
    """Lines that the script prints, as an example; `...` stands for those left out."""
    remarks: tuple[str, ...]
    by_hand: str
    """The plain commands behind it."""


def shown(place: int, step: Step) -> str:
    """The step as the one with number `place`."""
    return page(
        [
            f"### {place}. {step.title}",
            block(step.command, "bash"),
            prose(step.does),
            "You will see lines like these:",
            block(step.output, "text"),
            bullets(step.remarks),
            "By hand:",
            block(step.by_hand, "bash"),
        ]
    )
