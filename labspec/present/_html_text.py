"""Text of a spec, of a log or of a span, made safe for a page; and which id in it is whose."""

from collections.abc import Mapping
from html import escape
from typing import NamedTuple

from labspec.observe.comparing import name_of
from labspec.observe.idmap import ID, normal
from labspec.observe.judging import Judged
from labspec.observe.matching import Made, Matched
from labspec.predict.values import Hop, whole
from labspec.present._waterfall import Trace
from labspec.show.text import visible

_COLOURS = 6
"""Of traces; a seventh has that of the first again, and its number beside it."""


def text(found: str) -> str:
    """One line: what a browser would take for markup is escaped, and what would hide or turn text is shown as an escape."""
    return escape(visible(found))


def lines(found: str) -> str:
    """The same for text of several lines, whose ends stay."""
    return "\n".join(text(line) for line in found.replace("\r\n", "\n").split("\n"))


def middle_cut(found: str, most: int) -> str:
    """`/a/long…?and=so` where it has more characters than `most`."""
    if len(found) <= most:
        return found
    left = most * 2 // 3
    return f"{found[:left]}…{found[len(found) - (most - left - 1) :]}"


def mark(*, passed: bool) -> str:
    """The sign and the word of a verdict: neither needs its colour."""
    sign, word, kind = ("✓", "passed", "good") if passed else ("✗", "failed", "bad")
    return f'<span class="mark {kind}"><span aria-hidden="true">{sign}</span> {word}</span>'


class Id(NamedTuple):
    """What an id stands for."""

    label: str
    trace: int
    """Number of the trace; 0 for the id of a span."""


class Ids:
    """Whose the ids of one request are: those that were seen, and those of the prediction, which are examples."""

    def __init__(self, judged: Judged, matched: Matched, traces: tuple[Trace, ...]) -> None:
        request = judged.request
        self._spans = {normal(span.span_id): Id(name_of(span), 0) for span in request.spans}
        self._traces = {normal(span.trace_id): Id(f"trace of {span.service}'s app", 0) for span in request.spans}
        for place, trace_id in enumerate(request.traces, 1):
            self._traces[normal(trace_id)] = Id(f"trace {place}", place)
        self.numbers: Mapping[str, int] = _numbers(judged, traces)
        """By the id of a trace that was seen."""
        for hop, made in zip(request.hops, matched.hops, strict=True):
            if made is None:
                continue
            for span in hop.spans:
                if found := made.spans.get(span):
                    self._spans.setdefault(normal(found.span_id), Id(name_of(span), 0))
        for trace_id, place in self.numbers.items():
            self._traces[normal(trace_id)] = Id(f"trace {place}", place)
        for hop, made in zip(request.hops, matched.hops, strict=True):
            for predicted, seen in sides(hop, made, matched):
                self._learn(predicted, seen or {})

    def _learn(self, predicted: Mapping[str, str], seen: Mapping[str, str]) -> None:
        """From headers the ids of spans become known that nobody reports."""
        for name in predicted.keys() & seen.keys():
            one, other = ID.findall(predicted[name]), ID.findall(seen[name])
            if len(one) != len(other):
                continue
            for example, found in zip(one, other, strict=True):
                for known in (self._spans, self._traces):
                    if normal(example) in known:
                        known.setdefault(normal(found), known[normal(example)])

    def number(self, trace_id: str) -> int:
        """Of a predicted trace; 0 for one of which nobody reports a span."""
        found = self._traces.get(normal(trace_id))
        return found.trace if found else 0

    def whose(self, found: str) -> str:
        """Whose span an id is; empty where that is not known."""
        known = self._spans.get(normal(found))
        return known.label if known else ""

    def _known(self, found: str, about: str, place: int) -> Id | None:
        # A root's span often has the id of its trace: what it is about, or its place, says which is meant.
        kinds = [self._traces, self._spans]
        if "span" in about.lower() or place:
            kinds.reverse()
        return kinds[0].get(normal(found)) or kinds[1].get(normal(found))

    def marked(self, found: str, about: str, *, named: bool) -> str:
        """A value with its ids marked; `about` is the header or operator, `named` puts behind it whose they are."""
        parts: list[str] = []
        names: list[str] = []
        at = place = 0
        for match in ID.finditer(found):
            known = self._known(match[0], about, place)
            place += 1
            if known is None:
                continue
            parts += [text(found[at : match.start()]), _id(match[0], known)]
            names.append(chip(known.trace) if known.trace else f"<small>{text(known.label)}</small>")
            at = match.end()
        told = f" {' '.join(dict.fromkeys(names))}" if named and names else ""
        return "".join((*parts, text(found[at:]), told))


def sides(
    hop: Hop, made: Made | None, matched: Matched
) -> tuple[tuple[Mapping[str, str], Mapping[str, str] | None], ...]:
    """The headers as they leave the app, leave the pod and come to the other app: predicted, and seen where somebody saw them."""
    out = made.out.headers if made and made.out and hop.reached else None
    came = made.came if made else None
    return (hop.sent, matched.answer.sent if hop.above is None else None), (hop.carried, out), (hop.received, came)


def chip(place: int) -> str:
    """`trace 2`, in the colour of that trace."""
    return f'<span class="chip t{(place - 1) % _COLOURS + 1}">trace {place}</span>'


def _id(found: str, known: Id) -> str:
    kind = f"t{(known.trace - 1) % _COLOURS + 1}" if known.trace else "s"
    return f'<span class="id {kind}" title="{text(known.label)}">{text(found)}</span>'


def _numbers(judged: Judged, traces: tuple[Trace, ...]) -> Mapping[str, int]:
    """The prediction's numbers of the traces that were seen; where these are not as predicted, numbers in their order."""
    predicted = {whole(trace_id): place for place, trace_id in enumerate(judged.request.traces, 1)}
    found = {trace.trace_id: predicted.get(whole(trace.rows[0].predicted.trace_id), 0) for trace in traces}
    if 0 in found.values() or len(set(found.values())) < len(found):
        return {trace.trace_id: place for place, trace in enumerate(traces, 1)}
    return found
