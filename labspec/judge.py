"""Runs the rules over a lab."""

from collections.abc import Iterator

import labspec.rules
from labspec.finding import Finding
from labspec.kinds import values_in
from labspec.lab import Lab
from labspec.mesh import Mesh
from labspec.rules._base import Hit, Rule
from labspec.source import Document


def rules() -> tuple[Rule, ...]:
    """All rules, in the order of their files."""
    return values_in(labspec.rules, Rule)


def judge(document: Document, lab: Lab, mesh: Mesh) -> Iterator[Finding]:
    """What the rules find in `lab` and in the mesh that it asks for; a rule that needs a part that could not be read stays silent."""
    for rule in rules():
        if not lab.reads(*rule.needs):
            continue
        hits: list[Hit] = []
        if rule.on_lab is not None:
            hits += rule.on_lab(lab)
        if rule.on_mesh is not None:
            hits += rule.on_mesh(mesh)
        for hit in hits:
            position = document.position(hit.path, key=hit.key, offset=hit.start, width=hit.width)
            yield Finding(position, rule.severity, rule.id, hit.path, hit.message, hit.help)
