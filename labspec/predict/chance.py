"""How likely something is that proxies decide by chance, with what depends on what.

Envoy decides by the request id: of two proxies that see the same id, the one with the lower rate samples a part of what the other
samples (`runtime.featureEnabled` takes the id modulo 10,000). With different ids they decide independently.
"""

from math import prod
from typing import NamedTuple


class Chance(NamedTuple):
    """The conditions under which something happens: for each request id the percent of ids for which it does."""

    draws: tuple[tuple[str, float], ...] = ()
    possible: bool = True

    @property
    def percent(self) -> float:
        """Of all requests."""
        return round(100 * prod(percent / 100 for _, percent in self.draws), 8) if self.possible else 0.0

    def of(self, request_id: str) -> float:
        """The percent of ids, where only this id counts."""
        return dict(self.draws).get(request_id, 100.0) if self.possible else 0.0


ALWAYS = Chance()
NEVER = Chance(possible=False)


def draw(request_id: str, percent: float) -> Chance:
    """What a proxy with this rate decides for an id."""
    if percent <= 0:
        return NEVER
    return ALWAYS if percent >= 100 else Chance(((request_id, percent),))


def both(one: Chance, other: Chance) -> Chance:
    """That both happen."""
    if not one.possible or not other.possible:
        return NEVER
    merged = dict(one.draws)
    for request_id, percent in other.draws:
        merged[request_id] = min(percent, merged.get(request_id, 100.0))
    return Chance(tuple(sorted(merged.items())))
