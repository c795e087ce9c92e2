"""A service that does not hand on what keeps a trace whole."""

from collections.abc import Iterator

from labspec.finding import WARNING, listed
from labspec.lab import Lab
from labspec.mesh import Mesh
from labspec.predict.values import DROPPED, INCOMPLETE, Prediction, Request
from labspec.rules._base import Hit, Rule
from labspec.rules._tracing import NEEDS, blamed, in_words, optional, sizes


def _check(lab: Lab, mesh: Mesh, prediction: Prediction) -> Iterator[Hit]:  # noqa: ARG001  # the prediction says it all
    found: dict[str, Request] = {}
    for request in prediction.requests:
        for one in request.breaks:
            if one.reason in {DROPPED, INCOMPLETE} and one.service not in found and sizes(request):
                found[one.service] = request
    for name, request in found.items():
        own = [one for one in request.breaks if one.service == name]
        path, key = blamed(lab, name, "forwards")
        now, whole = sizes(request), sizes(request, [(one.before, one.after) for one in own])
        instead = f" instead of {in_words(whole)}" if now != whole else ", which begins behind it"
        message = f"the trace breaks at {name}: {own[0].detail}; one request of {request.client} leaves {in_words(now)}{instead}"
        yield Hit(path, message + optional(request), f"hand on {listed(lab.format().forward)} (forwards: all)", key=key)


RULE = Rule(
    id="trace-breaks",
    severity=WARNING,
    summary="A service does not hand on the headers that keep a trace whole.",
    why="A sidecar cannot know which request of its app belongs to which that came: only the app can, by handing on the headers. "
    "Where it does not, the next sidecar starts another trace, without a parent and without any sign that something is missing.",
    failing="services:\n  frontend: {kind: curl, calls: [relay]}\n  relay: {kind: relay, forwards: none, calls: [backend]}\n  backend: {kind: http-echo}",
    mended="services:\n  frontend: {kind: curl, calls: [relay]}\n  relay: {kind: relay, forwards: all, calls: [backend]}\n  backend: {kind: http-echo}",
    source="https://istio.io/latest/docs/tasks/observability/distributed-tracing/overview/; measured on Envoy 1.38.3",
    on_prediction=_check,
    needs=NEEDS,
)
