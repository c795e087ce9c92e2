"""A service without a sidecar on the way of a request."""

from collections.abc import Iterator

from labspec.finding import WARNING, counted, listed
from labspec.lab import Lab
from labspec.mesh import Mesh
from labspec.predict.values import SIDECAR, Prediction, Request
from labspec.rules._base import Hit, Rule
from labspec.rules._tracing import NEEDS, blamed, is_traced, optional

_MOST = 3


def _check(lab: Lab, mesh: Mesh, prediction: Prediction) -> Iterator[Hit]:
    if lab.spec.collector.home() is None or (mesh.proxies and not is_traced(mesh)):
        return
    for name, service in lab.spec.services.items():
        found = [] if service.mesh else [(request, _missing(lab, request, name)) for request in prediction.requests]
        request, missing = next(((request, missing) for request, missing in found if missing), (None, []))
        if request is None:
            continue
        there = sum(span.maker == SIDECAR for span in request.spans)
        kinds = list(dict.fromkeys(missing))
        more = f", and {len(kinds) - _MOST} more" if len(kinds) > _MOST else ""
        message = (
            f"{name} has no sidecar: the sidecars make {counted(there, 'span')} of one request of {request.client}, "
            f"not {there + len(missing)}; missing: {listed(kinds[:_MOST])}{more}"
        )
        path, key = blamed(lab, name, "mesh")
        yield Hit(path, message + optional(request), "write mesh: true, or leave it out", key=key)


def _missing(lab: Lab, request: Request, name: str) -> list[str]:
    found = []
    for hop in request.hops:
        if hop.caller == name:
            found.append(f"the CLIENT span of the call to {hop.callee}")
        if hop.callee == name and lab.spec.services[name].replicas:
            found.append(f"the SERVER span of the call from {hop.caller}")
    return found


RULE = Rule(
    id="outside-mesh",
    severity=WARNING,
    summary="A service on the way of a request has no sidecar.",
    why="It is the sidecars that make the spans and the lines of the access log: one for each side of a call. Where one side has no sidecar, "
    "a trace shows half of the call, and nothing says that the other half is missing.",
    failing="services:\n  frontend: {kind: curl, calls: [backend]}\n  backend: {kind: http-echo, mesh: false}",
    mended="services:\n  frontend: {kind: curl, calls: [backend]}\n  backend: {kind: http-echo}",
    source="https://github.com/istio/istio/issues/50117",
    on_prediction=_check,
    needs=NEEDS,
)
