"""Which of the things seen belong to which hop of a predicted request."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from labspec.calls import parted
from labspec.observe.values import Answer, Arrival, Observation, Passage, SeenSpan, mark, number_of, parent_of, place_of
from labspec.predict.values import APP, CLIENT, INBOUND, OUTBOUND, Hop, Request, Span

_TELLING = {"http.method", "http.url"}


class Cast(NamedTuple):
    """Who can see a request go by."""

    proxied: frozenset[str]
    """Services with a sidecar."""
    playing: frozenset[str]
    """Services whose app tells what comes to it, and marks each of its calls on the way: those that a rehearsal plays."""


class Made(NamedTuple):
    """A hop that was seen."""

    way: str
    """As it came to the callee's app."""
    out: Passage | None
    inward: Passage | None
    arrival: Arrival | None
    spans: Mapping[Span, SeenSpan]
    """By the predicted span; ids would not do, where an app uses fixed ones."""

    @property
    def came(self) -> Mapping[str, str] | None:
        """The headers that came to the callee's app: as its sidecar tells, which knows the URL, else as the app does; None where neither does."""
        seer = self.inward or self.arrival
        return seer.headers if seer is not None else None


class Matched(NamedTuple):
    """One request that was sent, laid beside its prediction."""

    answer: Answer
    hops: tuple[Made | None, ...]
    """In the order of the prediction; None for one that was not seen."""
    missing: tuple[int, ...]
    """Hops that are always made, if those above them are, and were not seen."""
    unexpected: tuple[Passage, ...]
    """Passages that belong to no hop."""
    strays: tuple[SeenSpan, ...]
    """Spans of this request that belong to no predicted one."""


class Gathered:
    """An Observation by request."""

    def __init__(self, observation: Observation) -> None:
        self._passages: dict[int, list[Passage]] = defaultdict(list)
        self._spans: dict[int, list[SeenSpan]] = defaultdict(list)
        self._arrivals: dict[int, list[Arrival]] = defaultdict(list)
        for passage in observation.passages:
            self._passages[number_of(passage.way)].append(passage)
        for span in observation.spans:
            self._spans[number_of(span.way)].append(span)
        for arrival in observation.arrivals:
            self._arrivals[number_of(arrival.way)].append(arrival)
        sent = {answer.number for answer in observation.answers}
        self.foreign = tuple(span for number, spans in self._spans.items() if number not in sent for span in spans)
        """Spans of no request that was sent."""

    def matched(self, request: Request, answer: Answer, cast: Cast) -> Matched:
        """One request beside its prediction."""
        number = answer.number
        return _Matching(request, cast, self._passages[number], self._spans[number], self._arrivals[number]).result(
            answer
        )


class _Matching:
    def __init__(
        self,
        request: Request,
        cast: Cast,
        passages: Sequence[Passage],
        spans: Sequence[SeenSpan],
        arrivals: Sequence[Arrival],
    ) -> None:
        self._request = request
        self._cast = cast
        self._passages = list(passages)
        self._spans = list(spans)
        self._arrivals = list(arrivals)

    def result(self, answer: Answer) -> Matched:
        hops = self._request.hops
        found: list[Made | None] = [None] * len(hops)
        missing: list[int] = []
        # Of two calls that look alike the one that is always made comes first: what is seen once is that one.
        depths: list[int] = []
        for hop in hops:
            depths.append(0 if hop.above is None else depths[hop.above] + 1)
        for index in sorted(range(len(hops)), key=lambda index: (depths[index], -hops[index].branch, index)):
            hop = hops[index]
            above = found[hop.above] if hop.above is not None else None
            if hop.above is not None and above is None:
                continue
            made = found[index] = self._hop(hop, self._sent(hop, above, answer))
            usual = 100.0 if hop.above is None else hops[hop.above].branch
            # The client of an optional first call did not send it at all: then there is no answer either.
            if made is None and (hop.above is None or hop.branch >= usual):
                missing.append(index)
        return Matched(answer, tuple(found), tuple(sorted(missing)), tuple(self._passages), tuple(self._spans))

    def _sent(self, hop: Hop, above: Made | None, answer: Answer) -> str:
        """The way as the caller's app sends it."""
        if above is None:
            return str(answer.number)
        return f"{above.way}.{mark(*place_of(hop.path))}" if hop.caller in self._cast.playing else above.way

    def _hop(self, hop: Hop, sent: str) -> Made | None:
        out = inward = None
        if hop.caller in self._cast.proxied:
            out = self._take(hop, OUTBOUND, sent)
        way = out.way if out else sent
        if hop.callee in self._cast.proxied:
            inward = self._take(hop, INBOUND, way)
        arrival = self._take_arrival(hop.callee, way)
        spans = dict(self._spans_of(hop, sent, way))
        seen = any(part is not None for part in (out, inward, arrival)) or bool(spans)
        return Made(way, out, inward, arrival, spans) if seen or self._is_invisible(hop) else None

    def _is_invisible(self, hop: Hop) -> bool:
        """Whether nobody would have seen it: then it is taken for made."""
        seers = {hop.caller} & self._cast.proxied
        if hop.reached:
            seers |= {hop.callee} & (self._cast.proxied | self._cast.playing)
        return not seers

    def _take(self, hop: Hop, direction: str, way: str) -> Passage | None:
        """Finds the passage of a hop and uses it up: the one that made the next step of `way`, or that came by it."""
        service = hop.caller if direction == OUTBOUND else hop.callee
        authority, path = parted(hop.url)
        for index, passage in enumerate(self._passages):
            at = parent_of(passage.way) if direction == OUTBOUND else passage.way
            seen = (passage.service, passage.direction, at, passage.method, passage.path, passage.authority)
            if seen == (service, direction, way, hop.method, path, authority):
                return self._passages.pop(index)
        return None

    def _take_arrival(self, service: str, way: str) -> Arrival | None:
        for index, arrival in enumerate(self._arrivals):
            if (arrival.service, arrival.way) == (service, way):
                return self._arrivals.pop(index)
        return None

    def _spans_of(self, hop: Hop, sent: str, way: str) -> Iterator[tuple[Span, SeenSpan]]:
        for span in hop.spans:
            # An app's own span of a call is of the way that it sends; of one that it answers, of the way that came.
            at = sent if span.maker == APP and span.kind == CLIENT else way
            seen = self._take_span(span, at)
            if seen is not None:
                yield span, seen

    def _take_span(self, span: Span, way: str) -> SeenSpan | None:
        """Finds a span and uses it up: of several that might be it, one with its method and URL."""
        told = {name: value for name, value in span.tags if name in _TELLING}
        found = [seen for seen in self._spans if _is_of(seen, span, way)]
        best = next((seen for seen in found if told.items() <= seen.tags.items()), next(iter(found), None))
        if best is not None:
            self._spans.remove(best)
        return best


def _is_of(seen: SeenSpan, span: Span, way: str) -> bool:
    is_alike = (seen.way, seen.kind, seen.service) == (way, span.kind, span.name)
    return is_alike and (seen.protocol == APP) == (span.maker == APP)
