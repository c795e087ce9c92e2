"""A call to a service that listens on nothing."""

from collections.abc import Iterator

from labspec.finding import ERROR
from labspec.lab import Lab
from labspec.rules._base import Hit, Rule


def _check(lab: Lab) -> Iterator[Hit]:
    for path, _, call in lab.calls():
        callee = lab.spec.services.get(call.to)
        if callee is not None and callee.listener() is None:
            closed = "port" in type(callee).model_fields
            message = (
                f'"{call.to}" has port: none'
                if closed
                else f'"{call.to}" is a {callee.kind} client: it listens on nothing'
            )
            advice = f"give {call.to} a port, or call" if closed else "call"
            yield Hit(path, message, f"{advice} a service that answers, such as an http-echo")


RULE = Rule(
    id="not-callable",
    severity=ERROR,
    summary="A call names a client, which listens on nothing.",
    why="A curl loop opens no port. A Service in front of it would lead nowhere, and each request would end in a connection error.",
    failing="services:\n  frontend: {kind: curl, calls: [other]}\n  other: {kind: curl}",
    mended="services:\n  frontend: {kind: curl, calls: [other]}\n  other: {kind: http-echo}",
    source="the labspec language",
    on_lab=_check,
)
