"""Services that call one another in a circle."""

from collections.abc import Iterator

from labspec.calls import cycle
from labspec.finding import ERROR
from labspec.lab import Lab
from labspec.rules._base import Hit, Rule

_LONGEST = 6


def _check(lab: Lab) -> Iterator[Hit]:
    way = cycle(lab)
    if way is None or any(lab.spec.services[name].listener() is None for name in way):
        return
    path = next(path for path, call in lab.calls_of(way[-2]) if call.to == way[-1])
    shown = way if len(way) <= _LONGEST else (*way[: _LONGEST - 2], "...", way[-1])
    message = f"the calls go in a circle: {' -> '.join(shown)}"
    yield Hit(path, message, "take one of the calls out: each would lead to the next one without end")


RULE = Rule(
    id="call-cycle",
    severity=ERROR,
    summary="Services call one another in a circle.",
    why="A service sends its calls for each request that it gets. In a circle one request would cause others without end, "
    "until time-outs and memory run out; there is no trace to predict.",
    failing="services:\n  frontend: {kind: curl, calls: [a]}\n  a: {kind: relay, calls: [b]}\n  b: {kind: relay, calls: [a]}",
    mended="services:\n  frontend: {kind: curl, calls: [a]}\n  a: {kind: relay, calls: [b]}\n  b: {kind: relay}",
    source="the labspec language",
    on_lab=_check,
)
