"""What is otherwise in one request than its prediction says."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from labspec.logreading import MISSING, UNKNOWN, Field, LogLine
from labspec.mesh import Mesh, Proxy
from labspec.observe.fields import example_of, is_certain
from labspec.observe.idmap import ID, IdMap, normal
from labspec.observe.matching import Made, Matched
from labspec.observe.values import SeenSpan
from labspec.predict.chance import Chance
from labspec.predict.values import APP, CLIENT, OUTBOUND, Hop, Line, Request, Span

ANSWERS, CALLS, SPANS, TRACES, TAGS, HEADERS, LOG = "answers", "calls", "spans", "traces", "tags", "headers", "log"
CHECKS = (ANSWERS, CALLS, SPANS, TRACES, TAGS, HEADERS, LOG)
"""What is held against the prediction, in the order in which people are told."""

REQUEST_ID = "x-request-id"
_PARTS = 10_000
"""Envoy samples a request whose id's first eight hex digits, modulo this, are below the rate: Http::UuidRequestIDExtension."""

_TRACEPARENT = 55
"""Characters of a whole one."""


STAGES = ("from the app", "from the pod", "to the app")
"""Where headers are looked at on a hop."""

Place = tuple[int | str, ...]


class Difference(NamedTuple):
    """One thing that is otherwise."""

    check: str
    text: str
    place: Place = ()
    """Of a header: its hop, the stage and its name; of a field of a log line: its hop, the direction and its number."""


def differences(request: Request, matched: Matched, mesh: Mesh) -> Iterator[Difference]:
    """Everything in one request that is not as predicted."""
    yield from _Comparing(request, matched, mesh).all()


def name_of(span: Span) -> str:
    """`frontend's CLIENT span`, `frontend's app's CLIENT span of its call of backend`."""
    owner = f"{span.service}'s app's" if span.maker == APP else f"{span.service}'s"
    return f"{owner} {span.kind} span {'of its call of' if span.kind == CLIENT else 'for'} {span.peer}"


class _Comparing:
    def __init__(self, request: Request, matched: Matched, mesh: Mesh) -> None:
        self._request = request
        self._matched = matched
        self._mesh = mesh
        self._ids = IdMap()
        self._request_ids: dict[str, str] = {}

    def all(self) -> Iterator[Difference]:
        hops = enumerate(zip(self._request.hops, self._matched.hops, strict=True))
        made = [(number, hop, found) for number, (hop, found) in hops if found]
        for _, hop, found in made:
            self._note_request_ids(hop, found)
        yield from self._answer()
        yield from self._calls()
        for number, hop, found in made:
            yield from (one._replace(place=(number, *one.place)) for one in self._headers(hop, found))
            yield from self._spans(hop, found)
            yield from (one._replace(place=(number, *one.place)) for one in self._lines(hop, found))
        for stray in self._matched.strays:
            yield Difference(SPANS, f"{stray.service} has a {stray.kind} span {stray.name!r} that was not to be")

    def _note_request_ids(self, hop: Hop, made: Made) -> None:
        """Which request ids are which: by them proxies decide what they sample."""
        for predicted, seen in self._sides(hop, made):
            one, other = predicted.get(REQUEST_ID, ""), seen.get(REQUEST_ID, "")
            if one and other:
                self._request_ids.setdefault(normal(one)[:8], other[:8])

    def _sides(self, hop: Hop, made: Made) -> Iterator[tuple[Mapping[str, str], Mapping[str, str]]]:
        if made.out is not None and hop.reached:
            yield hop.carried, made.out.headers
        if (came := made.came) is not None:
            yield hop.received, came

    def sampled(self, chance: Chance) -> bool | None:
        """Whether it happens in this request; None where the request id is not known."""
        if not chance.possible:
            return False
        for key, percent in chance.draws:
            seen = self._request_ids.get(key)
            if seen is None:
                return None
            if int(seen, 16) % _PARTS >= round(percent * _PARTS / 100):
                return False
        return True

    def _answer(self) -> Iterator[Difference]:
        right, got = self._request.hops[0].statuses, self._matched.answer.status
        if got not in right:
            yield Difference(ANSWERS, f"{got:03} was answered, {_either(right)} is right")

    def _calls(self) -> Iterator[Difference]:
        for index in self._matched.missing:
            hop = self._request.hops[index]
            yield Difference(CALLS, f"{hop.caller} did not call {hop.callee}: {hop.method} {hop.url}")
        for passage in self._matched.unexpected:
            url = f"http://{passage.authority}{passage.path}"
            yield Difference(
                CALLS,
                f"{passage.service} has an {passage.direction} request that was not to be: {passage.method} {url}",
            )
        for hop, made in zip(self._request.hops, self._matched.hops, strict=True):
            got = [side.status for side in (made.out, made.inward) if side is not None] if made else []
            for status in got:
                if status not in hop.statuses:
                    who = f"{hop.caller}'s call of {hop.callee}"
                    yield Difference(CALLS, f"{who} got {status:03}, {_either(hop.statuses)} is right")

    def _headers(self, hop: Hop, made: Made) -> Iterator[Difference]:
        app, pod, end = STAGES
        if hop.above is None:
            yield from self._stage(hop, app, hop.sent, self._matched.answer.sent, (None, hop.caller))
        if made.out is not None and hop.reached:
            yield from self._stage(hop, pod, hop.carried, made.out.headers, (hop.client, hop.caller))
        if (came := made.came) is not None:
            yield from self._stage(hop, end, hop.received, came, self._writer(hop))

    def _writer(self, hop: Hop) -> tuple[Span | None, str]:
        """The last sidecar's span before the callee's app, and its service: that one wrote the decision."""
        while True:
            for span, service in ((hop.server, hop.callee), (hop.client, hop.caller)):
                if span is not None:
                    return span, service
            if hop.above is None:
                return None, hop.caller
            hop = self._request.hops[hop.above]

    def _stage(  # what headers are of
        self,
        hop: Hop,
        stage: str,
        predicted: Mapping[str, str],
        seen: Mapping[str, str],
        writer: tuple[Span | None, str],
    ) -> Iterator[Difference]:
        for name in dict.fromkeys((*predicted, *seen)):
            where, place = f"{hop.caller} -> {hop.callee} {stage}: {name}", (stage, name)
            if name not in seen:
                yield Difference(HEADERS, f"{where} is missing", place)
            elif name not in predicted:
                yield Difference(HEADERS, f"{where} was not to be", place)
            else:
                text = self._decided(name, predicted[name], *writer)
                if text is not None:
                    for clash in self._ids.compare(text, seen[name], where):
                        yield Difference(HEADERS, clash.what, place)

    def _decided(self, name: str, text: str, span: Span | None, service: str) -> str | None:
        """A predicted header with the decision that this request's id leads to; None where that is not known."""
        if span is None or not span.chance.draws:
            return text
        proxy = self._mesh.proxy(service)
        tracer = proxy.tracer.value if proxy else None
        if tracer is None or name not in tracer.format.decision:
            return text
        sampled = self.sampled(span.chance)
        if sampled is None:
            return None
        if name == "traceparent":
            # One that a format cut off has no decision.
            return f"{text[:-2]}{int(sampled):02}" if len(text) == _TRACEPARENT else text
        return str(int(sampled))

    def _spans(self, hop: Hop, made: Made) -> Iterator[Difference]:
        for span in hop.spans:
            seen = made.spans.get(span)
            expected = span.reported and self.sampled(span.chance)
            if seen is None:
                if expected:
                    yield Difference(SPANS, f"{name_of(span)} is missing")
                continue
            if expected is False:
                why = "was not to be sampled" if span.reported else "nobody was to report it"
                yield Difference(SPANS, f"{name_of(span)} is there, and {why}")
            yield from self._pattern(span, seen)
            yield from _tags(span, seen)

    def _pattern(self, span: Span, seen: SeenSpan) -> Iterator[Difference]:
        """Its ids: which trace it is in, and below which span."""
        who = name_of(span)
        related = [(span.trace_id, seen.trace_id, "trace id"), (span.span_id, seen.span_id, "id")]
        if bool(span.parent_id) == bool(seen.parent_id):
            related += [(span.parent_id, seen.parent_id, "parent")] if span.parent_id else []
        elif seen.parent_id:
            yield Difference(TRACES, f"{who} has the parent {seen.parent_id}, and was to be a root")
        else:
            yield Difference(TRACES, f"{who} is a root, and was to have a parent")
        for predicted, found, part in related:
            for clash in self._ids.relate(predicted, found, f"{who}: its {part}"):
                yield Difference(TRACES, clash.what)

    def _lines(self, hop: Hop, made: Made) -> Iterator[Difference]:
        for line in hop.lines:
            is_out = line.direction == OUTBOUND
            passage, span = (made.out, hop.client) if is_out else (made.inward, hop.server)
            proxy = self._mesh.proxy(line.service)
            if passage is None or proxy is None:
                continue  # that is a call which is missing
            where = f"{line.service} {line.direction}"
            if passage.line is None:
                yield Difference(LOG, f"{where}: there is no line of the lab's format")
                continue
            yield from self._fields(hop, line, passage.line, proxy, span, where)

    def _fields(  # noqa: PLR0913, PLR0917  # what a line is about
        self, hop: Hop, line: Line, written: LogLine, proxy: Proxy, span: Span | None, where: str
    ) -> Iterator[Difference]:
        example = example_of(proxy.log.value, line.text)
        if example is None:
            yield Difference(LOG, f"{where}: the predicted line cannot be compared: {line.text}")
            return
        for number, (wanted, seen) in enumerate(zip(example.fields, written.fields, strict=True)):
            if not is_certain(wanted.operator) or UNKNOWN in wanted.value:
                continue
            named = f"{where}: {wanted.key + ' ' if wanted.key else ''}{wanted.name}"
            if wanted.operator.name != "RESPONSE_CODE":
                told = self._field(wanted, seen, span, proxy, named)
            elif seen.value not in {str(status) for status in hop.statuses}:
                told = iter([f"{named} is {seen.value}, {_either(hop.statuses)} is right"])
            else:
                continue
            yield from (Difference(LOG, text, (line.direction, number)) for text in told)

    def _field(self, wanted: Field, seen: Field, span: Span | None, proxy: Proxy, named: str) -> Iterator[str]:
        if wanted.operator.length is not None and ID.search(wanted.value) is None and wanted.value != MISSING:
            # Cut ids cannot be told apart.
            if seen.value == MISSING:
                yield f"{named} is -, and was to have a value"
            return
        header = (wanted.operator.argument or "").partition("?")[0].lower()
        text = self._decided(header, wanted.value, span, proxy.service) if wanted.value != MISSING else wanted.value
        if text is not None:
            yield from (clash.what for clash in self._ids.compare(text, seen.value, named))


def _tags(span: Span, seen: SeenSpan) -> Iterator[Difference]:
    who = name_of(span)
    if span.operation and seen.name != span.operation:
        yield Difference(TAGS, f'{who} is called "{seen.name}", not "{span.operation}"')
    for name, value in span.tags:
        found = seen.tags.get(name)
        if found != value:
            told = "is missing" if found is None else f'is "{found}"'
            yield Difference(TAGS, f'{who}: tag {name} {told}, where "{value}" was to be')
    status = seen.tags.get("http.status_code")
    if status is not None and status not in {str(known) for known in span.statuses}:
        yield Difference(TAGS, f"{who}: tag http.status_code is {status}, {_either(span.statuses)} is right")


def _either(statuses: tuple[int, ...]) -> str:
    return " or ".join(f"{status:03}" for status in statuses)
