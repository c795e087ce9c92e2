"""The prediction of whole labs, against expectations written by hand.

A line is a span: its depth, who made it (`*` for an app), service, kind, the other side, its trace (A, B, ... in the order in which they
begin), and its share of the requests; `-` for one that nobody reports.
"""

from typing import NamedTuple

import pytest

from labspec.compile import compiled
from labspec.predict.values import APP, Prediction, Request, Span
from tests.conftest import plan_of

HEAD = "apiVersion: labspec/v1\nname: lab\n"
B3 = "propagation: {format: b3}\n"
BOTH = "propagation: {format: b3+w3c}\n"


def predicted(text: str) -> Prediction:
    return plan_of(HEAD + text).prediction


def drawn(request: Request) -> list[str]:
    """The spans of a request as lines."""
    letters = {
        trace: chr(ord("A") + number) for number, trace in enumerate(dict.fromkeys(s.trace_id for s in request.spans))
    }
    depths: dict[str, int] = {}

    def line(span: Span) -> str:
        depth = depths.get(span.parent_id, -1) + 1
        depths[span.span_id] = depth
        made = "*" if span.maker == APP else ""
        share = f"{span.share:g} %" if span.reported else "-"
        return f"{'  ' * depth}{made}{span.service} {span.kind} {span.peer} {letters[span.trace_id]} {share}"

    return [line(span) for span in request.spans]


class Graph(NamedTuple):
    """A lab, and what one request of it does."""

    name: str
    spec: str
    spans: str
    breaks: tuple[str, ...] = ()
    """Service and reason."""
    decider: str = ""
    """Who decides whether trace A is sampled."""
    orphans: int = 0
    """Reported spans whose parent nobody reports."""


TWO = "services:\n  a: {kind: curl, calls: [b]%s}\n  b: {kind: http-echo}\n"
SPOKEN = "services:\n  a: {kind: curl, calls: [b], tracer: {format: %s}}\n  b: {kind: relay, calls: [c]%s}\n  c: {kind: http-echo}\n"
MIDDLE = "services:\n  a: {kind: curl, calls: [b]}\n  b: {kind: custom, image: shop/b:1, calls: [c], forwards: none, tracer: {format: %s, export: zipkin}}\n  c: {kind: http-echo}\n"
CHAIN = "services:\n  a: {kind: curl, calls: [b]}\n  b: {kind: relay, calls: [c]%s}\n  c: {kind: http-echo}\n"
WHOLE = """
a CLIENT b A 100 %
  b SERVER a A 100 %
    b CLIENT c A 100 %
      c SERVER b A 100 %
"""
# Sidecars read the single header first, and leave it as the app wrote it.
SIDE_BY_SIDE = """
*a CLIENT b A -
  a CLIENT b A 100 %
  b SERVER a A 100 %
  b CLIENT c A 100 %
  c SERVER b A 100 %
"""
UNHEARD = """
*a CLIENT b A -
a CLIENT b B 100 %
  b SERVER a B 100 %
    b CLIENT c B 100 %
      c SERVER b B 100 %
"""
BROKEN = """
a CLIENT b A 100 %
  b SERVER a A 100 %
b CLIENT c B 100 %
  c SERVER b B 100 %
"""
APP_STARTS = """
*a CLIENT b A -
  a CLIENT b A 100 %
    b SERVER a A 100 %
"""
UNREPORTED = """
*a CLIENT b A -
  a CLIENT b A 0 %
    b SERVER a A 0 %
"""
GRAPHS = [
    Graph("http-echo only", TWO % "", "a CLIENT b A 100 %\n  b SERVER a A 100 %", decider="a"),
    Graph("chain", CHAIN % "", WHOLE, decider="a"),
    Graph("chain, b3", B3 + CHAIN % "", WHOLE, decider="a"),
    Graph("dropped headers", CHAIN % ", forwards: none", BROKEN, ("b dropped",), decider="a"),
    Graph("x-request-id alone", CHAIN % ", forwards: [x-request-id]", BROKEN, ("b dropped",), decider="a"),
    Graph(
        "an incomplete set",
        B3 + CHAIN % ", forwards: [x-request-id, x-b3-traceid]",
        BROKEN,
        ("b incomplete",),
        decider="a",
    ),
    Graph(
        "b3 forwarded under w3c",
        CHAIN % ", forwards: ['x-b3-*', b3, x-request-id]",
        BROKEN,
        ("b dropped",),
        decider="a",
    ),
    Graph(
        "w3c forwarded under b3+w3c",
        "propagation: {format: b3+w3c}\n" + CHAIN % ", forwards: [traceparent]",
        WHOLE,
        decider="a",
    ),
    Graph(
        "tree",
        """services:
  a: {kind: curl, calls: [b]}
  b: {kind: relay, calls: [[c, d], {to: e, percent: 30}]}
  c: {kind: http-echo}
  d: {kind: relay, calls: [e]}
  e: {kind: http-echo}
""",
        """
a CLIENT b A 100 %
  b SERVER a A 100 %
    b CLIENT c A 100 %
      c SERVER b A 100 %
    b CLIENT d A 100 %
      d SERVER b A 100 %
        d CLIENT e A 100 %
          e SERVER d A 100 %
    b CLIENT e A 30 %
      e SERVER b A 30 %
""",
        decider="a",
    ),
    Graph("an app that starts the trace", B3 + TWO % ", tracer: {bits: 64}", APP_STARTS, decider="a", orphans=1),
    Graph("sampled false", B3 + TWO % ", tracer: {sampled: false}", UNREPORTED, decider="a"),
    # Envoy does not read x-b3-flags: the sidecar decides, here by its rate.
    Graph(
        "debug",
        B3 + "sampling: {percent: 5}\n" + TWO % ", tracer: {sampled: debug}",
        APP_STARTS.replace("100", "5"),
        decider="a",
        orphans=1,
    ),
    Graph(
        "defer",
        B3 + "sampling: {percent: 5}\n" + TWO % ", tracer: {sampled: defer}",
        APP_STARTS.replace("100", "5"),
        decider="a",
        orphans=1,
    ),
    Graph(
        "b3 under OTLP",
        TWO % ", tracer: {format: b3}",
        "*a CLIENT b A -\na CLIENT b B 100 %\n  b SERVER a B 100 %",
        ("a foreign",),
        decider="a",
    ),
    Graph("b3-single under b3", B3 + SPOKEN % ("b3-single", ""), SIDE_BY_SIDE, decider="a", orphans=4),
    Graph("b3-single under b3+w3c", BOTH + SPOKEN % ("b3-single", ""), SIDE_BY_SIDE, decider="a", orphans=4),
    Graph("b3-single under w3c", SPOKEN % ("b3-single", ""), UNHEARD, ("a foreign",), decider="a"),
    Graph(
        "b3-single, and a relay that hands on the several headers alone",
        B3 + SPOKEN % ("b3-single", ", forwards: ['x-b3-*', x-request-id]"),
        """
*a CLIENT b A -
  a CLIENT b A 100 %
  b SERVER a A 100 %
    b CLIENT c A 100 %
      c SERVER b A 100 %
""",
        decider="a",
        orphans=2,
    ),
    Graph(
        "b3-single, 64 bits, deferred",
        B3 + "sampling: {percent: 5}\n" + SPOKEN % ("b3-single, bits: 64, sampled: defer", ""),
        SIDE_BY_SIDE.replace("100", "5"),
        decider="a",
        orphans=4,
    ),
    Graph("jaeger under b3", B3 + SPOKEN % ("jaeger", ""), UNHEARD, ("a foreign",), decider="a"),
    Graph("jaeger under b3+w3c", BOTH + SPOKEN % ("jaeger", ""), UNHEARD, ("a foreign",), decider="a"),
    Graph("jaeger under w3c", SPOKEN % ("jaeger", ""), UNHEARD, ("a foreign",), decider="a"),
    Graph(
        "b3-single in the middle: it does not find what its sidecar writes",
        B3 + MIDDLE % "b3-single",
        """
a CLIENT b A 100 %
  b SERVER a A 100 %
*b SERVER a B 100 %
  *b CLIENT c B 100 %
    b CLIENT c B 100 %
    c SERVER b B 100 %
""",
        ("b foreign",),
        decider="a",
    ),
    Graph(
        "jaeger in the middle",
        MIDDLE % "jaeger",
        """
a CLIENT b A 100 %
  b SERVER a A 100 %
*b SERVER a B 100 %
  *b CLIENT c B 100 %
b CLIENT c C 100 %
  c SERVER b C 100 %
""",
        ("b foreign",),
        decider="a",
    ),
    Graph(
        "apps that speak jaeger understand one another",
        """services:
  a: {kind: curl, calls: [b], tracer: {format: jaeger}}
  b: {kind: custom, image: shop/b:1, calls: [c], forwards: [traceparent], tracer: {format: jaeger, export: otlp-grpc}}
  c: {kind: http-echo}
""",
        """
*a CLIENT b A -
a CLIENT b B 100 %
  b SERVER a B 100 %
  *b SERVER a A 100 %
    *b CLIENT c A 100 %
    b CLIENT c B 100 %
      c SERVER b B 100 %
""",
        ("a foreign",),
        decider="a",
        orphans=1,
    ),
    Graph(
        "custom with an exported tracer",
        """services:
  a: {kind: curl, calls: [b]}
  b: {kind: custom, image: shop/b:1, calls: [c], tracer: {export: otlp-grpc}}
  c: {kind: http-echo}
""",
        """
a CLIENT b A 100 %
  b SERVER a A 100 %
    *b SERVER a A 100 %
      *b CLIENT c A 100 %
        b CLIENT c A 100 %
          c SERVER b A 100 %
""",
        decider="a",
    ),
    Graph(
        "custom whose tracer nobody hears",
        """services:
  a: {kind: curl, calls: [b]}
  b: {kind: custom, image: shop/b:1, calls: [c], tracer: {export: none}}
  c: {kind: http-echo}
""",
        """
a CLIENT b A 100 %
  b SERVER a A 100 %
    *b SERVER a A -
      *b CLIENT c A -
        b CLIENT c A 100 %
          c SERVER b A 100 %
""",
        decider="a",
        orphans=1,
    ),
    Graph(
        "the callee not in the mesh",
        "services:\n  a: {kind: curl, calls: [b]}\n  b: {kind: http-echo, mesh: false}\n",
        "a CLIENT b A 100 %",
        decider="a",
    ),
    Graph(
        "the middle not in the mesh",
        "services:\n  a: {kind: curl, calls: [b]}\n  b: {kind: relay, calls: [c], mesh: false}\n  c: {kind: http-echo}\n",
        "a CLIENT b A 100 %\n  c SERVER b A 100 %",
        decider="a",
    ),
    Graph(
        "the client not in the mesh",
        "services:\n  a: {kind: curl, calls: [b], mesh: false}\n  b: {kind: http-echo}\n",
        "b SERVER a A 100 %",
        decider="b",
    ),
    Graph("one percent", "sampling: {percent: 1}\n" + CHAIN % "", WHOLE.replace("100", "1"), decider="a"),
    Graph(
        "only the first rate counts",
        "sampling: {percent: 1}\n"
        "services:\n  a: {kind: curl, calls: [b]}\n  b: {kind: relay, calls: [c], sampling: {percent: 100}}\n  c: {kind: http-echo}\n",
        WHOLE.replace("100", "1"),
        decider="a",
    ),
    Graph(
        "with x-request-id alone a higher rate adds traces, and one that is sampled stays so",
        "services:\n"
        "  a: {kind: curl, calls: [b], sampling: {percent: 30}}\n"
        "  b: {kind: relay, calls: [c], forwards: [x-request-id], sampling: {percent: 60}}\n"
        "  c: {kind: relay, calls: [d], forwards: [x-request-id], sampling: {percent: 10}}\n"
        "  d: {kind: http-echo}\n",
        "a CLIENT b A 30 %\n  b SERVER a A 30 %\nb CLIENT c B 60 %\n  c SERVER b B 60 %\nc CLIENT d C 60 %\n  d SERVER c C 60 %",
        ("b dropped", "c dropped"),
        decider="a",
    ),
    Graph(
        "truncated: w3c on Istio 1.31 without x-request-id",
        'istio: {version: "1.31"}\nsampling: {percent: 50}\n' + CHAIN % ", forwards: [traceparent]",
        "a CLIENT b A 50 %\n  b SERVER a A 50 %\n    b CLIENT c A 25 %\n      c SERVER b A 25 %",
        decider="a",
    ),
    Graph(
        "the same on Istio 1.30",
        'istio: {version: "1.30"}\nsampling: {percent: 50}\n' + CHAIN % ", forwards: [traceparent]",
        WHOLE.replace("100", "50"),
        decider="a",
    ),
    Graph(
        "an app's decision and the rate: w3c on Istio 1.31",
        'istio: {version: "1.31"}\nsampling: {percent: 20}\n' + TWO % ", tracer: {}",
        APP_STARTS.replace("100", "20"),
        decider="a",
        orphans=1,
    ),
    Graph(
        "no pod behind the callee",
        "services:\n  a: {kind: curl, calls: [b]}\n  b: {kind: http-echo, replicas: 0}\n",
        "a CLIENT b A 100 %",
        decider="a",
    ),
    Graph("no collector", "collector: {kind: none}\nlogs: {format: istio}\n" + CHAIN % "", ""),
]


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.name)
def test_graph(graph: Graph) -> None:
    (request,) = predicted(graph.spec).requests
    assert drawn(request) == graph.spans.strip("\n").split("\n") if graph.spans else not request.spans
    assert tuple(f"{found.service} {found.reason}" for found in request.breaks) == graph.breaks
    first = next(iter(request.traces), request.spans[0].trace_id if request.spans else "")
    decider = request.decider(first)
    assert (decider.service if decider else "") == graph.decider
    assert sum(len(request.orphans(trace)) for trace in request.traces) == graph.orphans


def test_two_clients() -> None:
    spec = "services:\n  a: {kind: curl, calls: [c, d]}\n  b: {kind: curl, calls: [c], tracer: {}}\n  c: {kind: http-echo}\n  d: {kind: http-echo}\n"
    requests = predicted(spec).requests
    assert [(request.client, request.hops[0].callee) for request in requests] == [("a", "c"), ("a", "d"), ("b", "c")]
    assert [drawn(request) for request in requests] == [
        ["a CLIENT c A 100 %", "  c SERVER a A 100 %"],
        ["a CLIENT d A 100 %", "  d SERVER a A 100 %"],
        ["*b CLIENT c A -", "  b CLIENT c A 100 %", "    c SERVER b A 100 %"],
    ]


def test_unknown_forwards_go_both_ways() -> None:
    forwards, drops = predicted(CHAIN.replace("kind: relay", "kind: custom, image: shop/b:1") % "").requests
    assert (forwards.assumed, drops.assumed, forwards.unknown, drops.unknown) == ("forwards", "drops", ("b",), ("b",))
    assert drawn(forwards) == WHOLE.strip("\n").split("\n")
    assert drawn(drops) == BROKEN.strip("\n").split("\n")
    assert [(found.service, found.reason) for found in drops.breaks] == [("b", "unknown")]


def test_unknown_forwards_that_do_not_matter() -> None:
    spec = TWO.replace("b: {kind: http-echo}", "b: {kind: custom, image: shop/b:1}") % ""
    (request,) = predicted(spec).requests
    assert (request.assumed, request.unknown) == ("", ())


def test_a_cycle_ends() -> None:
    text = "services:\n  a: {kind: curl, calls: [b]}\n  b: {kind: relay, calls: [c]}\n  c: {kind: relay, calls: [b]}\n"
    assert compiled("lab.yaml", (HEAD + text).encode()).plan is None


@pytest.mark.parametrize(
    ("text", "statuses"),
    [
        (TWO % "", (200,)),
        ("services:\n  a: {kind: curl, calls: [b]}\n  b: {kind: http-echo, status: 404}\n", (404,)),
        ("services:\n  a: {kind: curl, calls: [b]}\n  b: {kind: http-echo, replicas: 0}\n", (503,)),
        (CHAIN.replace("http-echo}", "http-echo, status: 503}") % "", (502,)),
        (CHAIN.replace("http-echo}", "http-echo, status: 404}") % "", (200,)),
        (CHAIN.replace("http-echo}", "http-echo, replicas: 0}") % "", (502,)),
        (CHAIN % ", errors: {percent: 10, status: 500}", (200, 500)),
        (CHAIN % ", errors: {status: 500}", (500,)),
        (CHAIN.replace("calls: [c]", "calls: [{to: c, percent: 10}]").replace("http-echo}", "http-echo, status: 503}") % "", (200, 502)),
    ],
)  # fmt: skip
def test_statuses(text: str, statuses: tuple[int, ...]) -> None:
    (request,) = predicted(text).requests
    assert request.hops[0].statuses == statuses


def test_fixed_ids_are_those_of_the_loop() -> None:
    plan = plan_of(HEAD + B3 + TWO % ", tracer: {ids: fixed, bits: 64}")
    (hop,) = plan.prediction.requests[0].hops
    assert hop.app is not None
    assert f"trace_id={hop.app.trace_id}\n" in plan.workloads[0].container.args[0]
    assert f"span_id={hop.app.span_id}\n" in plan.workloads[0].container.args[0]


def test_where_no_pod_is_only_a_sidecar_answers() -> None:
    spec = "services:\n  a: {kind: curl, calls: [b], mesh: %s, tracer: {}}\n  b: {kind: http-echo, replicas: 0}\n"
    with_one, without = (predicted(spec % mesh).requests[0].hops[0] for mesh in ("true", "false"))
    assert (with_one.statuses, without.statuses) == ((503,), (0,))
    assert with_one.carried == {}
    below = "services:\n  a: {kind: curl, calls: [r]}\n  r: {kind: relay, calls: [b], mesh: false}\n  b: {kind: http-echo, replicas: 0}\n"
    assert predicted(below).requests[0].hops[0].statuses == (502,)


def test_a_sidecar_decides_where_no_header_that_it_reads_does() -> None:
    deciders = {}
    for flag in ("true", "false", "debug", "defer"):
        (request,) = predicted(B3 + TWO % f", tracer: {{sampled: {flag}}}").requests
        decider = request.decider(request.spans[0].trace_id)
        deciders[flag] = decider.maker if decider else None
    assert deciders == {"true": APP, "false": APP, "debug": "sidecar", "defer": "sidecar"}
