"""Each fault is found, by its own check and in words that name it: faults of a prediction, and of what was seen."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import pytest

from labspec.observe.judging import Report, judged
from labspec.observe.values import Observation, Passage, SeenSpan
from labspec.plan import Plan
from labspec.predict.chance import ALWAYS, NEVER
from labspec.predict.values import APP, Hop, Span
from tests.conftest import SPECS, plan_of
from tests.observe.predicted import as_predicted, failures

_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}|[0-9a-f]{16}")


@cache
def form(spec: str, variant: str) -> Plan:
    (found,) = (one for path in SPECS if path.stem == spec for one in plan_of(path).forms if one.variant == variant)
    return found


@cache
def seen(spec: str, variant: str, rounds: int = 8) -> Observation:
    return as_predicted(form(spec, variant), rounds)


WHOLE = ("dropped-headers", "mended")
BROKEN = ("dropped-headers", "base")
ORIGIN = ("istio-jaeger", "base")
ONE_PERCENT = ("istio-jaeger", "one-percent")
TWO = "services: {a: {kind: curl, calls: [b]}, b: {kind: http-echo}}\n"
NO_COLLECTOR = ("no-collector", "base")
JSON = ("istio-jaeger", "json-logs")


def predicting(lab: tuple[str, str], index: int, change: Callable[[Hop], Hop]) -> Plan:
    """The plan with another prediction of one hop of its first request."""
    plan = form(*lab)
    first, *others = plan.prediction.requests
    hops = [change(hop) if number == index else hop for number, hop in enumerate(first.hops)]
    prediction = plan.prediction._replace(requests=(first._replace(hops=tuple(hops)), *others))
    return plan._replace(prediction=prediction)


def server(hop: Hop) -> Span:
    assert hop.server is not None
    return hop.server


def client(hop: Hop) -> Span:
    assert hop.client is not None
    return hop.client


def spanned(hop: Hop, **changes: Any) -> Hop:
    """With another SERVER span."""
    return hop._replace(server=server(hop)._replace(**changes))


def own(hop: Hop) -> Span:
    """The span of a tracer in the callee, if it had one."""
    return server(hop)._replace(maker=APP, name=hop.callee, operation="", tags=(), span_id="0123456789abcdef")


def tagged(hop: Hop, name: str, value: str) -> Hop:
    return spanned(hop, tags=tuple((dict(server(hop).tags) | {name: value}).items()))


def logged(hop: Hop, old: str, new: str) -> Hop:
    """Another line of the callee's sidecar; what is replaced is there."""
    out, inward = hop.lines
    assert old in inward.text
    return hop._replace(lines=(out, inward._replace(text=inward.text.replace(old, new))))


def plain(report: Report) -> list[str]:
    """What is told, without the ids."""
    return [_ID.sub("#", text) for text in failures(report)]


class Lie(NamedTuple):
    """A prediction of one hop that is wrong, and all that is told when the hop is as it was to be."""

    name: str
    lab: tuple[str, str]
    hop: int
    change: Callable[[Hop], Hop]
    told: tuple[str, ...]


STOCK = "'stock.dropped-headers.svc.cluster.local:80/*'"
LIES = [
    Lie(
        "a span less",
        WHOLE, 1, lambda hop: hop._replace(server=None),
        (f"spans: stock.dropped-headers has a SERVER span {STOCK} that was not to be",),
    ),
    Lie(
        "a span more",
        WHOLE, 1, lambda hop: hop._replace(answering=own(hop)),
        ("spans: stock's app's SERVER span for orders is missing",),
    ),
    Lie(
        "a span that nobody samples",
        WHOLE, 1, lambda hop: spanned(hop, chance=NEVER),
        ("spans: stock's SERVER span for orders is there, and was not to be sampled",),
    ),
    Lie(
        "another service in a span",
        WHOLE, 1, lambda hop: spanned(hop, name="stock"),
        (
            "spans: stock's SERVER span for orders is missing",
            f"spans: stock.dropped-headers has a SERVER span {STOCK} that was not to be",
        ),
    ),
    Lie(
        "another parent",
        WHOLE, 1, lambda hop: spanned(hop, parent_id="c584133ac916ab3c"),
        (
            "traces: stock's SERVER span for orders: its parent is #, where the id of shop -> orders to the app: traceparent was to be again, #",
        ),
    ),
    Lie(
        "a root",
        WHOLE, 1, lambda hop: spanned(hop, parent_id=""),
        ("traces: stock's SERVER span for orders has the parent #, and was to be a root",),
    ),
    Lie(
        "no root",
        BROKEN, 0, lambda hop: hop._replace(client=client(hop)._replace(parent_id="8e1f7555983aa92f")),
        ("traces: shop's CLIENT span of its call of orders is a root, and was to have a parent",),
    ),
    Lie(
        "another trace",
        WHOLE, 1, lambda hop: spanned(hop, trace_id="f" * 32),
        (
            "traces: stock's SERVER span for orders: its trace id is #, the id of shop -> orders from the pod: traceparent, where another was to be",
        ),
    ),
    Lie(
        "the trace before the break",
        BROKEN, 1, lambda hop: spanned(hop, trace_id="06c45d188009454ff88bb8a8724c81ec"),
        (
            "traces: stock's SERVER span for orders: its trace id is #, where the id of shop -> orders from the pod: traceparent was to be again, #",
        ),
    ),
    Lie(
        "a header more",
        WHOLE, 1, lambda hop: hop._replace(carried={**hop.carried, "x-b3-sampled": "1"}),
        ("headers: orders -> stock from the pod: x-b3-sampled is missing",),
    ),
    Lie(
        "a header less",
        WHOLE, 1, lambda hop: hop._replace(received={"x-request-id": hop.received["x-request-id"]}),
        (
            "headers: orders -> stock to the app: traceparent was not to be",
            "headers: orders -> stock to the app: tracestate was not to be",
        ),
    ),
    Lie(
        "a header less from the app",
        ORIGIN, 0, lambda hop: hop._replace(sent={}),
        tuple(f"headers: frontend -> backend from the app: x-b3-{name} was not to be" for name in ("traceid", "spanid", "sampled")),
    ),
    Lie(
        "another flag",
        WHOLE, 1, lambda hop: hop._replace(received={**hop.received, "traceparent": f"{hop.received['traceparent'][:-1]}0"}),
        ('headers: orders -> stock to the app: traceparent is "00-#-#-01", where "00-#-#-00" was to be',),
    ),
    Lie(
        "another span in a header",
        WHOLE, 1, lambda hop: hop._replace(received={**hop.received, "traceparent": hop.carried["traceparent"]}),
        (
            "headers: orders -> stock to the app: traceparent is #, where the id of orders -> stock from the pod: traceparent was to be again, #",
        ),
    ),
    Lie(
        "128 bits",
        ORIGIN, 0, lambda hop: hop._replace(sent={**hop.sent, "x-b3-traceid": "ab" * 16}),
        ("headers: frontend -> backend from the app: x-b3-traceid is #, where an id such as # was to be",),
    ),
    Lie(
        "another method in the log",
        WHOLE, 1, lambda hop: logged(hop, '"GET /', '"POST /'),
        ('log: stock inbound: %REQ(:METHOD)% is "GET", where "POST" was to be',),
    ),
    Lie(
        "no id in the log",
        WHOLE, 1, lambda hop: logged(hop, "traceID=06c45d188009454ff88bb8a8724c81ec", "traceID=-"),
        ('log: stock inbound: %TRACE_ID% is "#", where "-" was to be',),
    ),
    Lie(
        "an id in the log",
        NO_COLLECTOR, 0, lambda hop: logged(hop, 'curl/8.17.0" "', 'curl/8.17.0" "ab'),
        ('log: echo inbound: %REQ(X-REQUEST-ID)% is "#", where "ab#" was to be',),
    ),
    Lie(
        "another id in the log",
        WHOLE, 1, lambda hop: logged(hop, "spanID=8e1f7555983aa92f", "spanID=657eecdd3cb13d09"),
        (
            "log: stock inbound: %SPAN_ID% is #, where the id of orders -> stock from the pod: traceparent was to be again, #",
        ),
    ),
    Lie(
        "nothing in the log's JSON",
        JSON, 0, lambda hop: logged(hop, '"path":"/"', '"path":null'),
        ('log: backend inbound: path %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% is "/", where "-" was to be',),
    ),
    Lie(
        "another answer",
        WHOLE, 0, lambda hop: hop._replace(statuses=(503,)),
        (
            "answers: 200 was answered, 503 is right",
            "calls: shop's call of orders got 200, 503 is right",
            "log: shop outbound: %RESPONSE_CODE% is 200, 503 is right",
            "log: orders inbound: %RESPONSE_CODE% is 200, 503 is right",
        ),
    ),
    Lie(
        "another answer inside",
        WHOLE, 1, lambda hop: hop._replace(statuses=(404, 500)),
        (
            "calls: orders's call of stock got 200, 404 or 500 is right",
            "log: orders outbound: %RESPONSE_CODE% is 200, 404 or 500 is right",
            "log: stock inbound: %RESPONSE_CODE% is 200, 404 or 500 is right",
        ),
    ),
    Lie(
        "another tag",
        WHOLE, 1, lambda hop: tagged(hop, "http.method", "POST"),
        ('tags: stock\'s SERVER span for orders: tag http.method is "GET", where "POST" was to be',),
    ),
    Lie(
        "a tag more",
        WHOLE, 1, lambda hop: tagged(hop, "user_agent", "curl"),
        ('tags: stock\'s SERVER span for orders: tag user_agent is missing, where "curl" was to be',),
    ),
    Lie(
        "another status in the tags",
        WHOLE, 1, lambda hop: spanned(hop, statuses=(500,), tags=()),
        ("tags: stock's SERVER span for orders: tag http.status_code is 200, 500 is right",),
    ),
    Lie(
        "another name of a span",
        WHOLE, 1, lambda hop: spanned(hop, operation="stock:80/*"),
        (f'tags: stock\'s SERVER span for orders is called "{STOCK[1:-1]}", not "stock:80/*"',),
    ),
    Lie(
        "another path",
        WHOLE, 1, lambda hop: hop._replace(url="http://stock/x"),
        (
            "calls: orders did not call stock: GET http://stock/x",
            "calls: orders has an outbound request that was not to be: GET http://stock/",
            "calls: stock has an inbound request that was not to be: GET http://stock/",
            f"spans: orders.dropped-headers has a CLIENT span {STOCK} that was not to be",
            f"spans: stock.dropped-headers has a SERVER span {STOCK} that was not to be",
        ),
    ),
]  # fmt: skip


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.name)
def test_a_wrong_prediction(lie: Lie) -> None:
    report = judged(predicting(lie.lab, lie.hop, lie.change), seen(*lie.lab, 1))
    assert not report.passed
    assert sorted(plain(report)) == sorted(f"{text} (1 of 1)" for text in lie.told)


@pytest.mark.parametrize(
    ("predicted", "made", "told", "about"),
    [
        (
            "base",
            "mended",
            "broken between orders and stock in 0 of 8: it hands on no trace header",
            "has the parent #, and was to be a root",
        ),
        ("mended", "base", "trace ids and parents; no break", "is a root, and was to have a parent"),
    ],
)
def test_a_break_that_is_not_there_and_one_that_is_not_predicted(
    predicted: str, made: str, told: str, about: str
) -> None:
    report = judged(form("dropped-headers", predicted), seen("dropped-headers", made))
    traces = next(verdict for verdict in report.judged[0].verdicts if verdict.check == "traces")
    assert (traces.passed, traces.told) == (False, told)
    assert f"traces: orders's CLIENT span of its call of stock {about} (8 of 8)" in plain(report)


def test_more_are_sampled_than_predicted() -> None:
    report = judged(form(*ONE_PERCENT), as_predicted(form(*ONE_PERCENT), 20, lambda *_: 0))
    (text,) = failures(report)
    assert text.startswith("sampling: 20 of 20 sampled, 100 % (83.9 to 100 %); predicted 1 %")


@pytest.mark.parametrize(("draw", "spans"), [(99, 2), (100, 0)])
def test_an_id_below_the_rate_is_sampled_and_one_at_the_rate_is_not(draw: int, spans: int) -> None:
    found = as_predicted(form(*ONE_PERCENT), 1, lambda *_: draw)
    assert len(found.spans) == spans
    assert [text for text in failures(judged(form(*ONE_PERCENT), found)) if not text.startswith("sampling: ")] == []


def test_fewer_are_sampled_than_predicted() -> None:
    def always(hop: Hop) -> Hop:
        return spanned(hop._replace(client=client(hop)._replace(chance=ALWAYS)), chance=ALWAYS)

    found = failures(judged(predicting(ONE_PERCENT, 0, always), seen(*ONE_PERCENT)))
    assert sorted(found[:2]) == [
        "spans: backend's SERVER span for frontend is missing (7 of 8)",
        "spans: frontend's CLIENT span of its call of backend is missing (7 of 8)",
    ]
    assert found[-1] == "sampling: 1 of 8 sampled, 12.5 % (2.24 to 47.1 %); predicted 100 %"


class Fault(NamedTuple):
    """Something that goes wrong in the fourth of eight requests, and all that is told of it."""

    name: str
    change: Callable[[Observation], Observation]
    told: tuple[str, ...]


def is_below(way: str) -> bool:
    """Whether it is of the fourth request's second call."""
    return way.startswith("3.") and way.count(".") > 1


def spans(observation: Observation, change: Callable[[SeenSpan], tuple[SeenSpan, ...]]) -> Observation:
    """The SERVER span of stock in the fourth request, changed."""
    found = [change(span) if is_below(span.way) and span.kind == "SERVER" else (span,) for span in observation.spans]
    return observation._replace(spans=tuple(span for some in found for span in some))


def passages(observation: Observation, change: Callable[[Passage], tuple[Passage, ...]]) -> Observation:
    """The request at stock's sidecar, the fourth one, changed."""
    found = [change(one) if is_below(one.way) and one.service == "stock" else (one,) for one in observation.passages]
    return observation._replace(passages=tuple(one for some in found for one in some))


def without_call(observation: Observation) -> Observation:
    return observation._replace(
        passages=tuple(found for found in observation.passages if not is_below(found.way)),
        spans=tuple(found for found in observation.spans if not is_below(found.way)),
        arrivals=tuple(found for found in observation.arrivals if not is_below(found.way)),
    )


def answered(observation: Observation, status: int) -> Observation:
    return observation._replace(
        answers=tuple(one._replace(status=status) if one.number == 3 else one for one in observation.answers)
    )


def silenced(passage: Passage, operator: str) -> Passage:
    """With nothing for an operator in its line."""
    assert passage.line is not None
    fields = [field._replace(value="-") if field.name == operator else field for field in passage.line.fields]
    return passage._replace(line=passage.line._replace(fields=tuple(fields)))


FAULTS = [
    Fault("a span lost", lambda seen: spans(seen, lambda _: ()), ("spans: stock's SERVER span for orders is missing (1 of 8)",)),
    Fault(
        "a span twice",
        lambda seen: spans(seen, lambda span: (span, span)),
        (f"spans: stock.dropped-headers has a SERVER span {STOCK} that was not to be (1 of 8)",),
    ),
    Fault(
        "a span of another kind",
        lambda seen: spans(seen, lambda span: (span._replace(kind="CONSUMER"),)),
        (
            "spans: stock's SERVER span for orders is missing (1 of 8)",
            f"spans: stock.dropped-headers has a CONSUMER span {STOCK} that was not to be (1 of 8)",
        ),
    ),
    Fault(
        "a span of no request",
        lambda seen: spans(seen, lambda span: (span, span._replace(way=""), span._replace(way="99.x"))),
        ("spans: stock.dropped-headers SERVER (2)",),
    ),
    Fault("a call lost", without_call, ("calls: orders did not call stock: GET http://stock/ (1 of 8)",)),
    Fault(
        "an unexpected call",
        lambda seen: passages(seen, lambda one: (one, one._replace(service="orders", direction="outbound", path="/x"))),
        ("calls: orders has an outbound request that was not to be: GET http://stock/x (1 of 8)",),
    ),
    Fault(
        "a request twice",
        lambda seen: passages(seen, lambda one: (one, one)),
        ("calls: stock has an inbound request that was not to be: GET http://stock/ (1 of 8)",),
    ),
    Fault(
        "a log line lost",
        lambda seen: passages(seen, lambda one: (one._replace(line=None),)),
        ("log: stock inbound: there is no line of the lab's format (1 of 8)",),
    ),
    Fault(
        "no id in the log",
        lambda seen: passages(seen, lambda one: (silenced(one, "%SPAN_ID%"),)),
        ('log: stock inbound: %SPAN_ID% is "-", where "#" was to be (1 of 8)',),
    ),
    Fault(
        "lines of another format",
        lambda seen: seen._replace(skipped={"stock": 2, "orders": 0}),
        ("log: log lines that are not of the lab's format: 2 of stock",),
    ),
    Fault("no answer", lambda seen: answered(seen, 0), ("answers: 000 was answered, 200 is right (1 of 8)",)),
    Fault(
        "a status inside",
        lambda seen: passages(seen, lambda one: (one._replace(status=503),)),
        ("calls: orders's call of stock got 503, 200 is right (1 of 8)",),
    ),
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_in_one_request(fault: Fault) -> None:
    report = judged(form(*WHOLE), fault.change(seen(*WHOLE)))
    assert not report.passed
    assert sorted(plain(report)) == sorted(fault.told)
    assert judged(form(*WHOLE), seen(*WHOLE)).passed


def test_a_fault_of_all_requests_is_told_once() -> None:
    wrong = predicting(WHOLE, 1, lambda hop: spanned(hop, parent_id=""))
    (text,) = plain(judged(wrong, seen(*WHOLE)))
    assert text == "traces: stock's SERVER span for orders has the parent #, and was to be a root (8 of 8)"


def test_what_is_told_as_often_comes_in_the_order_of_the_request() -> None:
    wrong = predicting(WHOLE, 1, lambda hop: hop._replace(sent={}, carried={}, received={}))
    hops = ("from the pod", "to the app")
    names = ("x-request-id", "traceparent", "tracestate")
    told = [f"headers: orders -> stock {hop}: {name} was not to be (8 of 8)" for hop in hops for name in names]
    assert plain(judged(wrong, seen(*WHOLE))) == [*told[:5], "headers: and 1 more"]


def test_ids_that_are_the_same_in_all_requests() -> None:
    one = seen(*WHOLE, 1)
    again = Observation(
        tuple(answer._replace(number=number) for number in range(8) for answer in one.answers),
        tuple(found._replace(way=f"{number}{found.way[1:]}") for number in range(8) for found in one.passages),
        tuple(found._replace(way=f"{number}{found.way[1:]}") for number in range(8) for found in one.spans),
        tuple(found._replace(way=f"{number}{found.way[1:]}") for number in range(8) for found in one.arrivals),
        {},
    )
    assert "traces" in {text.partition(":")[0] for text in failures(judged(form(*WHOLE), again))}


@pytest.mark.parametrize("operator", ["CONNECTION_ID", "REQUEST_DURATION", "RESPONSE_TX_DURATION"])
def test_a_number_that_nobody_can_predict_does_not_hide_the_rest(operator: str) -> None:
    spec = f"apiVersion: labspec/v1\nname: lab\nlogs: {{format: '%REQ(:METHOD)% %{operator}%'}}\n{TWO}"
    plan = plan_of(spec)
    (request,) = plan.prediction.requests
    (hop,) = request.hops
    wrong = request._replace(hops=(logged(hop, "GET", "POST"),))
    report = judged(plan._replace(prediction=plan.prediction._replace(requests=(wrong,))), as_predicted(plan, 1))
    assert plain(report) == ['log: b inbound: %REQ(:METHOD)% is "GET", where "POST" was to be (1 of 1)']
