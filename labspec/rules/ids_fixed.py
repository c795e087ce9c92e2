"""An application that gives every request the same ids."""

from collections.abc import Iterator

from labspec.finding import WARNING, counted
from labspec.lab import Lab
from labspec.mesh import Mesh
from labspec.predict.values import Prediction
from labspec.rules._base import Hit, Rule
from labspec.rules._tracing import NEEDS, blamed, first_sidecar, started, tracers


def _check(lab: Lab, mesh: Mesh, prediction: Prediction) -> Iterator[Hit]:  # noqa: ARG001  # the prediction says it all
    for name, tracer in tracers(lab):
        if not tracer.start.fixed:
            continue
        spans = 0
        for request, _, span in started(prediction, name):
            if request.assumed != "drops" and first_sidecar(request, span):
                spans += sum(
                    other.trace_id == span.trace_id and other.reported and other.chance.possible
                    for other in request.spans
                )
        if spans:
            path, key = blamed(lab, name, "tracer", "ids")
            rounds = (
                "request"
                if len([one for one in prediction.requests if one.client == name]) < 2
                else "round of its requests"
            )
            message = f"all requests of {name} are one trace: it grows by {counted(spans, 'span')} with every {rounds}"
            yield Hit(path, message, "write ids: random, or leave it out", key=key)


RULE = Rule(
    id="ids-fixed",
    severity=WARNING,
    summary="An app gives every request the same ids: all of them are one trace.",
    why="A collector takes spans with one trace id for one request. The trace grows without end, its times span hours, and no single request can be found in it.",
    failing="services:\n  frontend: {kind: curl, calls: [backend], tracer: {ids: fixed}}\n  backend: {kind: http-echo}",
    mended="services:\n  frontend: {kind: curl, calls: [backend], tracer: {ids: random}}\n  backend: {kind: http-echo}",
    source="https://www.w3.org/TR/trace-context/#trace-id",
    on_prediction=_check,
    needs=NEEDS,
)
