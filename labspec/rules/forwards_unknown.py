"""A service of which nobody says what it hands on, where that decides what the trace looks like."""

from collections.abc import Iterator

from labspec.finding import WARNING
from labspec.lab import Lab
from labspec.mesh import Mesh
from labspec.predict.values import Prediction, Request
from labspec.rules._base import Hit, Rule
from labspec.rules._tracing import NEEDS, blamed, in_words, optional, sizes


def _check(lab: Lab, mesh: Mesh, prediction: Prediction) -> Iterator[Hit]:  # noqa: ARG001  # the prediction says it all
    told: set[str] = set()
    for usual, other in zip(prediction.requests, prediction.requests[1:], strict=False):
        if usual.assumed != "forwards" or other.assumed != "drops":
            continue
        for name in usual.unknown:
            if name in told:
                continue
            told.add(name)
            path, key = blamed(lab, name, "forwards")
            one, another = _outcome(usual), _outcome(other)
            message = (
                f"nobody says what {name} hands on: if all, one request of {usual.client} leaves {one}; "
                f"if nothing, {another if one != another else 'as many, but as another tree'}{optional(usual)}"
            )
            yield Hit(path, message, "write forwards: all, none, or a list of header names", key=key)


def _outcome(request: Request) -> str:
    """The traces, and how many of their spans are there more rarely than the others."""
    chances = [span.chance.percent for span in request.spans if span.reported and span.chance.possible]
    rare = [percent for percent in chances if round(max(chances) - percent, 6) > 0]
    seldom = f", {len(rare)} of them in {min(rare):.4g} % of the requests only" if rare else ""
    return in_words(sizes(request)) + seldom


RULE = Rule(
    id="forwards-unknown",
    severity=WARNING,
    summary="Nobody says which headers a service hands on, and it matters.",
    why="Only the app can hand on the headers that keep a trace whole. Where the spec does not say what it does, labspec predicts both; "
    "a run of the lab shows which of them it is.",
    failing="services:\n  frontend: {kind: curl, calls: [shop]}\n  shop: {kind: custom, image: shop:1, calls: [backend]}\n  backend: {kind: http-echo}",
    mended="services:\n  frontend: {kind: curl, calls: [shop]}\n  shop: {kind: custom, image: shop:1, forwards: all, calls: [backend]}\n  backend: {kind: http-echo}",
    source="https://istio.io/latest/docs/tasks/observability/distributed-tracing/overview/",
    on_prediction=_check,
    needs=NEEDS,
)
