"""What is wrong with the lab on purpose, in its author's words."""

from collections.abc import Iterator, Sequence

from labspec.guide._markdown import code, page, plain, prose
from labspec.plan import Accepted, Plan


def section(plan: Plan) -> str:
    """The chapter on warnings that are meant to be; empty where there is none."""
    if not plan.accepted:
        return ""
    lead = "A check of this lab would warn. Its author knows, and wants it so."
    return page(["## What is so on purpose", prose(lead), *reasons(plan.accepted, "###")])


def reasons(accepted: Sequence[Accepted], level: str) -> Iterator[str]:
    """Each warning and the reason for it."""
    for warning in accepted:
        yield page(
            [
                f"{level} {code(warning.rule)}",
                plain(warning.message),
                "The reason that the author gives:",
                plain(warning.reason),
            ]
        )
