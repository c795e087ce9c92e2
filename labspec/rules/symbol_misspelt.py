"""A `${...}` in a text of a service that is no symbol, but looks like one."""

from collections.abc import Iterator

from labspec.finding import WARNING
from labspec.lab import Lab
from labspec.rules._base import Hit, Rule
from labspec.rules._symbols import CALLS, COLLECTOR, uses


def _check(lab: Lab) -> Iterator[Hit]:
    for use in uses(lab):
        # No variable of a shell has a dot in its name.
        if use.head and use.head not in {CALLS, COLLECTOR} and (meant := _meant(use.head)):
            right = f"${{{'.'.join([meant, *use.steps]).strip()}}}"
            message = f"${{{use.name}}} is no symbol: the container gets it as it is"
            yield Hit(
                use.path,
                message,
                f"did you mean {right}? a literal ${{ is written $${{",
                start=use.start,
                width=use.width,
            )


def _meant(head: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  # only needed when something may be wrong

    return next(iter(get_close_matches(head.strip().lower(), [CALLS, COLLECTOR], n=1)), "")


RULE = Rule(
    id="symbol-misspelt",
    severity=WARNING,
    summary="A text holds what is nearly a ${symbol}.",
    why="labspec resolves ${calls.NAME} and ${collector.PROTOCOL}, and leaves every other ${...} to the program in the container. A name with a dot is no "
    "variable of a shell, so one that is close to these two is a slip.",
    failing="services:\n  shop: {kind: custom, image: shop:1, args: ['${call.backend}'], calls: [backend]}\n  backend: {kind: http-echo}",
    mended="services:\n  shop: {kind: custom, image: shop:1, args: ['${calls.backend}'], calls: [backend]}\n  backend: {kind: http-echo}",
    source="the labspec language",
    on_lab=_check,
)
