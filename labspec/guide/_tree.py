"""The predicted trace of one request as a tree of its spans, in plain text."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from labspec.guide._facts import either, number, view
from labspec.predict.values import APP, Break, Request, Span

_MOST = 40
"""Rows that are still read."""

_SEPARATOR = "  "


class _Row(NamedTuple):
    label: str
    cells: tuple[str, ...]
    """Kind, operation, id; none for a remark."""
    notes: str


def tree(request: Request, exports: Mapping[str, str]) -> str:
    """The spans of `request` trace by trace, each below its parent, and where it leaves a trace.

    `exports` says of each service how its app reports its own spans.
    """
    seen = view(request)
    numbers = {trace: place for place, trace in enumerate(seen.traces, 1)}
    members: dict[str, list[Span]] = {}
    for span in seen.spans:
        members.setdefault(span.trace_id, []).append(span)
    gaps = _gaps(request)
    rows: list[_Row] = []
    for trace, spans in members.items():
        title = (
            f"trace {numbers[trace]}: {trace}"
            if trace in numbers
            else f"a trace of which nobody reports anything: {trace}"
        )
        rows.append(_Row(title, (), ""))
        rows += _branches(spans, gaps, numbers, request, exports)
    left = len(rows) - _MOST
    if left > 1:
        rows = [*rows[:_MOST], _Row(f"... and {left} more lines", (), "")]
    return "\n".join(_aligned(rows))


def _gaps(request: Request) -> dict[str, list[Break]]:
    """The breaks by the span below which the next call was to be."""
    found: dict[str, list[Break]] = {}
    for gap in request.breaks:
        hop = request.hops[gap.hop]
        last = hop.app.span_id if hop.app and hop.app.trace_id != gap.after else ""
        above = hop.above
        while not last and above is not None:
            spans = [span for span in request.hops[above].spans if span.trace_id == gap.before]
            last, above = (spans[-1].span_id if spans else ""), request.hops[above].above
        found.setdefault(last, []).append(gap)
    return found


def _branches(
    spans: list[Span],
    gaps: dict[str, list[Break]],
    numbers: Mapping[str, int],
    request: Request,
    exports: Mapping[str, str],
) -> Iterator[_Row]:
    """The spans of one trace, depth first; a stack, because a chain may be longer than Python's."""
    ids = {span.span_id: span for span in spans}
    below: dict[str, list[Span]] = {}
    for span in spans:
        below.setdefault(span.parent_id if span.parent_id in ids else "", []).append(span)
    stack: list[tuple[Span | Break, str, str]] = [(span, "", "") for span in reversed(below.get("", []))]
    while stack:
        item, here, rest = stack.pop()
        if isinstance(item, Break):
            yield _Row(here + _gap(item, numbers, request), (), "")
            continue
        yield _row(item, here, ids.get(item.parent_id), exports)
        inner: list[Span | Break] = [*below.get(item.span_id, []), *gaps.get(item.span_id, [])]
        for place, each in reversed(list(enumerate(inner))):
            last = place == len(inner) - 1
            stack.append((each, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  ")))


def _row(span: Span, prefix: str, parent: Span | None, exports: Mapping[str, str]) -> _Row:
    if span.maker == APP:
        label, about = f"app of {span.service}", f"{'calls' if span.kind == 'CLIENT' else 'called by'} {span.peer}"
    else:
        label, about = span.name, span.operation
    notes = "; ".join(_notes(span, parent, exports))
    return _Row(prefix + label, (span.kind, about, span.span_id), notes)


def _notes(span: Span, parent: Span | None, exports: Mapping[str, str]) -> Iterator[str]:
    if not span.reported:
        yield "nobody reports it"
    elif not span.chance.possible:
        yield "not sampled"
    elif span.maker == APP:
        yield f"the app reports it, {exports.get(span.service, '')}"
    if span.branch < (parent.branch if parent else 100):
        yield f"only in {number(span.branch)} % of the requests"
    if parent is not None and span.chance != parent.chance and span.chance.possible and span.reported:
        yield f"sampled in {number(span.chance.percent)} %"
    if span.maker != APP and span.statuses != (200,):
        yield f"status {either(span.statuses)}"


def _gap(gap: Break, numbers: Mapping[str, int], request: Request) -> str:
    where = f"trace {numbers[gap.after]}" if gap.after in numbers else "another trace"
    callee = request.hops[gap.hop].callee
    return f"✂ the call of {gap.service} to {callee} is in {where}: {gap.detail}"


def _aligned(rows: list[_Row]) -> Iterator[str]:
    spans = [row for row in rows if row.cells]
    label = max((len(row.label) for row in spans), default=0)
    widths = [max(len(cell) for cell in column) for column in zip(*(row.cells for row in spans), strict=True)]
    for row in rows:
        if not row.cells:
            yield row.label
            continue
        cells = [row.label.ljust(label), *(cell.ljust(width) for cell, width in zip(row.cells, widths, strict=True))]
        yield _SEPARATOR.join([*cells, row.notes]).rstrip()
