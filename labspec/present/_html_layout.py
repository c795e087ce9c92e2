"""Where the services of a call graph stand: layers from left to right by depth, calls between them as few crossings as a few passes find.

The way of K. Sugiyama, S. Tagawa and M. Toda (1981): a call that passes layers gets a place in each of them.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import NamedTuple

Edge = tuple[str, str]
"""Caller and callee."""

_PASSES = 8


class Slot(NamedTuple):
    """A place in a layer: a service, or a call that passes by it."""

    service: str
    edge: Edge | None
    layer: int


class Layout(NamedTuple):
    """The layers with the height of each place in them."""

    layers: tuple[tuple[Slot, ...], ...]
    middles: Mapping[Slot, float]
    """From 0 downwards."""
    routes: Mapping[Edge, tuple[Slot, ...]]
    """The places that each call goes through, the caller and the callee included."""


def layout(services: Iterable[str], edges: Iterable[Edge], size: float, gap: float) -> Layout:
    """The places of services that are `size` high, with `gap` between them."""
    names, calls = list(services), list(edges)
    depth = _depths(names, calls)
    nodes = {name: Slot(name, None, depth[name]) for name in names}
    routes = {
        (caller, callee): (
            nodes[caller],
            *(Slot("", (caller, callee), layer) for layer in range(depth[caller] + 1, depth[callee])),
            nodes[callee],
        )
        for caller, callee in calls
    }
    layers: list[list[Slot]] = [[] for _ in range(max(depth.values(), default=0) + 1)]
    for slot in dict.fromkeys((*nodes.values(), *(slot for route in routes.values() for slot in route))):
        layers[slot.layer].append(slot)
    before: dict[Slot, list[Slot]] = {}
    behind: dict[Slot, list[Slot]] = {}
    for route in routes.values():
        for one, other in pairwise(route):
            before.setdefault(other, []).append(one)
            behind.setdefault(one, []).append(other)
    _ordered(layers, before, behind)
    middles = _middles(layers, before, behind, (size, gap))
    top = min((middle - size / 2 for middle in middles.values()), default=0.0)
    return Layout(tuple(map(tuple, layers)), {slot: middle - top for slot, middle in middles.items()}, routes)


def _depths(names: list[str], calls: list[Edge]) -> dict[str, int]:
    """How far each is from those that nobody calls, by the longest way."""
    depth = dict.fromkeys(names, 0)
    for _ in names:
        before = dict(depth)
        for caller, callee in calls:
            depth[callee] = max(depth[callee], depth[caller] + 1)
        if depth == before:
            break
    return depth


def _ordered(layers: list[list[Slot]], before: Mapping[Slot, list[Slot]], behind: Mapping[Slot, list[Slot]]) -> None:
    """Puts each place near those that it is joined to."""
    for number in range(_PASSES):
        joined = behind if number % 2 else before
        for layer in reversed(layers) if number % 2 else layers:
            places = {slot: place for other in layers for place, slot in enumerate(other)}
            layer.sort(key=lambda slot: _mean([places[other] for other in joined.get(slot, [])], places[slot]))


def _middles(
    layers: list[list[Slot]],
    before: Mapping[Slot, list[Slot]],
    behind: Mapping[Slot, list[Slot]],
    sizes: tuple[float, float],
) -> dict[Slot, float]:
    middles: dict[Slot, float] = {}
    for layer in layers:
        middles.update(_spread(layer, dict.fromkeys(layer, 0.0), *sizes))
    for number in range(_PASSES):
        joined = behind if number % 2 else before
        for layer in reversed(layers) if number % 2 else layers:
            wanted = {slot: _mean([middles[other] for other in joined.get(slot, [])], middles[slot]) for slot in layer}
            middles.update(_spread(layer, wanted, *sizes))
    return middles


def _spread(layer: list[Slot], wanted: Mapping[Slot, float], size: float, gap: float) -> dict[Slot, float]:
    """Places in this order and near where they are wanted, far enough from each other."""
    found: dict[Slot, float] = {}
    last: Slot | None = None
    for slot in layer:
        at = wanted[slot]
        if last is not None:
            at = max(at, found[last] + (_height(last, size) + _height(slot, size)) / 2 + gap)
        found[slot], last = at, slot
    shift = _mean([wanted[slot] - found[slot] for slot in layer], 0.0)
    return {slot: at + shift for slot, at in found.items()}


def _height(slot: Slot, size: float) -> float:
    return size / 4 if slot.edge else size


def _mean(numbers: list[float] | list[int], usual: float) -> float:
    return sum(numbers) / len(numbers) if numbers else usual
