"""The spans of a request as trees, one for each trace."""

from collections.abc import Iterator
from typing import NamedTuple

from labspec.predict.values import APP, Break, Request, Span
from labspec.report import Painter

_LAST, _INNER, _GAP, _BAR = "└── ", "├── ", "    ", "│   "


class Trace(NamedTuple):
    """One trace of a request, spans that nobody reports included."""

    trace_id: str
    number: int | None
    """Among the traces that a collector gets; None for one of which it gets no span."""
    roots: tuple[int, ...]
    """Spans without a parent in this trace, by their place in `Request.spans`."""


class Forest:
    """The traces of a request, with who is whose parent."""

    def __init__(self, request: Request) -> None:
        self._spans = request.spans
        self._ids = {(span.trace_id, span.span_id) for span in self._spans}
        self._children: dict[int, list[int]] = {}
        self._breaks: dict[int, list[Break]] = {}
        self._request = request
        self.traces = self._planted()
        self._numbers = {trace.trace_id: trace.number for trace in self.traces}
        self.loose = [found for found in request.breaks if not self._hung(found)]
        """Breaks that stand below no span."""

    def _planted(self) -> tuple[Trace, ...]:
        roots: dict[str, list[int]] = {}
        known: dict[tuple[str, str], int] = {}
        for index, span in enumerate(self._spans):
            # A parent begins before its children: so no circle of ids leads astray.
            parent = known.get((span.trace_id, span.parent_id))
            if parent is None:
                roots.setdefault(span.trace_id, []).append(index)
            else:
                self._children.setdefault(parent, []).append(index)
            known[span.trace_id, span.span_id] = index
        numbers = {trace_id: number for number, trace_id in enumerate(self._request.traces, 1)}
        return tuple(Trace(trace_id, numbers.get(trace_id), tuple(found)) for trace_id, found in roots.items())

    def _hung(self, found: Break) -> bool:
        """Puts a break below the last span before it."""
        left = self._request.before(found)
        if left:
            self._breaks.setdefault(self._spans.index(left[-1]), []).append(found)
        return bool(left)

    def name(self, trace_id: str) -> str:
        """`trace 2`."""
        number = self._numbers.get(trace_id)
        return f"trace {number}" if number else "a trace of which nobody reports a span"

    def lines(self, trace: Trace, paint: Painter) -> Iterator[str]:
        """The tree of a trace."""
        usual = max((span.share for span in self._spans if span.trace_id == trace.trace_id), default=0.0)
        pending = [(index, "", index == trace.roots[-1], usual, 0.0) for index in reversed(trace.roots)]
        while pending:
            index, indent, is_last, share, before = pending.pop()
            span = self._spans[index]
            yield f"{indent}{_LAST if is_last else _INNER}{self._span(span, share, before, paint)}"
            indent += _GAP if is_last else _BAR
            children, breaks = self._children.get(index, []), self._breaks.get(index, [])
            for number, found in enumerate(breaks, 1):
                mark = _LAST if number == len(breaks) and not children else _INNER
                below = _BAR if mark == _INNER else _GAP
                yield f"{indent}{mark}{paint(f'break: {self.consequence(found)}', 'red')}"
                yield f"{indent}{below}{found.detail}"
            share = span.share if is_shown(span) else share
            pending += [
                (child, indent, child == children[-1], share, span.chance.percent) for child in reversed(children)
            ]

    def consequence(self, found: Break) -> str:
        """What a break does, in words."""
        return f"{found.service}'s call of {self._request.hops[found.hop].callee} is in {self.name(found.after)}"

    def _span(self, span: Span, share: float, before: float, paint: Painter) -> str:
        who = f"{span.service}'s app" if span.maker == APP else span.service
        what = " ".join(part for part in (who, span.kind, span.operation) if part)
        if not is_shown(span):
            return paint(f"[{what}: {'never sampled' if span.reported else 'nobody reports it'}]", "blue")
        notes = []
        if abs(span.share - share) > 1e-9:
            drawn = before - span.chance.percent > 1e-6
            notes.append(f"in {span.share:.4g} % {'(drawn again)' if drawn else 'of the requests'}")
        if span.statuses != (200,):
            notes.append(f"status {' or '.join(map(str, span.statuses))}")
        if span.parent_id and (span.trace_id, span.parent_id) not in self._ids:
            notes.append("its parent is no span of this request")
        return paint(what, "bold") + (f"   {', '.join(notes)}" if notes else "")


def is_shown(span: Span) -> bool:
    """Whether a collector can get it."""
    return span.reported and span.chance.possible
