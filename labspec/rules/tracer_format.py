"""An application's tracer that speaks what labspec does not know."""

from collections.abc import Iterator

from labspec.finding import ERROR, alternatives
from labspec.lab import FORMATS, Lab
from labspec.rules._base import Hit, Rule
from labspec.rules._tracing import tracers


def _check(lab: Lab) -> Iterator[Hit]:
    for name, tracer in tracers(lab):
        if tracer.format is not None and tracer.format not in FORMATS:
            message = f'"{tracer.format}" is no format known here{alternatives(tracer.format, list(FORMATS))}'
            yield Hit(("services", name, "tracer", "format"), message, f"known here: {', '.join(FORMATS)}")


RULE = Rule(
    id="tracer-format",
    severity=ERROR,
    summary="An app's tracer speaks a format that labspec does not know.",
    why="What the app reads and writes decides whether its trace and the sidecars' are one; labspec predicts that only for formats that it knows.",
    failing="services:\n  frontend: {kind: curl, calls: [backend], tracer: {format: b33}}\n  backend: {kind: http-echo}",
    mended="services:\n  frontend: {kind: curl, calls: [backend], tracer: {format: w3c}}\n  backend: {kind: http-echo}",
    source="the labspec language",
    on_lab=_check,
)
