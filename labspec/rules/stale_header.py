"""An application's header that sidecars read first, and never write."""

from collections.abc import Iterator

from labspec.finding import WARNING, listed
from labspec.lab import Lab
from labspec.mesh import Mesh
from labspec.predict.values import Prediction, Request
from labspec.rules._base import Hit, Rule
from labspec.rules._tracing import NEEDS, blamed, spoken, tracers


def _check(lab: Lab, mesh: Mesh, prediction: Prediction) -> Iterator[Hit]:  # noqa: ARG001  # the prediction says it all
    for name, tracer in tracers(lab):
        request = next((request for request in prediction.requests if _is_stale(request, name)), None)
        if request is None:
            continue
        path, key = blamed(lab, name, "tracer", "format")
        message = (
            f"the header {listed(spoken(lab, tracer).needed)} stays as {name} wrote it, and every sidecar reads it first: in a request of "
            f"{request.client} the sidecars' spans hang side by side below that of {name}'s app, not below one another"
        )
        yield Hit(path, message, f"let the app speak {lab.format().name}, as the sidecars do", key=key)


def _is_stale(request: Request, name: str) -> bool:
    """Whether both sidecars of a call that the app of a service sends have the app's span as their parent."""
    return any(
        hop.app and hop.client and hop.server and hop.client.parent_id == hop.server.parent_id == hop.app.span_id
        for hop in request.hops
        if hop.caller == name
    )


RULE = Rule(
    id="stale-header",
    severity=WARNING,
    summary="Sidecars read an app's header first, and never rewrite it.",
    why="Envoy reads the single header b3 before x-b3-traceid and the others, writes only those, and hands b3 on as it came. The next sidecar "
    "then takes the app's span for the parent, not that of the sidecar before it: the trace is whole, and its tree is flat.",
    failing="propagation: {format: b3}\nservices:\n  frontend: {kind: curl, calls: [backend], tracer: {format: b3-single}}\n  backend: {kind: http-echo}",
    mended="propagation: {format: b3}\nservices:\n  frontend: {kind: curl, calls: [backend], tracer: {format: b3}}\n  backend: {kind: http-echo}",
    source="measured on Envoy 1.37.0, 1.38.3 and 1.39.3; https://github.com/openzipkin/b3-propagation#single-header",
    on_prediction=_check,
    needs=NEEDS,
)
