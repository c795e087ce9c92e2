"""Ids that stand for ids: only their pattern counts."""

from typing import NamedTuple

import pytest

from labspec.observe.idmap import IdMap, normal

A, B, C, D = ("1111aaaa2222bbbb", "3333cccc4444dddd", "5555eeee6666ffff", "7777aaaa8888bbbb")
ZEROS = "0" * 16
UUID, OTHER = "e220a839-7b1d-9daf-ae78-9e6aa1b965f4", "3ee57890-41c9-9ac3-a3b8-488c368cb0a6"
UNMARKED = "3ee57890-41c9-4ac3-a3b8-488c368cb0a6"


class Case(NamedTuple):
    """Texts that were predicted and seen one after another, and what is told of the last."""

    name: str
    pairs: tuple[tuple[str, str], ...]
    told: tuple[str, ...] = ()


CASES = [
    Case("another id", ((A, C),)),
    Case("again", ((A, C), (A, C))),
    Case("two", ((A, C), (B, D))),
    Case("swapped", ((A, B), (B, A))),
    Case("the very id", ((A, A), (B, C))),
    Case("one that was to be another", ((A, C), (B, C)), (f"at 1 is {C}, the id of at 0, where another was to be",)),
    Case(
        "another that was to be the same",
        ((A, C), (A, D)),
        (f"at 1 is {D}, where the id of at 0 was to be again, {C}",),
    ),
    Case("inside a text", ((f"00-{A}{B}-{C}-01", f"00-{B}{A}-{D}-01"), (f"id={C}", f"id={D}"))),
    Case(
        "inside a text, another",
        ((f"00-{A}{B}-{C}-01", f"00-{B}{A}-{D}-01"), (C, A)),
        (f"at 1 is {A}, where the id of at 0 was to be again, {D}",),
    ),
    Case("another text", ((f"id={A}", f"no={C}"),), (f'at 0 is "no={C}", where "id={A}" was to be',)),
    Case("a flag", ((f"{A}-1", f"{C}-0"),), (f'at 0 is "{C}-0", where "{A}-1" was to be',)),
    Case("no id", ((A, "-"),), (f'at 0 is "-", where "{A}" was to be',)),
    Case("an id", (("-", A),), (f'at 0 is "{A}", where "-" was to be',)),
    Case("no ids at all", (("GET", "GET"),)),
    Case("other words", (("GET", "POST"),), ('at 0 is "POST", where "GET" was to be',)),
    Case("short numbers are no ids", (("deadbeef", "deadbeee"),), ('at 0 is "deadbeee", where "deadbeef" was to be',)),
    Case("128 bits for 64", ((A, C + D),), (f"at 0 is {C + D}, where an id such as {A} was to be",)),
    Case("64 bits for 128", ((A + B, ZEROS + D),), (f"at 0 is {ZEROS + D}, where an id such as {A + B} was to be",)),
    Case("zeros before it", ((A, C), (ZEROS + A, ZEROS + C))),
    Case(
        "zeros before another",
        ((A, C), (ZEROS + A, ZEROS + D)),
        (f"at 1 is {ZEROS + D}, where the id of at 0 was to be again, {C}",),
    ),
    Case("request ids", ((UUID, OTHER), (UUID, OTHER))),
    Case("the mark of a request id", ((UUID, OTHER), (UUID, UNMARKED))),
    Case(
        "another request id",
        ((UUID, OTHER), (UUID, UUID.replace("4", "5"))),
        (f"at 1 is {UUID.replace('4', '5')}, where the id of at 0 was to be again, {OTHER}",),
    ),
    Case(
        "two in one text",
        ((f"{A} {A}", f"{C} {D}"),),
        (f"at 0 is {D}, where the id of at 0 was to be again, {C}",),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_compare(case: Case) -> None:
    ids = IdMap()
    told = [[clash.what for clash in ids.compare(*pair, f"at {number}")] for number, pair in enumerate(case.pairs)]
    assert told == [*([] for _ in case.pairs[1:]), list(case.told)]


@pytest.mark.parametrize(
    ("found", "same"), [(A, A), (ZEROS + A, A), (A + B, A + B), (OTHER, "3ee57890-41c9-?ac3-a3b8-488c368cb0a6")]
)
def test_normal(found: str, same: str) -> None:
    assert normal(found) == same
