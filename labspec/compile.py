"""The whole way from the bytes of a spec to its findings and its files."""

from typing import NamedTuple

import labspec.artifacts
from labspec.artifacts._base import Files, manifests, yaml_file
from labspec.bundle import Bundle
from labspec.finding import ERROR, Finding, gathered, in_order
from labspec.judge import judge
from labspec.kinds import values_in
from labspec.load import load
from labspec.mesh import mesh_of, providers
from labspec.plan import Form, Plan, plan
from labspec.source import LARGEST, parse


class Compiled(NamedTuple):
    """What one spec gives."""

    content: bytes
    findings: list[Finding]
    plan: Plan | None
    """None where an error speaks against it."""

    def lines(self) -> list[str]:
        """The text, for showing findings in it."""
        return (
            self.content.decode("utf-8-sig", "replace").split("\n")
            if self.findings and len(self.content) <= LARGEST
            else []
        )


def compiled(name: str, content: bytes) -> Compiled:
    """Reads, validates and plans the spec `content`; `name` is what findings call the file."""
    document, findings = parse(name, content)
    if document is None:
        return Compiled(content, findings, None)
    loaded = load(document)
    labs = [lab for _, lab in loaded.labs]
    found: list[tuple[str | None, Finding]] = [*loaded.findings]
    forms: list[Form] = []
    for (text, lab), provider in zip(loaded.labs, providers(labs), strict=True):
        mesh = mesh_of(lab, provider)
        judgement = judge(text, lab, mesh)
        found += [(lab.variant, finding) for finding in judgement.findings]
        forms.append(Form(lab, text.heading, provider, mesh, judgement.prediction, judgement.accepted))
    findings = in_order([*findings, *_unexplained(gathered(found), findings)])
    sound = forms and not any(finding.severity == ERROR for finding in findings)
    return Compiled(content, findings, plan(forms) if sound else None)


def _unexplained(more: list[Finding], known: list[Finding]) -> list[Finding]:
    """Those of `more` that do not merely follow from a value which the reader refused."""
    refused = [finding.path for finding in known if finding.rule in {"control-character", "yaml-alias", "yaml-merge"}]
    return [finding for finding in more if not any(finding.path[: len(path)] == path for path in refused)]


def bundle(decided: Plan) -> Bundle:
    """All generated files of a plan."""
    objects = (yaml_file(decided, f"base/{name}", found) for name, found in manifests(decided))
    others = (file for artifact in values_in(labspec.artifacts, Files) for file in artifact.files(decided))
    return Bundle([*objects, *others])
