"""The shorthands of a spec, written out before it is validated, so that a mistake in one is told once, and where it stands."""

from collections.abc import Mapping
from typing import Any

from labspec.finding import Path
from labspec.lab import DEFAULT_COLLECTOR


def normalised(value: dict[str, Any]) -> dict[str, Any]:
    """The spec with its shorthands written out: a call given by its name, a step of one call, a collector without a kind."""
    data = dict(value)
    if isinstance(data.get("collector"), dict):
        data["collector"] = {"kind": DEFAULT_COLLECTOR, **data["collector"]}
    if isinstance(data.get("services"), dict):
        data["services"] = {name: service_written_out(service) for name, service in data["services"].items()}
    return data


def service_written_out(service: object) -> object:
    """A service whose steps are lists of calls, each of them a map."""
    if isinstance(service, dict) and isinstance(service.get("calls"), list):
        steps = [step if isinstance(step, list) else [step] for step in service["calls"]]
        return {
            **service,
            "calls": [[{"to": call} if isinstance(call, str) else call for call in step] for step in steps],
        }
    return service


def steps_in_lists(value: Mapping[str, Any]) -> list[Path]:
    """The steps that are written as a list."""
    services = value.get("services")
    return [
        ("services", name, "calls", index)
        for name, service in (services.items() if isinstance(services, dict) else ())
        if isinstance(service, dict) and isinstance(service.get("calls"), list)
        for index, step in enumerate(service["calls"])
        if isinstance(step, list)
    ]


def as_written(place: Path, nested: frozenset[Path]) -> Path:
    """The path as the author wrote it: a step of one call need not be a list."""
    is_in_step = len(place) > 4 and place[0] == "services" and place[2] == "calls" and isinstance(place[4], int)
    return (*place[:4], *place[5:]) if is_in_step and place[:4] not in nested else place
