"""An Observation in which all is as a Plan predicts: other ids in the same pattern, and samples where the request ids say so."""

import re
from collections.abc import Callable, Mapping
from hashlib import sha256

from labspec.logreading import MISSING, UNKNOWN, LogLine, read_lines
from labspec.observe.judging import Report
from labspec.observe.values import TAG, Answer, Arrival, Observation, Passage, SeenSpan, mark, place_of
from labspec.plan import Plan
from labspec.predict.chance import Chance
from labspec.predict.values import APP, CLIENT, INBOUND, OUTBOUND, Hop, Request, Span
from labspec.propagation._base import FIXED_SPAN, FIXED_TRACE

ROUNDS = 20
_IDS = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<![0-9a-f])(?:[0-9a-f]{16})+(?![0-9a-f])")
_FLAG = re.compile("(00-[0-9a-f]{32}-[0-9a-f]{16}-)01")
_KEPT = ("0" * 16, FIXED_TRACE[:16], FIXED_TRACE[16:], FIXED_SPAN)

Luck = Callable[[int, str], int]
"""By the number of a request and a predicted request id's first digits: what Envoy compares with the rate, 0 to 9999."""


def fair(number: int, key: str) -> int:
    """Any value equally often, but for the first request, which is sampled whatever the rate."""
    return drawn(number, key) if number else 0


def drawn(*seed: object, below: int = 10_000) -> int:
    """Any value equally often."""
    return int(sha256(repr(seed).encode()).hexdigest()[:15], 16) % below


def as_predicted(plan: Plan, rounds: int = ROUNDS, luck: Luck = fair) -> Observation:
    """What would be seen if each request of the lab were sent so often."""
    wanted = [pair for pair in enumerate(plan.prediction.requests) if pair[1].assumed != "drops"]
    sent = [_Sent(plan, number, *wanted[number % len(wanted)], luck) for number in range(rounds * len(wanted))]
    return Observation(
        tuple(one.answer for one in sent),
        tuple(passage for one in sent for passage in one.passages),
        tuple(span for one in sent for span in one.spans),
        tuple(arrival for one in sent for arrival in one.arrivals),
        {proxy.service: 0 for proxy in plan.mesh.proxies},
    )


def failures(report: Report) -> list[str]:
    """What is otherwise, one line each, with the name of the check."""
    verdicts = [*(verdict for one in report.judged for verdict in one.verdicts), *report.general]
    return [
        f"{verdict.check}: {text}"
        for verdict in verdicts
        if not verdict.passed
        for text in verdict.details or (verdict.told,)
    ]


class _Sent:
    """One request, sent once."""

    def __init__(self, plan: Plan, number: int, place: int, request: Request, luck: Luck) -> None:
        self._plan = plan
        self._number = number
        self._luck = luck
        self._workloads = {each.name: each for each in plan.workloads}
        self._clock = 1000.0 + number
        self.passages: list[Passage] = []
        self.spans: list[SeenSpan] = []
        self.arrivals: list[Arrival] = []
        # Of each hop that is made: its way at the callee, and who decided what the headers there say.
        made: list[tuple[str, Mapping[str, Chance]] | None] = []
        for hop in request.hops:
            above = made[hop.above] if hop.above is not None else ("", {})
            usual = request.hops[hop.above].branch if hop.above is not None else 0
            called = not number or drawn(number, len(made)) * usual < hop.branch * 10_000
            made.append(self._hop(hop, *above) if above is not None and (called or hop.above is None) else None)
        first = request.hops[0]
        sent = self._headers(first.sent, {})
        self.answer = Answer(number, place, self._status(first.statuses), 1000.0 + number, 0.05, sent)

    def _hop(self, hop: Hop, above: str, came: Mapping[str, Chance]) -> tuple[str, Mapping[str, Chance]]:
        plays = self._workloads[hop.caller].stand_in.arguments is None
        sent = str(self._number) if hop.above is None else f"{above}.{mark(*place_of(hop.path))}" if plays else above
        app = self._workloads[hop.caller].speaks.decision if hop.app else ()
        carried = {**came, **dict.fromkeys(app, hop.app.chance if hop.app else Chance())}
        way = sent
        if self._plan.mesh.proxy(hop.caller):
            way = f"{sent}.{self._id(f'way {len(self.passages)}')}"
            carried |= self._written(hop.client)
            self._pass(hop, OUTBOUND, way, carried)
        received = {**carried, **self._written(hop.server)}
        if hop.reached and self._plan.mesh.proxy(hop.callee):
            self._pass(hop, INBOUND, way, received)
        if hop.reached and self._workloads[hop.callee].stand_in.arguments is None:
            self.arrivals.append(Arrival(hop.callee, way, self._headers(hop.received, received)))
        for span in hop.spans:
            if span.reported and self._sampled(span.chance):
                self.spans.append(self._span(span, sent if span.maker == APP and span.kind == CLIENT else way))
        return way, received

    def _written(self, span: Span | None) -> dict[str, Chance]:
        """The headers in which a sidecar writes its decision."""
        proxy = self._plan.mesh.proxy(span.service) if span else None
        tracer = proxy.tracer.value if proxy else None
        return dict.fromkeys(tracer.format.decision, span.chance) if span and tracer else {}

    def _pass(self, hop: Hop, direction: str, way: str, chances: Mapping[str, Chance]) -> None:
        authority, slash, path = hop.url.removeprefix("http://").partition("/")
        headers = hop.carried if direction == OUTBOUND else hop.received
        service = hop.caller if direction == OUTBOUND else hop.callee
        status = self._status(hop.statuses)
        self._clock += 0.001
        self.passages.append(
            Passage(
                service, direction, way, hop.method, slash + path, authority, status, "-", "via_upstream",
                self._headers(headers, chances), self._clock, 0.01, self._line(hop, direction, status, chances),
            )
        )  # fmt: skip

    def _line(self, hop: Hop, direction: str, status: int, chances: Mapping[str, Chance]) -> LogLine | None:
        text = next((line.text for line in hop.lines if line.direction == direction), None)
        if text is None:
            return None
        written = self._decided("traceparent", self._renamed(text), chances).replace(UNKNOWN, "7")
        (line,) = read_lines(self._plan.log, f"{written}\n").lines
        fields = []
        for field in line.fields:
            header = (field.operator.argument or "").lower()
            value = str(status) if field.operator.name == "RESPONSE_CODE" else field.value
            is_flag = header == "x-b3-sampled" and value != MISSING
            fields.append(field._replace(value=self._decided(header, value, chances) if is_flag else value))
        return LogLine(written, tuple(fields))

    def _span(self, span: Span, way: str) -> SeenSpan:
        proxy = self._plan.mesh.proxy(span.service)
        tracer = proxy.tracer.value if proxy else None
        self._clock += 0.001
        tags = {"http.status_code": str(self._status(span.statuses)), **dict(span.tags), TAG: way}
        trace, own, parent = (self._renamed(found) for found in (span.trace_id, span.span_id, span.parent_id))
        protocol = tracer.protocol if tracer and span.maker != APP else APP
        return SeenSpan(
            way, span.name, span.kind, span.operation, trace, own, parent, self._clock, 0.02, tags, protocol
        )

    def _status(self, statuses: tuple[int, ...]) -> int:
        return statuses[self._number % len(statuses)]

    def _headers(self, texts: Mapping[str, str], chances: Mapping[str, Chance]) -> dict[str, str]:
        return {name: self._decided(name, self._renamed(text), chances) for name, text in texts.items()}

    def _decided(self, name: str, text: str, chances: Mapping[str, Chance]) -> str:
        """A text that holds that header, with the decision that the request's ids lead to."""
        chance = chances.get(name)
        if chance is None or not chance.draws or self._sampled(chance):
            return text
        return _FLAG.sub(r"\g<1>00", text) if name == "traceparent" else "0"

    def _sampled(self, chance: Chance) -> bool:
        return chance.possible and all(self._luck(self._number, key) < percent * 100 for key, percent in chance.draws)

    def _renamed(self, text: str) -> str:
        return _IDS.sub(lambda found: self._other(found[0]), text)

    def _other(self, found: str) -> str:
        """The id that stands for a predicted one: halves of trace ids keep being halves, marks of request ids stay."""
        if "-" not in found:
            return "".join(half if half in _KEPT else self._id(half) for half in re.findall(".{16}", found))
        # The mark is no part of which id it is.
        draw = self._luck(self._number, found[:8]) + 10_000 * drawn(self._number, found[:4], below=400_000)
        rest = self._id(found[:8]) + self._id(found[24:])
        return f"{draw:08x}-{rest[:4]}-{found[14]}{rest[4:7]}-a{rest[7:10]}-{rest[10:22]}"

    def _id(self, seed: str) -> str:
        return sha256(f"{self._number} {seed}".encode()).hexdigest()[:16]
