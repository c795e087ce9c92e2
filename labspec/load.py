"""Document -> Lab and findings."""

from copy import deepcopy
from typing import Any

from pydantic import ValidationError

from labspec.complaints import complaint, place_of
from labspec.finding import ERROR, Finding, Path, in_order
from labspec.lab import API_VERSION, DEFAULT_COLLECTOR, FORMATS, Lab, Spec
from labspec.source import Document
from labspec.yamlvalues import describe

# What stands in for a required value that is missing or wrong, so that the rest can still be judged.
_STAND_INS: dict[Path, Any] = {
    ("apiVersion",): API_VERSION,
    ("name",): "lab",
    ("services",): {},
    ("istio",): {"api": "meshConfig"},
    ("istio", "api"): "meshConfig",
    ("propagation",): {"format": next(iter(FORMATS))},
    ("propagation", "format"): next(iter(FORMATS)),
}


def load(document: Document) -> tuple[Lab | None, list[Finding]]:
    """The lab in `document` as far as it can be read, and everything that is wrong with its shape.

    None where the document is no map. Raises nothing for bad input.
    """
    if not isinstance(document.value, dict):
        message = f"a spec is a map, this is {describe(document.value)}"
        return None, [
            Finding(document.position(()), ERROR, "wrong-type", (), message, "start with: apiVersion: labspec/v1")
        ]
    data = normalised(document.value)
    services = data.get("services")
    declared = frozenset(services) if isinstance(services, dict) else frozenset[str]()
    findings: list[Finding] = []
    broken: set[Path] = set()
    while True:
        try:
            spec = Spec.model_validate(data)
        except ValidationError as errors:
            details = errors.errors(include_url=False)
            if not broken:
                # From here on what is wrong is taken out; the document keeps it.
                data = deepcopy(data)
                findings = [complaint(document, error) for error in details]
            for error in details:
                place = place_of(data, error["loc"])
                _take_out(data, place)
                broken.add(place)
        else:
            return Lab(_base_name(document.name), spec, frozenset(broken), declared), in_order(findings)


def _base_name(name: str) -> str:
    """What generated files say they come from; on one line, whatever the file is called."""
    base = name.rpartition("/")[2]
    return (
        "standard input"
        if base == "<stdin>"
        else "".join(character if character.isprintable() else "?" for character in base)
    )


def normalised(value: dict[str, Any]) -> dict[str, Any]:
    """The spec with its shorthands written out: a call given by its name, a collector without a kind."""
    data = dict(value)
    if isinstance(data.get("collector"), dict):
        data["collector"] = {"kind": DEFAULT_COLLECTOR, **data["collector"]}
    if isinstance(data.get("services"), dict):
        data["services"] = {name: _service(service) for name, service in data["services"].items()}
    return data


def _service(service: object) -> object:
    if isinstance(service, dict) and isinstance(service.get("calls"), list):
        return {**service, "calls": [{"to": call} if isinstance(call, str) else call for call in service["calls"]]}
    return service


def _take_out(data: dict[str, Any], place: Path) -> None:
    """Removes what is wrong at `place`: a required value gets a stand-in, or takes what holds it along."""
    parent = _at(data, place[:-1])
    if place in _STAND_INS and isinstance(parent, dict):
        parent[place[-1]] = deepcopy(_STAND_INS[place])
    elif place[-1] in {"kind", "to"}:
        _take_out(data, place[:-1])
    elif isinstance(parent, dict):
        parent.pop(place[-1], None)
    elif isinstance(parent, list) and isinstance(place[-1], int):
        # The calls behind it keep their index; rules pass over what is broken.
        parent[place[-1]] = {"to": ""}


def _at(data: object, path: Path) -> object:
    for step in path:
        if (isinstance(data, dict) and step in data) or (
            isinstance(data, list) and isinstance(step, int) and step < len(data)
        ):
            data = data[step]  # type: ignore[index]  # one of the two
        else:
            return None
    return data
