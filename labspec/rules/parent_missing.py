"""A tracer in the middle of a trace whose spans nobody reports."""

from collections.abc import Iterator

from labspec.finding import WARNING, counted
from labspec.lab import Lab
from labspec.mesh import Mesh
from labspec.predict.values import Prediction, Request
from labspec.rules._base import Hit, Rule
from labspec.rules._tracing import NEEDS, blamed, in_words, sizes, tracers


def _check(lab: Lab, mesh: Mesh, prediction: Prediction) -> Iterator[Hit]:  # noqa: ARG001  # the prediction says it all
    for name, tracer in tracers(lab):
        if tracer.export != "none":
            continue
        found = ((request, _orphans(request, name)) for request in prediction.requests)
        request, orphans = next(((request, orphans) for request, orphans in found if orphans), (None, 0))
        if request is None:
            continue
        path, key = blamed(lab, name, "tracer", "export")
        lack = "lacks its parent" if orphans == 1 else "lack their parents"
        message = f"{counted(orphans, 'span')} of {in_words(sizes(request))} {lack}: nobody reports the spans of {name}'s own tracer"
        yield Hit(path, message, "let it report its spans, or switch its tracer off", key=key)


def _orphans(request: Request, name: str) -> int:
    """The spans that hang below unreported ones of a service in the middle of the request."""
    silent = {
        hop.app.span_id
        for hop in request.hops
        if hop.caller == name and hop.app is not None and not hop.app.reported and hop.above is not None
    }
    return sum(span.parent_id in silent and span.reported and span.chance.possible for span in request.spans)


RULE = Rule(
    id="parent-missing",
    severity=WARNING,
    summary="An app in the middle of a trace has a tracer whose spans nobody reports.",
    why="It hands on ids of its own spans as parents. Nobody reports those, so what hangs below them stands in the trace without a parent: "
    "the tree falls into pieces, and the collector warns.",
    failing="services:\n  frontend: {kind: curl, calls: [shop]}\n  shop: {kind: custom, image: shop:1, forwards: all, tracer: {export: none}, calls: [backend]}\n"
    "  backend: {kind: http-echo}",
    mended="services:\n  frontend: {kind: curl, calls: [shop]}\n  shop: {kind: custom, image: shop:1, forwards: all, tracer: {export: otlp-grpc}, calls: [backend]}\n"
    "  backend: {kind: http-echo}",
    source="https://www.jaegertracing.io/docs/latest/troubleshooting/",
    on_prediction=_check,
    needs=NEEDS,
)
