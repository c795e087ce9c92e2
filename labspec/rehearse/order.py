"""What is to be rehearsed, and how far a rehearsal is."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from labspec.observe.values import Observation, place_of
from labspec.plan import Plan
from labspec.predict.values import Request
from labspec.rehearse.errors import RehearsalError
from labspec.rehearse.places import Places
from labspec.services._base import Target


class Stage(NamedTuple):
    """How far a rehearsal is."""

    name: str
    """`configuration`, `start`, `requests`, `spans`, `stay`."""
    done: int
    total: int


Progress = Callable[[Stage], None]


class Order(NamedTuple):
    """What to rehearse, and how."""

    plan: Plan
    envoy: str
    rounds: int
    """How often each request of the lab is sent."""
    seen: Callable[[Observation, Places], bool]
    """Called when all requests are over, while everything is still up; says whether it is to stay up until Ctrl-C."""
    headers: Callable[[int], Mapping[str, str]] = lambda _: {}
    """By the number of a request: headers that its client sends beside its own, for experiments."""


class Sending(NamedTuple):
    """A request of the lab that is sent again and again."""

    place: int
    """In the prediction."""
    request: Request
    target: Target


def sendings(plan: Plan) -> list[Sending]:
    """The requests to send: of two predictions for one request, the one in which headers are handed on."""
    found = []
    for index, request in enumerate(plan.prediction.requests):
        if request.assumed == "drops":
            continue
        if request.cut:
            raise RehearsalError(f"a request of {request.client} has more calls than can be followed")
        step, number = place_of(request.hops[0].path)
        workload = next(each for each in plan.workloads if each.name == request.client)
        found.append(Sending(index, request, workload.steps[step][number]))
    return found
