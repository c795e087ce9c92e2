"""A call to a service that the lab does not have."""

from collections.abc import Iterator

from labspec.finding import ERROR, alternatives, listed
from labspec.lab import Lab
from labspec.rules._base import Hit, Rule


def _check(lab: Lab) -> Iterator[Hit]:
    for path, _, call in lab.calls():
        if call.to not in lab.declared:
            others = listed(sorted(lab.declared))
            yield Hit(
                path,
                f'no service "{call.to}"{alternatives(call.to, sorted(lab.declared))}',
                f"the services are {others}",
            )


RULE = Rule(
    id="unknown-callee",
    severity=ERROR,
    summary="A call names a service that the lab does not have.",
    why="labspec makes a Service, and so a DNS name, only for the services of the spec; a request to another name would fail.",
    failing="services:\n  frontend: {kind: curl, calls: [bakend]}\n  backend: {kind: http-echo}",
    mended="services:\n  frontend: {kind: curl, calls: [backend]}\n  backend: {kind: http-echo}",
    source="the labspec language",
    on_lab=_check,
)
