"""What is as predicted passes: whatever the ids are, and in whichever requests what chance decides happens."""

import pytest

from labspec.observe.judging import judged
from labspec.plan import Plan
from tests.conftest import SPECS, plan_of
from tests.observe.predicted import as_predicted, drawn, failures

HEAD = "apiVersion: labspec/v1\nname: lab\n"
FORMS = [
    pytest.param(form, id=f"{spec.stem}-{form.variant}")
    for spec in SPECS
    for form in plan_of(spec).forms
    if form.prediction.requests
]


@pytest.mark.parametrize("form", FORMS)
def test_all_forms(form: Plan) -> None:
    report = judged(form, as_predicted(form, 20))
    assert failures(report) == []
    assert report.passed
    sent = [request for request in form.prediction.requests if request.assumed != "drops"]
    assert [len(one.matched) for one in report.judged] == [20] * len(sent)
    # The first request is sampled, and all of it is called.
    assert all(len(one.example.hops) == len(one.request.hops) for one in report.judged)
    assert all(not one.example.missing and all(one.example.hops) for one in report.judged)


CHAIN = "services:\n  a: {kind: curl, calls: [b]%s}\n  b: {kind: relay, calls: [c]%s}\n  c: {kind: http-echo%s}\n"
CUSTOM = "services:\n  a: {kind: curl, calls: [b]}\n  b: {kind: custom, image: shop/b:1, calls: [c], %s}\n  c: {kind: http-echo%s}\n"
HALF = "sampling: {percent: 50}\n"
B3 = "propagation: {format: b3}\n"
LABS = {
    "half": HALF + CHAIN % ("", "", ""),
    "half, b3 and w3c": HALF + "propagation: {format: b3+w3c}\n" + CHAIN % (", tracer: {bits: 64, format: b3}", "", ""),
    "half, the sidecars decide": HALF + B3 + CHAIN % (", tracer: {sampled: defer}", "", ""),
    "half, twice": HALF + 'istio: {version: "1.31"}\n' + CHAIN % ("", ", forwards: [traceparent]", ""),
    "half in JSON": HALF + B3 + "logs: {format: traced-json}\n" + CHAIN % ("", "", ""),
    "half, the flag in the log": HALF + B3 + "logs: {format: '${sampled} ${trace_id}'}\n" + CHAIN % ("", "", ""),
    "two independent halves": HALF + CHAIN % ("", ", forwards: none", ""),
    "fixed ids": B3 + CHAIN % (", tracer: {ids: fixed}", "", ""),
    "64 bits where 128 belong": CHAIN % (", tracer: {bits: 64}", "", ""),
    "not sampled": B3 + CHAIN % (", tracer: {sampled: false}", "", ""),
    "no pod": CHAIN % ("", "", ", replicas: 0"),
    "no pod, half": HALF + B3 + CHAIN % ("", "", ", replicas: 0"),
    "no sidecar at the client": CHAIN % (", mesh: false", "", ""),
    "no sidecar in the middle": HALF + CHAIN % ("", ", mesh: false", ""),
    "no sidecar at the end": HALF + CHAIN % ("", "", ", mesh: false"),
    "errors now and then": CHAIN % ("", ", errors: {percent: 10, status: 500}", ""),
    "a tracer of its own": HALF + CUSTOM % ("tracer: {export: zipkin}", ""),
    "a tracer that nobody hears": HALF + CUSTOM % ("tracer: {export: none}", ""),
    "nobody says what it hands on": CUSTOM % ("port: 80", ""),
    "the same call twice, at once": CHAIN.replace("[c]", "[[c, c], c]") % ("", "", ""),
    "now and then": CHAIN.replace("[c]", "[{to: c, percent: 40}]") % ("", "", ""),
    "cut ids": B3
    + "logs: {format: '%REQ(X-B3-TRACEID):8% %REQ(X-B3-TRACEID):16% %PROTOCOL%'}\n"
    + CHAIN % ("", "", ""),
    "several lines": 'logs: {format: "a ${trace_id}\\n  b %REQ(:PATH)%\\n"}\n' + CHAIN % ("", "", ""),
    "no collector": "collector: {kind: none}\nlogs: {format: istio}\n" + CHAIN % ("", "", ""),
}
# What is right, and easily called wrong.
AWKWARD = {
    "half, the last two without a sidecar": HALF + CUSTOM % ("forwards: all, mesh: false", ", mesh: false"),
    "half, a cut traceparent": HALF + "logs: {format: '%REQ(TRACEPARENT):52%'}\n" + CHAIN % ("", "", ""),
    "ids side by side": "logs: {format: '%TRACE_ID%%SPAN_ID%'}\n" + CHAIN % ("", "", ""),
    "the same call twice, once now and then": CHAIN.replace("[c]", "[{to: c, percent: 40}, c]") % ("", "", ""),
    "two calls from where no sidecar is, one now and then": CHAIN.replace("[c]", "[{to: c, path: /x, percent: 40}, c]")
    % ("", ", mesh: false", ""),
    "a client's share of its rounds": CHAIN.replace("[b]", "[{to: b, percent: 0.52}]") % ("", "", ""),
}


@pytest.mark.parametrize("spec", [pytest.param(spec, id=name) for name, spec in (LABS | AWKWARD).items()])
def test_labs(spec: str) -> None:
    plan = plan_of(HEAD + spec)
    assert failures(judged(plan, as_predicted(plan, 20, drawn))) == []
