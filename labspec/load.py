"""Document -> a Lab for the spec and one for each of its variants, and findings."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from labspec.complaints import complaint, place_of
from labspec.finding import ERROR, Finding, Path, alternatives
from labspec.lab import API_VERSION, SERVICE_KINDS, Lab, Spec, VariantName
from labspec.layers import ONLY_ABOVE, Layered, variants_of
from labspec.shorthands import as_written, normalised, service_written_out, steps_in_lists
from labspec.source import Document
from labspec.yamlvalues import describe

APART = ("variants", "defaults")
"""Keys of a spec that are layers themselves."""

# What stands in for a required value that is missing or wrong, so that the rest can still be judged.
_STAND_INS: dict[Path, Any] = {
    ("apiVersion",): API_VERSION,
    ("name",): "lab",
    ("services",): {},
}


class Loaded(NamedTuple):
    """What could be read of a document."""

    labs: tuple[tuple[Layered, Lab], ...]
    """The spec as it is, then each variant; empty where the document is no map."""
    findings: list[tuple[str | None, Finding]]
    """Each with the variant that it is about; None for the lab itself."""


def load(document: Document) -> Loaded:
    """The labs in `document` as far as they can be read, and everything that is wrong with their shape.

    Raises nothing for bad input.
    """
    if not isinstance(document.value, dict):
        message = f"a spec is a map, this is {describe(document.value)}"
        start = Finding(document.position(()), ERROR, "wrong-type", (), message, "start with: apiVersion: labspec/v1")
        return Loaded((), [(None, start)])
    labs: list[tuple[Layered, Lab]] = []
    findings: list[tuple[str | None, Finding]] = [(None, finding) for finding in _around(document)]
    for variant in (None, *variants_of(document)):
        layered = Layered(document, variant)
        lab, found = _lab(layered)
        labs.append((layered, lab))
        findings += [(variant, finding) for finding in found]
    return Loaded(tuple(labs), findings)


def _lab(layered: Layered) -> tuple[Lab, list[Finding]]:
    data = normalised(layered.value)
    nested = frozenset(steps_in_lists(layered.value))
    services = data.get("services")
    declared = frozenset(services) if isinstance(services, dict) else frozenset[str]()
    findings: list[Finding] = []
    broken: set[Path] = set()
    taken: set[Path] = set()
    while True:
        try:
            spec = Spec.model_validate(data)
        except ValidationError as errors:
            details = errors.errors(include_url=False)
            if not broken:
                # From here on what is wrong is taken out; the document keeps it.
                data = deepcopy(data)
            for error in details:
                place = place_of(data, error["loc"])
                path = as_written(place, nested)
                if path in broken and error["type"] != "extra_forbidden":
                    continue
                if not _removes_nothing(layered, path, error):
                    findings.append(complaint(layered, path, error))
                    broken.add(path)
            places = {_above(place_of(data, error["loc"]), taken): None for error in details}
            for place in places:
                _take_out(data, place)
            taken.update(places)
        else:
            for path, finding in [*_empty_steps(layered, nested), *_unnamed(layered, spec, nested, broken)]:
                findings.append(finding)
                broken.add(path)
            return Lab(_base_name(layered.name), layered.variant, spec, frozenset(broken), declared, nested), findings


def _above(place: Path, taken: set[Path]) -> Path:
    """`place`, or where that was taken out already, what holds it: so that each round takes out something."""
    while place in taken and len(place) > 1:
        place = place[:-1]
    return place


def _empty_steps(layered: Layered, nested: frozenset[Path]) -> Iterator[tuple[Path, Finding]]:
    for step in sorted(nested, key=str):
        if not _at(layered.value, step):
            message, advice = "this step has no call", "name the calls that are made at the same time, or leave it out"
            yield step, Finding(layered.position(step), ERROR, "wrong-type", layered.origin(step), message, advice)


def _unnamed(
    layered: Layered, spec: Spec, nested: frozenset[Path], broken: set[Path]
) -> Iterator[tuple[Path, Finding]]:
    """The calls whose callee is an empty text; where it stands in for one that could not be read, that was told."""
    for name, service in spec.services.items():
        for place, call in service.outgoing():
            path = as_written(("services", name, "calls", *place), nested)
            if not call.to and not any(known[: len(path)] == path or path[: len(known)] == known for known in broken):
                message, advice = "the name of a service is empty", "write the key of a service"
                where = layered.position((*path, "to"))
                yield path, Finding(where, ERROR, "empty-string", layered.origin(path), message, advice)


def _removes_nothing(layered: Layered, path: Path, error: Mapping[str, Any]) -> bool:
    """Whether the value is a null with which a variant removes what nothing below has said."""
    # Lists are replaced whole: a null in one removes nothing.
    in_list = any(isinstance(step, int) for step in path)
    allowed = not in_list and error["type"] not in {"extra_forbidden", "missing"} and error["input"] is None
    return allowed and layered.is_of_variant(path)


def _base_name(name: str) -> str:
    """What generated files say they come from; on one line, whatever the file is called."""
    base = name.rpartition("/")[2]
    return (
        "standard input"
        if base == "<stdin>"
        else "".join(character if character.isprintable() else "?" for character in base)
    )


def _take_out(data: dict[str, Any], place: Path) -> None:
    """Removes what is wrong at `place`: a required value gets a stand-in, or takes what holds it along."""
    parent = _at(data, place[:-1])
    if place in _STAND_INS and isinstance(parent, dict):
        parent[place[-1]] = deepcopy(_STAND_INS[place])
    elif _is_required(place):
        _take_out(data, place[:-1])
    elif isinstance(parent, dict):
        parent.pop(place[-1], None)
    elif isinstance(parent, list) and "calls" not in place[-3:-1]:
        _take_out(data, place[:-1])
    elif isinstance(parent, list) and isinstance(place[-1], int) and place[-1] < len(parent):
        # The calls behind it keep their index; rules pass over what is broken.
        parent[place[-1]] = [{"to": ""}] if place[-2] == "calls" else {"to": ""}


def _is_required(place: Path) -> bool:
    """Whether what holds the value at `place` is nothing without it."""
    match place:
        case ("collector", "kind") | ("services", _, "kind" | "image"):
            return True
        case ("services", _, "calls", *_, "to") | ("services", _, "tracer", "export"):
            return True
        case _:
            return False


def _at(data: object, path: Path) -> object:
    for step in path:
        if (isinstance(data, dict) and step in data) or (
            isinstance(data, list) and isinstance(step, int) and step < len(data)
        ):
            data = data[step]  # type: ignore[index]  # one of the two
        else:
            return None
    return data


def _around(document: Document) -> list[Finding]:
    """What is wrong with the names of layers, and with defaults for kinds that no service has."""
    layered = Layered(document, None)
    findings = [_no_map(document, (key,)) for key in APART if _is_no_map(document, (key,))]
    for name in variants_of(document):
        try:
            TypeAdapter(VariantName).validate_python(name)
        except ValidationError as errors:
            details = errors.errors(include_url=False)[0]
            findings.append(complaint(layered, ("variants", name), {**details, "loc": ("variants", name, "[key]")}))
        findings += _keys_of_variant(document, name)
        findings += _unused_defaults(document, ("variants", name, "defaults"))
        about = _at(document.value, ("variants", name, "description"))
        if about is not None and (not isinstance(about, str) or not about):
            path = ("variants", name, "description")
            message = f"a sentence belongs here, not {describe(about)}" if about != "" else "the text is empty"
            findings.append(Finding(document.position(path), ERROR, "wrong-type", path, message))
    for name, value in _map_at(document.value, ("variants",)).items():
        if not isinstance(value, dict):
            findings.append(_no_map(document, ("variants", name)))
    return findings + _unused_defaults(document, ("defaults",))


def _keys_of_variant(document: Document, name: str) -> list[Finding]:
    found = []
    for key in _map_at(document.value, ("variants", name)):
        if key in ONLY_ABOVE:
            path = ("variants", name, key)
            message = f'a variant has no "{key}": it belongs to the whole spec'
            found.append(
                Finding(document.position(path, key=True), ERROR, "unknown-key", path, message, "leave it out")
            )
    return found


def _unused_defaults(document: Document, place: Path) -> list[Finding]:
    """What is wrong with the defaults for each kind; those for a kind that some service has are judged there as well."""
    in_variant = place[0] == "variants"
    wrong_map = in_variant and _is_no_map(document, place) and _at(document.value, place) is not None
    found = [_no_map(document, place)] if wrong_map else []
    for kind, value in _map_at(document.value, place).items():
        path = (*place, kind)
        if kind not in SERVICE_KINDS:
            message = f'no kind of service is called "{kind}"{alternatives(kind, list(SERVICE_KINDS))}'
            known = f"known here: {', '.join(SERVICE_KINDS)}"
            found.append(Finding(document.position(path, key=True), ERROR, "unknown-value", path, message, known))
        elif isinstance(value, dict):
            found += _defaults_of_kind(document, path, kind, value)
        elif value is not None or not in_variant:
            found.append(_no_map(document, path))
    return found


def _defaults_of_kind(document: Document, path: Path, kind: str, value: dict[str, Any]) -> list[Finding]:
    found = []
    if "kind" in value:
        place = (*path, "kind")
        message = "defaults have no kind: the key above says it"
        found.append(Finding(document.position(place, key=True), ERROR, "unknown-key", place, message, "leave it out"))
    whole = service_written_out({**value, "kind": kind})
    try:
        SERVICE_KINDS[kind].model_validate(whole)
    except ValidationError as errors:
        for error in errors.errors(include_url=False):
            in_list = any(isinstance(step, int) for step in error["loc"])
            # What is missing, the service may say; a null in a variant may remove something.
            is_idle = error["input"] is None and path[0] == "variants" and error["type"] != "extra_forbidden"
            if in_list or not (error["type"] == "missing" or is_idle):
                found.append(complaint(document, (*path, *_as_written(value, error["loc"])), error))
    return found


def _as_written(defaults: Mapping[str, Any], location: tuple[int | str, ...]) -> Path:
    """The place in the defaults of a kind: a step of one call need not be a list, and `[key]`, which marks a wrong key, is no place."""
    location = location[:-1] if location[-1] == "[key]" else location
    is_in_step = location[0] == "calls" and len(location) > 2
    single = is_in_step and not isinstance(_at(defaults, location[:2]), list)
    return (*location[:2], *location[3:]) if single else location


def _map_at(value: object, path: Path) -> dict[str, Any]:
    found = _at(value, path)
    return found if isinstance(found, dict) else {}


def _is_no_map(document: Document, path: Path) -> bool:
    parent = _at(document.value, path[:-1])
    return isinstance(parent, dict) and path[-1] in parent and not isinstance(parent[path[-1]], dict)


def _no_map(document: Document, path: Path) -> Finding:
    message = f"a map belongs here, not {describe(_at(document.value, path))}"
    return Finding(document.position(path), ERROR, "wrong-type", path, message)
