"""A sampling decision that the headers of an application's tracer cannot say."""

from collections.abc import Iterator

from labspec.finding import ERROR, listed
from labspec.lab import FORMATS, Lab
from labspec.rules._base import Hit, Rule
from labspec.rules._tracing import spoken, tracers


def _check(lab: Lab) -> Iterator[Hit]:
    for name, tracer in tracers(lab):
        if tracer.format is not None and tracer.format not in FORMATS:
            continue
        form, flag = spoken(lab, tracer), tracer.start.flag
        if flag not in form.flags:
            able = [other.name for other in FORMATS.values() if flag in other.flags]
            message = f"{form.name} has no {flag}: its headers can say {' or '.join(form.flags)}"
            yield Hit(("services", name, "tracer", "sampled"), message, f"only {listed(able)} can say {flag}")


RULE = Rule(
    id="tracer-flag",
    severity=ERROR,
    summary="An app's tracer says what its headers have no room for.",
    why="B3 can leave the decision out (defer) or ask for debugging (debug). A traceparent has one bit for it: sampled or not; Jaeger's header has another for debugging.",
    failing="propagation: {format: w3c}\nservices:\n  frontend: {kind: curl, calls: [backend], tracer: {sampled: defer}}\n  backend: {kind: http-echo}",
    mended="propagation: {format: b3}\nservices:\n  frontend: {kind: curl, calls: [backend], tracer: {sampled: defer}}\n  backend: {kind: http-echo}",
    source="https://github.com/openzipkin/b3-propagation; https://www.w3.org/TR/trace-context/#trace-flags; "
    "https://www.jaegertracing.io/docs/1.19/client-libraries/#propagation-format",
    on_lab=_check,
    needs=("propagation",),
)
