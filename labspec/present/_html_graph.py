"""Who calls whom, as a drawing in the page; for many services as a table."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from labspec.calls import parted
from labspec.finding import counted
from labspec.plan import Plan, Workload
from labspec.present._html_layout import Edge, Layout, Slot, layout
from labspec.present._html_text import middle_cut, text
from labspec.services._base import Target

_MOST, _MOST_CALLS = 40, 60
"""Services and calls that a drawing can hold."""
_HEIGHT, _GAP, _EDGE = 54.0, 34.0, 14.0
"""Of a service, between two, and around the drawing."""
_NAME, _LABEL = 8.0, 6.7
"""Width of a character in a name, and in a label."""
_LINE = 14.0
_FAN = 5.0
"""How much more room between two layers each call takes after the third: a steep line is hard to follow."""
_LONGEST_NAME, _LONGEST_LABEL, _MOST_LABELS = 24, 32, 3
_ALONG = (0.5, 0.36, 0.64, 0.26, 0.74)
"""Where on a line its label can be."""


def graph(plan: Plan) -> str:
    """The drawing, and its calls as a table for those who cannot see it."""
    calls = [(workload.name, target) for workload in plan.workloads for target in workload.targets]
    told = f"{counted(len(plan.workloads), 'service')}, {counted(len(calls), 'call')}. {_collecting(plan)}"
    table = _table(calls)
    if len(plan.workloads) > _MOST or len(calls) > _MOST_CALLS:
        return f"<p>{text(told)}</p>{table}"
    drawing = "".join(_Drawing(plan).parts(told))
    folded = f"<details><summary>The calls as a table</summary>{table}</details>"
    return f'<div class="scroll" tabindex="0" role="group" aria-label="Call graph">{drawing}</div>{folded if calls else ""}'


def _collecting(plan: Plan) -> str:
    if plan.receiver is None:
        return "No collector: the sidecars make no spans."
    kind = plan.collector.kind if plan.collector else plan.receiver.host
    return f"The sidecars send their spans to {kind} by {plan.receiver.protocol}."


def _table(calls: list[tuple[str, Target]]) -> str:
    rows = "".join(
        f"<tr><td>{text(caller)}</td><td>{text(target.service)}</td>"
        f"<td><code>{text(_call(target))}</code></td><td>{target.percent:.4g} %</td></tr>"
        for caller, target in calls
    )
    head = "<tr><th>caller</th><th>callee</th><th>call</th><th>share</th></tr>"
    return f'<table class="flow calls"><thead>{head}</thead><tbody>{rows}</tbody></table>'


def _call(target: Target) -> str:
    return f"{target.method} {parted(target.url)[1]}"


def _labels(targets: list[Target]) -> list[str]:
    shown = [_label(target) for target in targets[:_MOST_LABELS]]
    more = len(targets) - _MOST_LABELS
    return [*shown, f"and {more} more"] if more > 0 else shown


def _label(target: Target) -> str:
    share = f" {target.percent:.4g} %" if target.percent < 100 else ""
    return f"{middle_cut(_call(target), _LONGEST_LABEL)}{share}"


class _Box(NamedTuple):
    left: float
    top: float
    width: float
    height: float

    def meets(self, other: "_Box") -> bool:
        return (
            self.left < other.left + other.width
            and other.left < self.left + self.width
            and self.top < other.top + other.height
            and other.top < self.top + self.height
        )


class _Drawing:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._workloads = {workload.name: workload for workload in plan.workloads}
        self._calls: dict[Edge, list[Target]] = {}
        for workload in plan.workloads:
            for target in workload.targets:
                self._calls.setdefault((workload.name, target.service), []).append(target)
        self._layout: Layout = layout(self._workloads, self._calls, _HEIGHT, _GAP)
        self._widths = [
            max((self._node_width(slot.service) for slot in layer if not slot.edge), default=0.0)
            for layer in self._layout.layers
        ]
        self._lefts = self._columns()
        self._taken: list[_Box] = []

    def _node_width(self, name: str) -> float:
        shown = max(len(middle_cut(name, _LONGEST_NAME)) * _NAME, len(_role(self._workloads[name])) * _LABEL)
        return max(76.0, shown + 20)

    def _columns(self) -> list[float]:
        """The left edge of each layer: between two there is room for the labels of the calls that begin there."""
        lefts, left = [], _EDGE
        for place, width in enumerate(self._widths):
            lefts.append(left)
            begin = [edge for edge, route in self._layout.routes.items() if route[0].layer == place]
            longest = max((len(line) for edge in begin for line in _labels(self._calls[edge])), default=0)
            left += width + max(60.0, longest * _LABEL + 26) + _FAN * max(0, len(begin) - 3)
        return lefts

    def parts(self, told: str) -> Iterator[str]:
        bottom = max((middle for middle in self._layout.middles.values()), default=0.0) + _HEIGHT / 2
        height = bottom + 2 * _EDGE + 64
        width = max(self._lefts[-1] + self._widths[-1] + _EDGE, 430.0)
        yield (
            f'<svg class="graph" role="img" aria-label="{text(told)}" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" xmlns="http://www.w3.org/2000/svg">'
        )
        for edge, route in self._layout.routes.items():
            yield f'<g class="call"><title>{text(self._tip(edge))}</title>{"".join(self._line(route))}</g>'
        for edge, route in self._layout.routes.items():
            yield from self._told(edge, route)
        for name in self._workloads:
            yield from self._node(name)
        yield from self._collector(bottom + 2 * _EDGE)
        yield "</svg>"

    def _tip(self, edge: Edge) -> str:
        calls = "; ".join(f"{_call(target)}, {target.percent:.4g} %" for target in self._calls[edge])
        return f"{edge[0]} calls {edge[1]}: {calls}"

    def _slot(self, slot: Slot) -> tuple[float, float, float]:
        """Its left and right edge and its middle."""
        left = self._lefts[slot.layer]
        width = self._widths[slot.layer] if slot.edge else self._node_width(slot.service)
        # Of services in a column the middles are one below the other.
        left += (self._widths[slot.layer] - width) / 2
        return left, left + width, self._layout.middles[slot] + _EDGE

    def _line(self, route: tuple[Slot, ...]) -> Iterator[str]:
        way: list[str] = []
        for one, other in pairwise(route):
            _, begin, height = self._slot(one)
            end, through, to = self._slot(other)
            end -= 0 if other.edge else 7
            middle = (begin + end) / 2
            way.append(
                f"{f'M{begin:.1f} {height:.1f}' if not way else ''}C{middle:.1f} {height:.1f} {middle:.1f} {to:.1f}"
            )
            way.append(f"{end:.1f} {to:.1f}{f'H{through:.1f}' if other.edge else ''}")
        end, _, to = self._slot(route[-1])
        yield f'<path d="{" ".join(way)}"/>'
        yield f'<path class="head" d="M{end:.1f} {to:.1f}l-9 -4.5v9z"/>'

    def _told(self, edge: Edge, route: tuple[Slot, ...]) -> Iterator[str]:
        """The label of a call, on its first piece, where no other is."""
        labels = _labels(self._calls[edge])
        _, begin, height = self._slot(route[0])
        end, _, to = self._slot(route[1])
        width, deep = max(map(len, labels)) * _LABEL, len(labels) * _LINE
        boxes = []
        for along in _ALONG:
            x = begin + (end - begin) * (1.5 * along * (1 - along) + along**3) - width / 2
            y = height + (to - height) * along * along * (3 - 2 * along) - deep / 2
            boxes.append(_Box(max(begin + 4, min(x, end - width - 14)), y, width, deep))
        box = next((box for box in boxes if not any(box.meets(other) for other in self._taken)), boxes[0])
        self._taken.append(box)
        yield _ground(box)
        for place, label in enumerate(labels):
            x, y = box.left + width / 2, box.top + place * _LINE + 10.5
            yield f'<text class="label" x="{x:.1f}" y="{y:.1f}">{text(label)}</text>'

    def _node(self, name: str) -> Iterator[str]:
        workload = self._workloads[name]
        slot = next(slot for slot in self._layout.layers[self._depth(name)] if slot.service == name and not slot.edge)
        left, right, middle = self._slot(slot)
        top, centre = middle - _HEIGHT / 2, (left + right) / 2
        kind = "node" if workload.replicas else "node none"
        yield f'<g class="{kind}"><title>{text(name)}: {text(_role(workload))}</title>'
        yield f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{_HEIGHT:.0f}" rx="7"/>'
        yield f'<text class="name" x="{centre:.1f}" y="{top + 21:.1f}">{text(middle_cut(name, _LONGEST_NAME))}</text>'
        yield f'<text class="role" x="{centre:.1f}" y="{top + 37:.1f}">{text(_role(workload))}</text>'
        if workload.sidecar:
            yield _sidecar(centre, top + _HEIGHT)
        yield "</g>"

    def _depth(self, name: str) -> int:
        return next(
            place
            for place, layer in enumerate(self._layout.layers)
            if any(slot.service == name and not slot.edge for slot in layer)
        )

    def _collector(self, top: float) -> Iterator[str]:
        middle, receiver = top + 24, self._plan.receiver
        yield f'<g class="collector"><path class="rule" d="M{_EDGE:.0f} {top:.0f}H{self._lefts[-1] + self._widths[-1]:.0f}"/>'
        yield _sidecar(_EDGE + 29, middle + 8)
        if receiver is None:
            yield f'<text class="left" x="{_EDGE + 70:.0f}" y="{middle + 12:.0f}">makes no spans: no collector</text></g>'
            return
        kind = middle_cut(self._plan.collector.kind if self._plan.collector else receiver.host, _LONGEST_NAME)
        label = f"spans, {receiver.protocol}"
        end = _EDGE + 64 + len(label) * _LABEL + 60
        width = max(84.0, len(kind) * _NAME + 24)
        yield f'<path class="spans" d="M{_EDGE + 62:.0f} {middle + 8:.0f}H{end - 7:.1f}"/>'
        yield f'<path class="head" d="M{end:.1f} {middle + 8:.0f}l-9 -4.5v9z"/>'
        middled = (_EDGE + 62 + end - 9) / 2
        yield _ground(_Box(middled - len(label) * _LABEL / 2, middle + 1, len(label) * _LABEL, _LINE))
        yield f'<text class="label" x="{middled:.1f}" y="{middle + 12:.0f}">{text(label)}</text>'
        yield f'<rect x="{end:.1f}" y="{middle - 10:.0f}" width="{width:.0f}" height="36" rx="18"/>'
        yield f'<text class="name" x="{end + width / 2:.1f}" y="{middle + 13:.0f}">{text(kind)}</text></g>'


def _ground(box: _Box) -> str:
    """Behind a label, so that no line goes through it."""
    return f'<rect class="ground" x="{box.left - 3:.1f}" y="{box.top:.1f}" width="{box.width + 6:.1f}" height="{box.height:.0f}"/>'


def _sidecar(centre: float, middle: float) -> str:
    return (
        f'<rect class="sidecar" x="{centre - 29:.1f}" y="{middle - 8:.1f}" width="58" height="16" rx="8"/>'
        f'<text class="sidecar" x="{centre:.1f}" y="{middle + 3.5:.1f}">sidecar</text>'
    )


def _role(workload: Workload) -> str:
    notes = [workload.kind]
    if workload.tracer is not None:
        notes.append("own tracer")
    if not workload.sidecar:
        notes.append("no sidecar")
    if not workload.replicas:
        notes.append("no pod")
    return ", ".join(notes)
