"""The spans of one request as they came: traces, trees, and when each span was."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from labspec.observe.judging import Broken, Judged
from labspec.observe.matching import Matched
from labspec.observe.values import Passage, SeenSpan
from labspec.predict.values import APP, CLIENT, Hop, Span


class Row(NamedTuple):
    """A span with its place in the tree and in time."""

    depth: int
    is_last: tuple[bool, ...]
    """For each level of the tree from the root: whether this branch is the last one there; the last entry is its own."""
    label: str
    """`frontend`, or `frontend's app` for a span of its own tracer."""
    what: str
    """`CLIENT backend` or `SERVER`: the kind, and for a call whom it calls."""
    seen: SeenSpan
    predicted: Span
    start: float
    """Where it begins: a share of the time between the first and the last of its trace, 0 to 1."""
    width: float
    """How long it is, in the same measure."""


class Trace(NamedTuple):
    """One trace of a request."""

    trace_id: str
    duration: float
    """Seconds."""
    rows: tuple[Row, ...]
    """Parents before children, in the order of time."""


def traces_of(matched: Matched) -> tuple[Trace, ...]:
    """The traces of a request, in the order in which the prediction has them."""
    found: dict[str, list[tuple[SeenSpan, Span]]] = {}
    for hop in matched.hops:
        for span, seen in hop.spans.items() if hop else ():
            found.setdefault(seen.trace_id, []).append((seen, span))
    return tuple(_trace(trace_id, spans) for trace_id, spans in found.items())


def _trace(trace_id: str, spans: list[tuple[SeenSpan, Span]]) -> Trace:
    begin = min(seen.started for seen, _ in spans)
    end = max(seen.started + seen.duration for seen, _ in spans)
    whole = max(end - begin, 1e-6)
    ids = {seen.span_id for seen, _ in spans}
    children: dict[str, list[tuple[SeenSpan, Span]]] = {}
    for pair in sorted(spans, key=lambda pair: pair[0].started):
        parent = pair[0].parent_id if pair[0].parent_id in ids and pair[0].parent_id != pair[0].span_id else ""
        children.setdefault(parent, []).append(pair)
    rows: list[Row] = []
    pending: list[tuple[tuple[SeenSpan, Span], tuple[bool, ...]]] = []
    pending += [(pair, (number == 0,)) for number, pair in enumerate(reversed(children.get("", [])))]
    while pending:
        (seen, span), lasts = pending.pop()
        owner = f"{span.service}'s app" if span.maker == APP else span.service
        what = f"{span.kind} {span.peer}" if span.kind == CLIENT else span.kind
        start, width = (seen.started - begin) / whole, seen.duration / whole
        rows.append(Row(len(lasts) - 1, lasts, owner, what, seen, span, start, width))
        below = children.pop(seen.span_id, [])
        pending += [(pair, (*lasts, number == 0)) for number, pair in enumerate(reversed(below))]
    return Trace(trace_id, whole, tuple(rows))


def hung(judged: Judged, traces: tuple[Trace, ...]) -> Mapping[Span | None, list[Broken]]:
    """The predicted breaks by the last span before each that was seen; None where none was."""
    shown = {row.predicted for trace in traces for row in trace.rows}
    found: dict[Span | None, list[Broken]] = {}
    for broken in judged.breaks:
        left = [span for span in judged.request.before(broken.found) if span in shown]
        found.setdefault(left[-1] if left else None, []).append(broken)
    return found


class Logged(NamedTuple):
    """A line of the lab's access log, with the hop that it is of."""

    place: int
    """Of the hop."""
    hop: Hop
    passage: Passage


def logged(matched: Matched, judged: Judged) -> Iterator[Logged]:
    """The lines that the sidecars wrote for a request, in the order of its hops."""
    for place, (hop, made) in enumerate(zip(judged.request.hops, matched.hops, strict=True)):
        for passage in (made.out, made.inward) if made else ():
            if passage is not None and passage.line is not None:
                yield Logged(place, hop, passage)


def milliseconds(seconds: float) -> str:
    """`4.7 ms`."""
    return f"{seconds * 1000:.1f} ms"
