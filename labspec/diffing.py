"""What the command `diff` does: the difference of two compilations, first in words, then file by file."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from labspec import tree
from labspec.artifacts._base import manifests, yaml_file
from labspec.artifacts._mesh import operator
from labspec.building import form_of, planned
from labspec.compile import bundle
from labspec.errors import UsageError
from labspec.meaning import changes, changes_of, settings
from labspec.people import People
from labspec.plan import Plan
from labspec.report import Painter
from labspec.resource import BASE, VARIANT, Object
from labspec.shell import quote
from labspec.show.text import visible
from labspec.treestate import RECORD, Settings, read_settings


class _File(NamedTuple):
    path: str
    kind: str
    """`added`, `removed`, `changed`, `mode` (only the executable bit), or `journal` (a write was interrupted)."""
    diff: str


class _Difference(NamedTuple):
    old: str
    new: str
    changes: tuple[str, ...] | None
    """Of the lab, or between two of its forms; None where nobody knows."""
    variants: Mapping[str, tuple[str, ...]]
    """What changes in a variant beyond that."""
    files: tuple[_File, ...]

    @property
    def is_none(self) -> bool:
        return not (self.changes or any(self.variants.values()) or self.files)


_KINDS = {"missing": "added", "stale": "removed"}


def against_folder(spec: str, output: Path, people: People, page: People, *, as_json: bool) -> int:
    """Prints on `page` what a build of `spec` would change in a folder; 1 where that is anything.

    Raises UsageError where there is no such folder, TreeError where it cannot be read.
    """
    decided = planned(spec, people)
    if decided is None:
        return 1
    if not output.is_dir():
        made = f"labspec build {quote(spec)} -o {quote(str(output))}"
        raise UsageError(f"{output}: no such folder to compare with\n  help: {made} makes it")
    new = settings(decided)
    found = tree.differences(bundle(decided), output, settings=new)
    files = tuple(_File(each.path, _KINDS.get(each.kind, each.kind.value), each.diff) for each in found)
    # The record changes with every other file: alone it says something.
    others = tuple(file for file in files if file.path != RECORD)
    old = read_settings(output)
    if old is None and files:
        people.tell(
            f"{output} does not say with which settings it was built (an older labspec, or none): only its files are compared"
        )
    base = changes_of(old.get(BASE, {}), new[BASE]) if old is not None else None
    variants = dict(_variants(old, new, base or ())) if old is not None else {}
    difference = _Difference(str(output), spec, base, variants, others or files)
    return _printed(difference, people, page, as_json=as_json)


def _variants(old: Settings, new: Settings, base: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name in dict.fromkeys((*old, *new)):
        if name == BASE:
            continue
        if name not in new:
            yield name, ("removed",)
        elif name not in old:
            yield name, ("added",)
        else:
            own = tuple(line for line in changes_of(old[name], new[name]) if line not in base)
            if own:
                yield name, own


def between(spec: str, names: Sequence[str], people: People, page: People, *, as_json: bool) -> int:
    """Prints on `page` what differs between two forms of a lab, the lab itself and one of its variants where one is named; 1 where anything does.

    Raises UsageError for a variant that the lab does not have.
    """
    decided = planned(spec, people)
    if decided is None:
        return 1
    old, new = (form_of(decided, name) for name in ([BASE, *names] if len(names) == 1 else names))
    difference = _Difference(old.variant, new.variant, changes(old, new), {}, tuple(_files(decided, old, new)))
    return _printed(difference, people, page, as_json=as_json)


def _files(decided: Plan, old: Plan, new: Plan) -> Iterator[_File]:
    before, after = _compiled(decided, old), _compiled(decided, new)
    for path in sorted({*before, *after}):
        one, other = before.get(path), after.get(path)
        if _unnamed(one) != _unnamed(other):
            kind = "added" if one is None else "removed" if other is None else "changed"
            yield _File(path, kind, _unified(f"{old.variant}/{path}", one, f"{new.variant}/{path}", other))


def _unnamed(text: str | None) -> list[str] | None:
    """The lines of a file without those that name the form: alone they are no difference."""
    return None if text is None else [line for line in text.split("\n") if not line.lstrip().startswith(f"{VARIANT}: ")]


def _compiled(decided: Plan, form: Plan) -> dict[str, str]:
    """The objects of a form file by file, and the settings of the mesh that it needs."""
    files = [yaml_file(form, f"base/{name}", objects) for name, objects in manifests(form)]
    files.append(yaml_file(form, "istio/operator.yaml", [Object(operator(decided, form))]))
    return {file.path: file.text for file in files}


def _unified(old_name: str, old: str | None, new_name: str, new: str | None) -> str:
    from difflib import unified_diff  # noqa: PLC0415  # only where there is a difference

    names = ("/dev/null" if old is None else old_name, "/dev/null" if new is None else new_name)
    return "".join(unified_diff((old or "").splitlines(keepends=True), (new or "").splitlines(keepends=True), *names))


def _printed(difference: _Difference, people: People, page: People, *, as_json: bool) -> int:
    if as_json:
        page.tell(_json(difference))
    elif difference.is_none:
        people.mention(f"no difference between {difference.old} and {difference.new}")
    else:
        page.tell("".join(f"{line}\n" for line in _lines(difference, page.paint)))
    return int(not difference.is_none)


def _json(difference: _Difference) -> str:
    import json  # noqa: PLC0415  # text needs none

    value = {
        "old": difference.old,
        "new": difference.new,
        "changes": difference.changes,
        "variants": difference.variants,
        "files": [file._asdict() for file in difference.files],
    }
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _lines(difference: _Difference, paint: Painter) -> Iterator[str]:
    for line in difference.changes or ():
        yield visible(line)
    for name, own in difference.variants.items():
        for line in own:
            yield visible(f"variant {name}: {line}" if line not in {"added", "removed"} else f"variant {name} {line}")
    if difference.changes is not None and not difference.changes and not difference.variants:
        yield "the same settings"
    yield f"{len(difference.files)} file{'' if len(difference.files) == 1 else 's'}"
    for file in difference.files:
        yield ""
        if not file.diff:
            yield paint(f"{file.path}: {_WITHOUT_TEXT.get(file.kind, file.kind)}", "bold")
        for line in file.diff.removesuffix("\n").split("\n") if file.diff else ():
            yield _painted(line, paint)


_WITHOUT_TEXT = {
    "mode": "another executable bit",
    "journal": "a build was interrupted here; the next one finishes it",
    "changed": "no text file is there",
    "removed": "no text file",
}


def _painted(line: str, paint: Painter) -> str:
    if line.startswith(("--- ", "+++ ")):
        return paint(line, "bold")
    colour = {"@": "cyan", "-": "red", "+": "green"}.get(line[:1])
    return paint(line, colour) if colour else line
