"""Runs the rules over a lab."""

from collections.abc import Iterator
from typing import NamedTuple

import labspec.rules
from labspec.finding import ERROR, WARNING, Finding, alternatives
from labspec.kinds import values_in
from labspec.lab import Lab
from labspec.layers import Layered
from labspec.mesh import Mesh
from labspec.plan import Accepted
from labspec.predict.values import Prediction
from labspec.predict.walk import predict
from labspec.rules._base import Hit, Rule

_BESIDE = {"env", "command", "args", "labels", "annotations", "probe", "resources"}
"""Fields of a service that no request goes by: an error there leaves the prediction what it is."""


class Judgement(NamedTuple):
    """What the rules say of one form of a lab."""

    findings: list[Finding]
    accepted: tuple[Accepted, ...]
    prediction: Prediction


def rules() -> tuple[Rule, ...]:
    """All rules, in the order of their files."""
    return values_in(labspec.rules, Rule)


def judge(text: Layered, lab: Lab, mesh: Mesh) -> Judgement:
    """What the rules find in `lab` and in the mesh that it asks for; a rule that needs a part that could not be read stays silent."""
    applicable = [rule for rule in rules() if lab.reads(*rule.needs)]
    hits = [(rule, hit) for rule in applicable for hit in _before(rule, lab, mesh)]
    # A walk over calls that lead nowhere, or in a circle, would say what is not so.
    lost = any(
        rule.severity == ERROR and hit.path[:1] == ("services",) and _BESIDE.isdisjoint(hit.path[2:3])
        for rule, hit in hits
    )
    prediction = Prediction(()) if lost else predict(lab, mesh)
    if not lost:
        hits += [
            (rule, hit)
            for rule in applicable
            if rule.on_prediction
            for hit in rule.on_prediction(lab, mesh, prediction)
        ]
    findings = list(_unacceptable(text, lab))
    accepted: list[Accepted] = []
    for rule, hit in hits:
        reason = lab.spec.accept.get(rule.id)
        if reason is not None and rule.severity == WARNING:
            accepted.append(Accepted(rule.id, reason, hit.message))
            continue
        position = text.position(hit.path, key=hit.key, offset=hit.start, width=hit.width)
        severity = WARNING if reason is not None and rule.acceptable else rule.severity
        findings.append(Finding(position, severity, rule.id, text.origin(hit.path), hit.message, hit.help))
    return Judgement(findings, tuple(dict.fromkeys(accepted)), prediction)


def _unacceptable(text: Layered, lab: Lab) -> Iterator[Finding]:
    """What stands in `accept` and is no rule, or one that cannot be accepted."""
    known = {rule.id: rule for rule in rules()}
    for name in lab.spec.accept:
        path = ("accept", name)
        if name not in known:
            message, advice = f'no rule "{name}"{alternatives(name, list(known))}', "labspec explain all lists them"
        elif known[name].severity == ERROR and not known[name].acceptable:
            message, advice = f"{name} is an error: the lab would not work", "mend it"
        else:
            continue
        yield Finding(text.position(path, key=True), ERROR, "unacceptable", text.origin(path), message, advice)


def _before(rule: Rule, lab: Lab, mesh: Mesh) -> Iterator[Hit]:
    """What a rule finds before any request is followed."""
    if rule.on_lab is not None:
        yield from rule.on_lab(lab)
    if rule.on_mesh is not None:
        yield from rule.on_mesh(lab, mesh)
