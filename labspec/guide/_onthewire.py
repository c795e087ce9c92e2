"""The headers of a request on each of its calls, in plain text."""

from collections.abc import Iterator, Mapping

from labspec.guide._markdown import code
from labspec.plan import Workload
from labspec.predict.values import Hop, Request

_MOST = 4
"""Calls that are shown; the others look like them."""

_REQUEST_ID = "x-request-id"


def headers(request: Request) -> str:
    """What the apps send, what is between the pods, and what the apps get."""
    return "\n\n".join(call(hop) for hop in _chosen(request))


def call(hop: Hop) -> str:
    """The same for one call."""
    return "\n".join(_call(hop))


def other_headers(request: Request, usual: Request) -> str:
    """The same for the calls whose headers are not those of `usual`, another way of the same request."""
    pairs = zip(request.hops, usual.hops, strict=True)
    found = [hop for hop, before in pairs if list(hop.sent) != list(before.sent)]
    return "\n\n".join(call(hop) for hop in found[:_MOST])


def is_whole(request: Request) -> bool:
    """Whether no call is left out."""
    return len(request.hops) <= _MOST


def _chosen(request: Request) -> list[Hop]:
    """The first calls, and those at which the request leaves its trace."""
    wanted = [0, *(gap.hop for gap in request.breaks), *range(len(request.hops))]
    return [request.hops[index] for index in sorted(list(dict.fromkeys(wanted))[:_MOST])]


def _call(hop: Hop) -> Iterator[str]:
    # Where nothing arrives, the callee has no pod; what the caller's sidecar would add goes nowhere.
    is_dead = not hop.reached
    stages: list[tuple[str, Mapping[str, str]]] = [
        (f"the app of {hop.caller} sends", hop.sent),
        *([] if is_dead else [("between the pods", hop.carried), (f"the app of {hop.callee} gets", hop.received)]),
    ]
    width = max(len(title) for title, _ in stages)
    yield f"{hop.caller} calls {hop.callee}: {hop.method} {hop.url}"
    before: Mapping[str, str] | None = None
    for title, found in stages:
        lines = _lines(found) if found != before else ["the same"]
        before = found
        for place, line in enumerate(lines):
            yield f"  {(title if place == 0 else '').ljust(width)}  {line}"
    if is_dead:
        yield f"  nothing arrives: {hop.callee} has no pod"


def _lines(found: Mapping[str, str]) -> list[str]:
    order = sorted(found, key=lambda name: name == _REQUEST_ID)
    return [f"{name}: {found[name]}" for name in order] or ["no trace header"]


def said(workload: Workload, flag: str) -> str:
    """The decision as the headers of a workload's own tracer say it."""
    header, value = workload.speaks.flags[flag]
    if value[:1].isalnum():
        return code(f"{header}: {value}")
    return f"{code(value[1:])} at the end of {code(header)}"
