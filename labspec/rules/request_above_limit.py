"""A container that asks for more than it may have."""

from collections.abc import Iterator

from labspec.finding import ERROR
from labspec.lab import Lab
from labspec.quantity import nano
from labspec.rules._base import Hit, Rule
from labspec.services._resources import asked, bounds


def _check(lab: Lab) -> Iterator[Hit]:
    for name, service in lab.spec.services.items():
        if not lab.reads(f"services.{name}.resources"):
            continue
        requests, own = asked(service.resources, service.REQUESTS), asked(service.resources, {})
        for what, limit in bounds(service.resources).items():
            if (nano(requests[what]) or 0) > (nano(limit) or 0):
                whose = "" if what in own else f", which every {service.kind} asks for"
                message = f"the limit {limit} is less than the request {requests[what]}{whose}"
                yield Hit(
                    ("services", name, "resources", "limits", what),
                    message,
                    f"ask for less: resources: {{{what}: {limit}}}",
                )


RULE = Rule(
    id="request-above-limit",
    severity=ERROR,
    summary="A container asks for more than its limit.",
    why="Kubernetes refuses such a Deployment. Without `cpu` or `memory` in `resources` the container asks for what its kind asks for.",
    failing="services:\n  frontend: {kind: curl, calls: [backend]}\n  backend: {kind: http-echo, resources: {limits: {memory: 8Mi}}}",
    mended="services:\n  frontend: {kind: curl, calls: [backend]}\n  backend: {kind: http-echo, resources: {memory: 8Mi, limits: {memory: 8Mi}}}",
    source="https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/",
    on_lab=_check,
)
