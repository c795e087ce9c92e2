"""Which seen id stands for which predicted one: the ids of a prediction are examples, and only their pattern is a claim."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from labspec.propagation._base import FIXED_SPAN, FIXED_TRACE

ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<![0-9a-f])(?:[0-9a-f]{32}|[0-9a-f]{16})(?![0-9a-f])")
FIXED = frozenset({FIXED_TRACE, FIXED_TRACE[16:], FIXED_SPAN})
"""Ids that are no examples: an app with `ids: fixed` sends these very ones."""

_UUID = 36
_MARK = 14
"""Place of the character in a request id that says whether a proxy samples it: Envoy's UuidRequestIDExtension."""


class Clash(NamedTuple):
    """Two ids that the prediction says are one, or one that it says are two."""

    what: str


def normal(found: str) -> str:
    """An id without what does not make it another one: zeros before 64 bits, the mark in a request id."""
    if len(found) == _UUID:
        return f"{found[:_MARK]}?{found[_MARK + 1 :]}"
    return found[16:] if len(found) == 32 and found.startswith("0" * 16) else found


class IdMap:
    """The seen id of each predicted one, as far as they were met; says where the pattern is another."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, str]] = {}
        self._predicted: dict[str, tuple[str, str]] = {}

    def relate(self, predicted: str, seen: str, where: str) -> Iterator[Clash]:
        """Notes that `seen` stands where the prediction has `predicted`; gives what speaks against it."""
        if predicted == seen:
            self._note(predicted, seen, where)
            return
        if normal(predicted) in FIXED:
            yield Clash(f"{where} is {seen}, where the fixed {predicted} was to be")
            return
        if len(predicted) != len(seen) or predicted.startswith("0" * 16) != seen.startswith("0" * 16):
            yield Clash(f"{where} is {seen}, where an id such as {predicted} was to be")
            return
        known, other = self._seen.get(normal(predicted)), self._predicted.get(normal(seen))
        if known and normal(known[0]) != normal(seen):
            yield Clash(f"{where} is {seen}, where the id of {known[1]} was to be again, {known[0]}")
        elif other and normal(other[0]) != normal(predicted):
            yield Clash(f"{where} is {seen}, the id of {other[1]}, where another was to be")
        else:
            self._note(predicted, seen, where)

    def _note(self, predicted: str, seen: str, where: str) -> None:
        self._seen.setdefault(normal(predicted), (seen, where))
        self._predicted.setdefault(normal(seen), (predicted, where))

    def compare(self, predicted: str, seen: str, where: str) -> Iterator[Clash]:
        """Holds a whole text against its predicted one: what is no id must be the same, and the ids must fit."""
        if ID.sub("#", predicted) != ID.sub("#", seen):
            yield Clash(f'{where} is "{seen}", where "{predicted}" was to be')
            return
        for one, other in zip(ID.findall(predicted), ID.findall(seen), strict=True):
            yield from self.relate(one, other, where)
