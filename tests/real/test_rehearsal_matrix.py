"""What is known of Envoy's tracers comes out of rehearsals, cell by cell, as the tables say and as the prediction does.

The tables were measured with scripts that share no code with the rehearsal.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import pytest

from labspec.envoy.versions import ENVOY_RELEASES
from labspec.observe.judging import judged
from labspec.observe.shares import Share
from labspec.observe.values import Observation, Passage, SeenSpan, number_of
from labspec.plan import Plan
from labspec.predict.chance import ALWAYS, NEVER, Chance
from labspec.predict.sidecar import REQUEST_ID, Header, Ids, Made, passed
from labspec.predict.sidecar import Passage as Predicted
from labspec.predict.values import CLIENT, OUTBOUND, SERVER
from labspec.rehearse.run import observed
from tests.conftest import plan_of
from tests.predict.test_matrix import HANDED_ON
from tests.real.verification import record

pytestmark = pytest.mark.real

TWO = "{a: {kind: curl, calls: [b]}, b: {kind: http-echo}}"
TWO_RATES = "{a: {kind: curl, calls: [b], sampling: {percent: %s}}, b: {kind: http-echo, sampling: {percent: %s}}}"
CHAIN = "{a: {kind: curl, calls: [b]}, b: {kind: relay, calls: [c], forwards: %s}, c: {kind: http-echo}}"

RELEASES = {**ENVOY_RELEASES, "1.40": "1.40.0"}
"""No Istio that labspec knows has the last one."""

ISTIO = {"1.38": "1.30", "1.39": "1.31", "1.40": "1.31"}
"""Envoy -> the Istio whose prediction it is held against."""

FLAG = {"4": "not sampled", "9": "sampled", "b": "forced by the client"}
"""The mark in a request id."""


def lab(services: str, version: str = "1.30", form: str = "b3", percent: float = 100, more: str = "") -> Plan:
    return plan_of(
        f'apiVersion: labspec/v1\nname: lab\nistio: {{version: "{version}"}}\npropagation: {{format: {form}}}\n'
        f"sampling: {{percent: {percent}}}\nservices: {services}\n{more}"
    )


class Seen(NamedTuple):
    """One request, sent by a."""

    spans: list[SeenSpan]
    passages: list[Passage]

    @property
    def traces(self) -> list[int]:
        """How many spans each of its traces has, the largest first."""
        return sorted(Counter(span.trace_id for span in self.spans).values(), reverse=True)

    @property
    def out(self) -> Passage:
        """Its way out of the first sidecar."""
        (found,) = (each for each in self.passages if (each.service, each.direction) == ("a", OUTBOUND))
        return found

    @property
    def request_id(self) -> str:
        """As it leaves the first sidecar."""
        return self.out.headers[REQUEST_ID]

    def span(self, service: str, kind: str) -> SeenSpan:
        """The only one of its kind."""
        (found,) = (span for span in self.spans if (span.service, span.kind) == (f"{service}.lab", kind))
        return found


def requests(observation: Observation) -> list[Seen]:
    """Each request that was sent, all of them answered."""
    spans: dict[int, list[SeenSpan]] = defaultdict(list)
    passages: dict[int, list[Passage]] = defaultdict(list)
    for span in observation.spans:
        spans[number_of(span.way)].append(span)
    for passage in observation.passages:
        passages[number_of(passage.way)].append(passage)
    numbers = [answer.number for answer in observation.answers]
    assert {answer.status for answer in observation.answers} == {200}
    assert spans.keys() <= passages.keys() == set(numbers)
    return [Seen(spans[number], passages[number]) for number in numbers]


def is_below(request_id: str, percent: float) -> bool:
    """Whether a rate takes a request with this id."""
    return int(request_id[:8], 16) % 10_000 < round(percent * 100)


def noted(envoy: str, what: str, count: int) -> None:
    record(tool="Envoy", version=RELEASES[envoy], what=f"rehearsed: {what}", count=count)


# What the sidecars speak x what the app in the middle hands on.


def handed_on() -> Iterator[tuple[str, str, str, list[int]]]:
    """Format, protocol, what is handed on, spans by trace."""
    for form, forwards, expected in HANDED_ON:
        for protocol in ("otlp-grpc", "otlp-http") if form == "w3c" else ("zipkin",):
            yield form, protocol, forwards, expected


@pytest.mark.parametrize(("form", "protocol", "forwards", "expected"), list(handed_on()))
def test_handed_on(form: str, protocol: str, forwards: str, expected: list[int], tool: Callable[..., str]) -> None:
    plan = lab(CHAIN % forwards, form=form, more=f"collector: {{kind: jaeger, protocol: {protocol}}}\n")
    observation = observed(plan, tool("envoy-1.38"), 3)
    assert [one.traces for one in requests(observation)] == [expected] * 3
    assert {span.protocol for span in observation.spans} == {protocol}
    (predicted,) = plan.prediction.requests
    assert [len(spans) for spans in predicted.traces.values()] == expected
    report = judged(plan, observation)
    assert report.passed, report
    noted("1.38", "traces of a request, by what the sidecars speak and what the app in the middle hands on", 3)


# Who decides what is sampled: the rate, or headers that come with a request.

ROUNDS = 60
"""Requests with one set of headers at one rate: few, for each is held against its own id."""

YES, NO, RATE = "always", "never", "rate"
RATE_AND_FLAG = "rate and flag"
"""A flag that says no is obeyed; where it says yes, the rate decides."""


class Incoming(NamedTuple):
    """A set of headers, and who decides where a request has it."""

    name: str
    headers: Mapping[str, str]
    """`{t}`, `{s}`: the ids of a trace and a span, others in each request. `{last}`, `{next}`: the first part of the last request id
    that the rate takes, and of the next one."""
    b3: str
    both: str
    w3c: str
    newer: str = ""
    """w3c, from Envoy 1.39 on, where it is otherwise."""

    def decides(self, form: str, envoy: str) -> str:
        """Who does."""
        if form == "w3c":
            return self.newer if self.newer and envoy >= "1.39" else self.w3c
        return self.b3 if form == "b3" else self.both

    def sent(self, number: int, rate: float) -> dict[str, str]:
        """The headers of one request."""
        edge = round(rate * 100)
        values = {
            "t": trace_of(number),
            "s": span_of(number),
            "last": f"{max(edge - 1, 0):08x}",
            "next": f"{min(edge, 9_999):08x}",
        }
        return {name: value.format(**values) for name, value in self.headers.items()}


def trace_of(number: int) -> str:
    return f"{0xA17F0C29D4E6B358963C5D20F18E0000 + number:032x}"


def span_of(number: int) -> str:
    return f"{0xC04D9A6BE1F20000 + number:016x}"


IDS = {"x-b3-traceid": "{t}", "x-b3-spanid": "{s}"}
TABLE = [
    # A set of headers; who decides where the sidecars speak b3, b3+w3c, w3c.
    Incoming("nothing", {}, RATE, RATE, RATE),
    Incoming("x-b3-sampled: 1 with ids", {**IDS, "x-b3-sampled": "1"}, YES, YES, RATE),
    Incoming("x-b3-sampled: 1 alone", {"x-b3-sampled": "1"}, YES, YES, RATE),
    Incoming("x-b3-sampled: 0 with ids", {**IDS, "x-b3-sampled": "0"}, NO, NO, RATE),
    Incoming("x-b3-sampled: 0 alone", {"x-b3-sampled": "0"}, NO, NO, RATE),
    Incoming("ids of b3", IDS, RATE, RATE, RATE),
    Incoming("traceparent, flag 01", {"traceparent": "00-{t}-{s}-01"}, RATE, YES, YES, RATE_AND_FLAG),
    Incoming("traceparent, flag 00", {"traceparent": "00-{t}-{s}-00"}, RATE, NO, NO),
    Incoming("b3: ids-1", {"b3": "{t}-{s}-1"}, YES, YES, RATE),
    Incoming("b3: 0", {"b3": "0"}, NO, NO, RATE),
    Incoming("x-client-trace-id", {"x-client-trace-id": "{s}"}, YES, YES, YES),
    Incoming("x-envoy-force-trace", {"x-envoy-force-trace": "1"}, RATE, RATE, RATE),
    Incoming("the last id below the rate", {REQUEST_ID: "{last}-52d8-4b0e-a4c6-8e1d2f60b7a9"}, RATE, RATE, RATE),
    Incoming("the first id above it", {REQUEST_ID: "{next}-52d8-4b0e-a4c6-8e1d2f60b7a9"}, RATE, RATE, RATE),
]

COLUMNS = [
    *((form, "1.38", rate) for form in ("b3", "b3+w3c", "w3c") for rate in (100, 50, 1, 0)),
    *(("w3c", "1.39", rate) for rate in (100, 50, 1, 0)),
    ("w3c", "1.40", 1),
]


@pytest.mark.parametrize(("form", "envoy", "rate"), COLUMNS)
def test_who_decides(form: str, envoy: str, rate: int, tool: Callable[..., str]) -> None:
    plan = lab(TWO, ISTIO[envoy], form, rate, "logs: {format: none}\n")

    def headers(number: int) -> dict[str, str]:
        return TABLE[number % len(TABLE)].sent(number, rate)

    seen = requests(observed(plan, tool(f"envoy-{envoy}"), ROUNDS * len(TABLE), headers))
    wrong = {}
    for number, one in enumerate(seen):
        incoming = TABLE[number % len(TABLE)]
        found, predicted = told(one), foretold(plan, headers(number), one)
        by_table = {YES: True, NO: False}.get(incoming.decides(form, envoy), is_below(one.request_id, rate))
        if found != predicted or found.sampled != by_table:
            wrong[incoming.name, number] = {"seen": found, "predicted": predicted, "table": by_table}
    assert wrong == {}
    drawn = [one for number, one in enumerate(seen) if is_drawn(TABLE[number % len(TABLE)], form, envoy)]
    share = Share("", sum(bool(one.spans) for one in drawn), len(drawn), rate)
    assert share.fits
    noted(
        envoy,
        "whether a request is sampled and in which trace, by rate and by the headers with which it comes",
        len(seen),
    )


def is_drawn(incoming: Incoming, form: str, envoy: str) -> bool:
    """Whether chance decides."""
    return incoming.decides(form, envoy) in {RATE, RATE_AND_FLAG} and REQUEST_ID not in incoming.headers


class Told(NamedTuple):
    """What became of a request."""

    sampled: bool
    mark: str
    """In the request id that goes on."""
    trace: str = ""
    """Empty for a new one."""
    parent: str = ""
    """Of the CLIENT span."""
    below: str = ""
    """The parent of the SERVER span; empty for the CLIENT span."""


def told(one: Seen) -> Told:
    """What was seen of a request."""
    mark = FLAG[one.request_id[14]]
    if not one.spans:
        return Told(sampled=False, mark=mark)
    assert one.traces == [2], one.spans
    client, server = one.span("a", CLIENT), one.span("b", SERVER)
    return Told(
        sampled=True,
        mark=mark,
        trace=client.trace_id if client.parent_id else "",
        parent=client.parent_id,
        below="" if server.parent_id == client.span_id else server.parent_id,
    )


def foretold(plan: Plan, headers: Mapping[str, str], one: Seen) -> Told:
    """What the prediction makes of a request whose id is known."""
    came = {name: Header(text, NEVER if name == REQUEST_ID else ALWAYS) for name, text in headers.items()}
    ids, (near, far) = Ids(), plan.mesh.proxies
    first = passed(near, came, ids, plan.istio_version)
    second = passed(far, first.headers, ids, plan.istio_version)
    client, server = made_by(first), made_by(second)
    carried = first.headers[REQUEST_ID]
    mark = FLAG[carried.text[14] if holds(carried.chance, one.request_id) else "4"]
    sampled = holds(client.chance, one.request_id)
    assert holds(server.chance, one.request_id) == sampled
    if not sampled:
        return Told(sampled=False, mark=mark)
    assert server.trace_id == client.trace_id
    return Told(
        sampled=True,
        mark=mark,
        trace=client.trace_id if client.parent_id else "",
        parent=client.parent_id,
        below="" if server.parent_id == client.span_id else server.parent_id,
    )


def made_by(passage: Predicted) -> Made:
    assert passage.made is not None
    return passage.made


def holds(chance: Chance, request_id: str) -> bool:
    """Whether something happens to a request that all sidecars know by this id."""
    return chance.possible and all(is_below(request_id, percent) for _, percent in chance.draws)


@pytest.mark.parametrize("form", ["b3", "w3c"])
@pytest.mark.parametrize(("first", "second"), [(1, 100), (100, 1)])
def test_only_the_first_rate_counts(form: str, first: int, second: int, tool: Callable[..., str]) -> None:
    plan, count = lab(TWO_RATES % (first, second), form=form), 300
    observation = observed(plan, tool("envoy-1.38"), count)
    seen = requests(observation)
    assert [one.traces for one in seen] == [[2] if is_below(one.request_id, first) else [] for one in seen]
    share = Share("", sum(bool(one.spans) for one in seen), count, first)
    assert share.fits
    assert not share._replace(predicted=second).fits
    report = judged(plan, observation)
    assert report.passed, report
    noted("1.38", "that only the rate of a request's first sidecar counts", count)


@pytest.mark.parametrize(("envoy", "traces"), [("1.38", {(4,)}), ("1.39", {(4,), (2,)}), ("1.40", {(4,), (2,)})])
def test_a_trace_without_the_request_id(envoy: str, traces: set[tuple[int, ...]], tool: Callable[..., str]) -> None:
    """From 1.39 on the second half is drawn anew, and where the rate leaves it out, the trace is truncated."""
    plan, count = lab(CHAIN % "[traceparent, tracestate]", ISTIO[envoy], "w3c", 50), 120
    observation = observed(plan, tool(f"envoy-{envoy}"), count)
    seen = requests(observation)
    assert {tuple(one.traces) for one in seen} == {(), *traces}
    (predicted,) = plan.prediction.requests
    shares = Counter(span.share for span in predicted.reported)
    assert shares == ({50: 4} if envoy == "1.38" else {50: 2, 25: 2})
    for kind, predicted_share in (("a", 50), ("c", min(shares))):
        reached = sum(any(span.service == f"{kind}.lab" for span in one.spans) for one in seen)
        assert Share(kind, reached, count, predicted_share).fits
    report = judged(plan, observation)
    assert report.passed, report
    noted(envoy, "traces where the app in the middle hands on traceparent without x-request-id", count)


@pytest.mark.parametrize("envoy", ["1.38", "1.39", "1.40"])
def test_the_single_b3_header(envoy: str, tool: Callable[..., str]) -> None:
    """Up to 1.39 it goes on as it came beside the new headers, and the next sidecar believes it; 1.40 rewrites it, and writes no others."""
    plan, count = lab(TWO, ISTIO[envoy], more="logs: {format: '%REQ(X-B3-TRACEID)%'}\n"), 5

    def headers(number: int) -> dict[str, str]:
        return {"b3": f"{trace_of(number)}-{span_of(number)}-1"}

    seen = requests(observed(plan, tool(f"envoy-{envoy}"), count, headers))
    for number, one in enumerate(seen):
        client, server = one.span("a", CLIENT), one.span("b", SERVER)
        assert client.trace_id == server.trace_id == trace_of(number)
        carried = {name: value for name, value in one.out.headers.items() if name != REQUEST_ID}
        logged = {passage.line.fields[0].value for passage in one.passages if passage.line}
        if envoy == "1.40":
            assert list(carried) == ["b3"]
            assert carried["b3"].split("-")[:3] == [trace_of(number), client.span_id, "1"]
            assert logged == {"-"}
        else:
            assert carried == {
                **headers(number),
                "x-b3-traceid": trace_of(number),
                "x-b3-spanid": client.span_id,
                "x-b3-parentspanid": span_of(number),
                "x-b3-sampled": "1",
            }
            assert logged == {trace_of(number)}
        assert client.parent_id == span_of(number)
        assert server.parent_id == (client.span_id if envoy == "1.40" else span_of(number))
        # The prediction is of the Envoys that Istio has.
        assert (told(one) == foretold(plan, headers(number), one)) == (envoy != "1.40")
    noted(envoy, "what becomes of the single header b3", count)
