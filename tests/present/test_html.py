"""The page of a report: what is in it, that nothing in it is markup of others, and that nothing is loaded."""

import re
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from labspec.observe.judging import Report, judged
from labspec.plan import Plan
from labspec.predict.values import Hop
from labspec.present._html_layout import layout
from labspec.present.about import About
from labspec.present.html import as_html
from tests.conftest import ROOT, SPECS, plan_of
from tests.observe.predicted import ROUNDS, as_predicted

AWKWARD = "</pre></style><script>alert('x')</script>\"&amp;\u202e\u0007"
SHOWN = "</pre></style><script>alert('x')</script>\"&amp;\\u202e\\u0007"
ABOUT = About(
    title="rehearsal",
    command="labspec rehearse lab.yaml",
    spec_name="lab.yaml",
    spec_text="apiVersion: labspec/v1\n# <b>\n",
    facts=(("Envoy", "1.38.3"),),
    remarks=("backend is played",),
    uncovered=("mutual TLS",),
    addresses=(("127.0.0.1:1", "frontend's sidecar"),),
)
FORMS = [
    pytest.param(form, id=f"{spec.stem}-{form.variant}")
    for spec in SPECS
    for form in plan_of(spec).forms
    if form.prediction.requests
]
VOID = {"link", "meta"}


def form(spec: str, variant: str = "base") -> Plan:
    return next(each for each in plan_of(ROOT / "specs" / f"{spec}.yaml").forms if each.variant == variant)


def report(plan: Plan, rounds: int = 4) -> Report:
    return judged(plan, as_predicted(plan, rounds))


class Page(HTMLParser):
    """A page, read."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), attrs
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert "svg" in self.open, f"<{tag}/> is open in HTML"
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)

    @property
    def told(self) -> str:
        """All its text, as one line."""
        return " ".join("".join(f"{piece} " for piece in self.text).split())


@pytest.mark.parametrize("plan", FORMS)
def test_every_form_is_well_formed_and_loads_nothing(plan: Plan) -> None:
    text = as_html(report(plan, ROUNDS), ABOUT)
    page = Page(text)
    assert page.open == []
    assert text == as_html(report(plan, ROUNDS), ABOUT)
    ids = [found["id"] for _, found in page.found if "id" in found]
    assert len(ids) == len(set(ids))
    for tag, found in page.found:
        assert tag not in {"script", "img", "iframe", "object", "embed", "form", "base", "use", "image"}
        assert not {"src", "srcset", "action", "poster", "xlink:href"} & found.keys()
        assert not [name for name in found if name.startswith("on")]
        if (href := found.get("href")) is not None:
            assert href == "data:," if tag == "link" else href.removeprefix("#") in ids
    assert not re.search(r"url\(|@import", text)
    assert "as predicted" in page.told
    assert "not as predicted" not in page.told


def test_what_is_told() -> None:
    page = Page(as_html(report(form("istio-jaeger")), ABOUT))
    assert page.found[0] == ("html", {"lang": "en"})
    policies = [found["content"] for tag, found in page.found if "http-equiv" in found and tag == "meta"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]
    for part in (
        "labspec rehearsal istio-jaeger ✓ as predicted 8 of 8 checks passed, 4 requests sent",
        "✓ passed answers 4 answered 200",
        "frontend CLIENT → backend",
        "trace 1 ",
        "frontend outbound call of backend, 200",
        "%REQ(X-B3-TRACEID)%",
        "x-b3-sampled 1 1 from the pod",
        "Remarks backend is played What this does not cover mutual TLS",
        "127.0.0.1:1 frontend's sidecar",
        "apiVersion: labspec/v1 # <b>",
        "Command labspec rehearse lab.yaml",
    ):
        assert part in page.told


def test_a_break_stands_where_it_is() -> None:
    told = Page(as_html(report(form("dropped-headers")), ABOUT)).told
    assert "orders SERVER" in told
    assert "Predicted break: orders's call of stock is in trace 2 , because it hands on no trace header" in told
    assert told.index("orders SERVER") < told.index("Predicted break:") < told.index("It begins at the break at orders")


def test_a_break_before_which_nobody_reports_a_span() -> None:
    told = Page(as_html(report(form("b3-app")), ABOUT)).told
    assert "its own tracer speaks b3, the sidecars w3c (nobody reports the spans before it)" in told
    assert "Predicted to mislead: it is the id that came with the request; the sidecar's trace has another id." in told


def changed(plan: Plan, change: Callable[[Hop], Hop]) -> Plan:
    """The prediction with another last hop in its first request."""
    first, *others = plan.prediction.requests
    request = first._replace(hops=(*first.hops[:-1], change(first.hops[-1])))
    return plan._replace(prediction=plan.prediction._replace(requests=(request, *others)))


def test_what_is_otherwise_is_told_where_it_is() -> None:
    plan = form("istio-jaeger")
    seen = as_predicted(plan, 4)

    def change(hop: Hop) -> Hop:
        assert hop.server is not None
        server = hop.server._replace(tags=(*hop.server.tags, ("zone", "here")))
        lines = tuple(line._replace(text=line.text.replace("GET", "PUT")) for line in hop.lines)
        return hop._replace(received={**hop.received, "x-b3-flags": "1"}, server=server, lines=lines)

    page = Page(as_html(judged(changed(plan, change), seen), ABOUT))
    assert "✗ not as predicted 5 of 8 checks passed" in page.told
    assert "✗ failed headers headers on 1 hop" in page.told
    assert "x-b3-flags 1 none ✗ frontend -> backend to the app: x-b3-flags is missing" in page.told
    assert "zone missing ✗ here" in page.told
    assert '%REQ(:METHOD)% GET ✗ frontend outbound: %REQ(:METHOD)% is "GET", where "PUT" was to be' in page.told
    assert page.open == []


def test_strings_of_others_are_no_markup() -> None:
    plan = form("dropped-headers", "half-mended")
    seen = as_predicted(plan, 2)
    report = judged(plan, seen)
    seen = seen._replace(
        spans=tuple(
            span._replace(name=AWKWARD, service=span.service, tags={**span.tags, AWKWARD: AWKWARD})
            for span in seen.spans
        ),
        passages=tuple(
            passage._replace(
                line=passage.line._replace(
                    text=f"{AWKWARD}\n{AWKWARD}",
                    fields=tuple(field._replace(value=AWKWARD, key=AWKWARD) for field in passage.line.fields),
                ),
                headers={**passage.headers, AWKWARD: AWKWARD},
            )
            for passage in seen.passages
            if passage.line
        ),
        skipped={AWKWARD: 1},
    )
    plan = plan._replace(name=AWKWARD, description=AWKWARD, variant=AWKWARD, heading=AWKWARD)
    about = About(
        AWKWARD, AWKWARD, AWKWARD, AWKWARD, ((AWKWARD, AWKWARD),), (AWKWARD,), (AWKWARD,), ((AWKWARD, AWKWARD),)
    )
    plain, text = as_html(report, ABOUT), as_html(judged(plan, seen), about)
    page = Page(text)
    assert page.open == []
    assert {tag for tag, _ in page.found} <= {tag for tag, _ in Page(plain).found}
    assert text.count("</style>") == 1
    assert "\u202e" not in text
    assert "\u0007" not in text
    assert page.told.count(SHOWN) > 40
    # Not escaped twice either.
    assert SHOWN in unescape(text)


def test_an_unsampled_request() -> None:
    plan = form("fan-out", "one-percent")
    none = judged(plan, as_predicted(plan, 3, lambda _number, _key: 9_999))
    told = Page(as_html(none, ABOUT)).told
    assert "No span of this request came: 1 % of the requests are to be sampled." in told
    assert "this one was not, and its headers say so" in told


def test_spans_that_were_not_to_be() -> None:
    plan = form("istio-jaeger")
    seen = as_predicted(plan, 1)
    stray = seen.spans[0]._replace(service="ghost.default", kind="SERVER", span_id="12" * 8)
    told = Page(as_html(judged(plan, seen._replace(spans=(*seen.spans, stray))), ABOUT)).told
    assert "Spans that were not to be ghost.default SERVER" in told


def chain(services: int) -> Plan:
    calls = "".join(f"  s{place}: {{kind: relay, calls: [s{place + 1}]}}\n" for place in range(1, services - 1))
    return plan_of(
        f"apiVersion: labspec/v1\nname: chain\nservices:\n  s0: {{kind: curl, calls: [s1]}}\n{calls}"
        f"  s{services - 1}: {{kind: http-echo}}\n"
    )


def test_the_call_graph() -> None:
    page = Page(as_html(report(form("fan-out", "lost-branch")), ABOUT))
    drawings = [found for tag, found in page.found if tag == "svg"]
    assert [found["role"] for found in drawings] == ["img"]
    assert drawings[0]["aria-label"] == "7 services, 7 calls. The sidecars send their spans to jaeger by otlp-grpc."
    assert "reviews calls ratings: GET /, 40 %" in page.told
    assert "The calls as a table caller callee call share visitor page GET / 100 %" in page.told


def test_many_services_are_a_table() -> None:
    text = as_html(report(chain(50)), ABOUT)
    page = Page(text)
    assert not [tag for tag, _ in page.found if tag == "svg"]
    assert "caller callee call share s0 s1 GET / 100 % s1 s2 GET / 100 %" in page.told
    assert len(text) < 1_200_000


def test_layers_of_a_graph() -> None:
    edges = [("a", "b"), ("b", "c"), ("a", "c"), ("d", "c")]
    found = layout("abcd", edges, 50, 10)
    assert [{slot.service for slot in layer} for layer in found.layers] == [{"a", "d"}, {"b", ""}, {"c"}]
    assert [slot.layer for slot in found.routes["a", "c"]] == [0, 1, 2]
    for layer in found.layers:
        middles = [found.middles[slot] for slot in layer]
        assert middles == sorted(middles)
        assert all(low + 22.5 <= high for low, high in pairwise(middles))
    assert min(found.middles.values()) >= 0


def test_a_graph_without_calls_or_with_a_circle_ends() -> None:
    assert layout([], [], 50, 10).layers == ((),)
    circle = layout("ab", [("a", "b"), ("b", "a")], 50, 10)
    assert {slot.service for layer in circle.layers for slot in layer if not slot.edge} == {"a", "b"}
