"""The matrices: what the sidecars speak x what the app in the middle hands on or traces itself, and how a rate acts.

The first table was measured on Envoy 1.38.3 and 1.40.0 with three services, the others follow from the cases of envoy.json.
"""

import pytest

from labspec.lab import FORMATS, SIDECAR_FORMATS
from tests.conftest import plan_of

B3 = "[x-request-id, 'x-b3-*', b3]"
W3C = "[x-request-id, traceparent, tracestate]"

HANDED_ON = [
    ("b3", "all", [4]),
    ("b3", B3, [4]),
    ("b3", W3C, [2, 2]),
    ("b3", "[x-request-id]", [2, 2]),
    ("b3", "none", [2, 2]),
    ("b3+w3c", "all", [4]),
    ("b3+w3c", B3, [4]),
    ("b3+w3c", W3C, [4]),
    ("b3+w3c", "[x-request-id]", [2, 2]),
    ("b3+w3c", "none", [2, 2]),
    ("w3c", "all", [4]),
    ("w3c", B3, [2, 2]),
    ("w3c", W3C, [4]),
    ("w3c", "[x-request-id]", [2, 2]),
    ("w3c", "none", [2, 2]),
]


def spans_by_trace(spec: str) -> list[int]:
    (request,) = plan_of(f"apiVersion: labspec/v1\nname: lab\n{spec}").prediction.requests
    return [len(spans) for spans in request.traces.values()]


@pytest.mark.parametrize("version", ["1.29", "1.30", "1.31"])
@pytest.mark.parametrize(("form", "forwards", "expected"), HANDED_ON)
def test_handed_on(form: str, forwards: str, expected: list[int], version: str) -> None:
    services = f"{{a: {{kind: curl, calls: [b]}}, b: {{kind: relay, calls: [c], forwards: {forwards}}}, c: {{kind: http-echo}}}}"
    spec = f'istio: {{version: "{version}"}}\npropagation: {{format: {form}}}\nservices: {services}\n'
    assert spans_by_trace(spec) == expected


# The app in the middle has a tracer of its own: its spans are counted where it exports them.
TRACED = [
    # sidecars, app: one trace of 6 (exported) or 4; else the sidecars' two, and the app's between them
    ("b3", "b3", [6], [4]),
    ("b3", "w3c", [2, 2, 2], [2, 2]),
    # An app that writes both is heard, and hears.
    ("b3", "b3+w3c", [6], [4]),
    ("w3c", "w3c", [6], [4]),
    ("w3c", "b3", [2, 2, 2], [2, 2]),
    # It reads traceparent where no B3 is, and writes both.
    ("w3c", "b3+w3c", [6], [4]),
    ("b3+w3c", "b3", [6], [4]),
    ("b3+w3c", "w3c", [6], [4]),
    ("b3+w3c", "b3+w3c", [6], [4]),
    # Heard, but it does not find what the sidecars write: it starts a trace.
    ("b3", "b3-single", [2, 4], [2, 2]),
    ("b3+w3c", "b3-single", [2, 4], [2, 2]),
    ("w3c", "b3-single", [2, 2, 2], [2, 2]),
    # Nobody hears it.
    ("b3", "jaeger", [2, 2, 2], [2, 2]),
    ("b3+w3c", "jaeger", [2, 2, 2], [2, 2]),
    ("w3c", "jaeger", [2, 2, 2], [2, 2]),
]


def test_every_pair_is_there() -> None:
    assert {(sidecars, app) for sidecars, app, _, _ in TRACED} == {
        (one, other) for one in SIDECAR_FORMATS for other in FORMATS
    }


@pytest.mark.parametrize(("sidecars", "app", "exported", "silent"), TRACED)
def test_traced(sidecars: str, app: str, exported: list[int], silent: list[int]) -> None:
    for export, expected in (("zipkin", exported), ("none", silent)):
        tracer = f"{{format: {app}, export: {export}}}"
        services = f"{{a: {{kind: curl, calls: [b]}}, b: {{kind: custom, image: x/b:1, calls: [c], forwards: none, tracer: {tracer}}}, c: {{kind: http-echo}}}}"
        assert spans_by_trace(f"propagation: {{format: {sidecars}}}\nservices: {services}\n") == expected


@pytest.mark.parametrize(
    ("sidecars", "app", "flag", "version", "share"),
    [
        # At a rate of 10 %: the app's decision counts where the sidecars read it.
        ("b3", "b3", "true", "1.30", 100),
        ("b3", "b3", "false", "1.30", 0),
        ("b3", "b3", "defer", "1.30", 10),
        ("b3", "b3", "debug", "1.30", 10),
        ("b3", "w3c", "true", "1.30", 10),
        ("b3", "w3c", "false", "1.30", 10),
        ("b3+w3c", "b3", "true", "1.30", 100),
        ("b3+w3c", "w3c", "true", "1.31", 100),
        ("b3+w3c", "w3c", "false", "1.30", 0),
        ("b3+w3c", "b3+w3c", "false", "1.30", 0),
        ("w3c", "b3", "true", "1.30", 10),
        ("w3c", "w3c", "true", "1.29", 100),
        ("w3c", "w3c", "true", "1.30", 100),
        # Envoy reads debug in the single header, and no x-b3-flags.
        ("b3", "b3-single", "true", "1.30", 100),
        ("b3", "b3-single", "false", "1.30", 0),
        ("b3", "b3-single", "defer", "1.30", 10),
        ("b3", "b3-single", "debug", "1.30", 100),
        ("b3+w3c", "b3-single", "true", "1.31", 100),
        ("w3c", "b3-single", "false", "1.30", 10),
        ("b3", "jaeger", "false", "1.30", 10),
        ("w3c", "jaeger", "debug", "1.31", 10),
        # Rate and flag.
        ("w3c", "w3c", "true", "1.31", 10),
        ("w3c", "w3c", "false", "1.31", 0),
    ],
)
def test_decisions(sidecars: str, app: str, flag: str, version: str, share: float) -> None:
    services = f"{{a: {{kind: curl, calls: [b], tracer: {{format: {app}, sampled: {flag}}}}}, b: {{kind: http-echo}}}}"
    spec = f'istio: {{version: "{version}"}}\npropagation: {{format: {sidecars}}}\nsampling: {{percent: 10}}\nservices: {services}\n'
    (request,) = plan_of(f"apiVersion: labspec/v1\nname: lab\n{spec}").prediction.requests
    assert {span.share for span in request.spans if span.maker == "sidecar"} == {share}
