"""What the commands `build`, `check` and `schema` do; each function gives the exit status."""

import sys
from collections.abc import Sequence
from pathlib import Path

from labspec import tree
from labspec.artifacts._base import manifests
from labspec.compile import Compiled, bundle, compiled
from labspec.errors import UsageError
from labspec.finding import ERROR, Finding, alternatives, listed
from labspec.meaning import settings
from labspec.people import People
from labspec.plan import Plan
from labspec.report import as_github, as_text, summary
from labspec.report import as_json as findings_as_json
from labspec.requests import total
from labspec.resource import BASE
from labspec.shell import quote
from labspec.source import read
from labspec.yamltext import document, stream

_MARKS = {"written": "+", "removed": "-"}

_MOST_FOREIGN = 10
"""Others' files that are named one by one: a folder like the home directory holds thousands."""


def to_folder(spec: str, output: Path, people: People, *, force: bool) -> int:
    """Builds the lab into a folder and says what was written and what to do next."""
    decided = planned(spec, people)
    if decided is None:
        return 1
    done = tree.write(bundle(decided), output, settings=settings(decided), force=force)
    for kind in ("written", "removed"):
        for path in getattr(done, kind):
            people.mention(f"  {_MARKS[kind]} {output / path}")
    for path in done.foreign[:_MOST_FOREIGN]:
        people.mention(f"  ? {output / path} is not labspec's: left alone")
    if len(done.foreign) > _MOST_FOREIGN:
        people.mention(f"  ? and {len(done.foreign) - _MOST_FOREIGN} more")
    for path in done.kept:
        people.tell(f"  ! {output / path} was changed since labspec wrote it: kept")
    counts = f"{len(done.written)} written, {len(done.unchanged)} unchanged, {len(done.removed)} removed"
    people.mention(f"{decided.name}: {counts}; its containers request {total(decided)}")
    if done.kept:
        people.tell("error: the folder is not what the spec gives; --force overwrites the changed files")
        return 1
    people.mention("\n".join(["next:", *(f"  {command}" for command in _next(decided, output))]))
    return 0


def to_stream(spec: str, variant: str | None, people: People) -> int:
    """Prints the objects of the base, or of a variant, on stdout, as `kubectl kustomize` of the folder, or of its overlay, would."""
    decided = planned(spec, people)
    if decided is None:
        return 1
    wanted = form_of(decided, variant)
    sys.stdout.write(
        stream(document(found.body, found.comments) for _, objects in manifests(wanted) for found in objects)
    )
    return 0


def compare(spec: str, output: Path, people: People) -> int:
    """Compares a folder with what the spec gives; shows each difference and the command that ends it."""
    decided = planned(spec, people)
    if decided is None:
        return 1
    found = tree.differences(bundle(decided), output, settings=settings(decided))
    for difference in found:
        people.tell(f"{people.paint(difference.kind.value, 'red')} {output / difference.path}")
        if difference.diff:
            people.tell(difference.diff.rstrip("\n"))
    if found:
        people.tell(
            f"error: {output} is not what {spec} gives; run: labspec build {quote(spec)} -o {quote(str(output))}"
        )
        return 1
    people.mention(f"{output} is what {spec} gives")
    return 0


def check(
    specs: Sequence[str], people: People, *, as_json: bool, strict: bool, annotations: People | None = None
) -> int:
    """Shows the findings of each spec; 1 where one has an error, or with `strict` a warning.

    They go to people, or as JSON to stdout, or as GitHub's annotations to the page `annotations`.
    """
    found: list[Finding] = []
    for spec in specs:
        result = compiled(*read(spec))
        found += result.findings
        if not as_json and annotations is None:
            _show(result, people)
    if annotations is not None:
        annotations.tell(as_github(found))
    if as_json:
        sys.stdout.write(findings_as_json(found) + "\n")
    else:
        people.mention(f"{len(specs)} spec{'s' if len(specs) > 1 else ''}: {summary(found)}")
    return int(any(strict or finding.severity == ERROR for finding in found))


def compare_text(path: Path, text: str, people: People) -> int:
    """Compares a file with the text that it should hold."""
    try:
        there = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from None
    if there == text:
        return 0
    from difflib import unified_diff  # noqa: PLC0415  # only where there is a difference

    people.tell(
        "".join(unified_diff(there.splitlines(True), text.splitlines(True), str(path), "labspec schema")).rstrip("\n")
    )
    people.tell(f"error: {path} is not current; run: labspec schema > {quote(str(path))}")
    return 1


def planned(spec: str, people: People) -> Plan | None:
    """The plan of a spec, its findings told; None where an error speaks against it."""
    return told(spec, people).plan


def told(spec: str, people: People) -> Compiled:
    """What a spec gives, its findings told."""
    result = compiled(*read(spec))
    _show(result, people)
    if result.plan is None:
        people.tell(f"error: {spec} cannot be built: {summary(result.findings)}")
    return result


def form_of(decided: Plan, name: str | None) -> Plan:
    """One form of a lab by its name, the lab itself for None; raises UsageError for a variant that it does not have."""
    forms = {form.variant: form for form in decided.forms}
    if name is None:
        return decided
    if name not in forms:
        from labspec.show.text import visible  # noqa: PLC0415  # only a mistake needs it

        has = f"it has {listed(form.variant for form in decided.variants)}" if decided.variants else "it has none"
        raise UsageError(
            f'{decided.source} has no variant "{visible(name)}"{alternatives(name, list(forms))}\n  help: {has}'
        )
    return forms[name]


def _show(result: Compiled, people: People) -> None:
    lines = result.lines()
    for finding in result.findings:
        people.tell(as_text(finding, lines, people.paint))


def _next(decided: Plan, output: Path) -> list[str]:
    scripts = quote(str(output / "scripts"))
    found = [
        (f"{scripts}/preflight.sh", "is everything there: tools, cluster, names"),
        (f"{scripts}/lab.sh", "install Istio, deploy, send requests, find the trace"),
        (f"less {quote(str(output / 'README.md'))}", "the guide: each step and what one sees"),
    ]
    if decided.variants:
        first, *others = (form.variant for form in decided.variants)
        whole = f"the variant {first}, then {listed(others)}" if others else "the variant"
        found.append((f"{scripts}/deploy.sh {first}", f"switch to {whole}; {BASE} is the lab itself"))
    width = max(len(command) for command, _ in found)
    return [f"{command.ljust(width)}   # {purpose}" for command, purpose in found]
