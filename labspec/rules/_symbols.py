"""What several rules need to know of the `${symbols}` in the texts of services."""

from collections.abc import Iterator
from typing import NamedTuple

from labspec.finding import Path
from labspec.lab import Lab
from labspec.symbols import resolve

CALLS = "calls"
COLLECTOR = "collector"


class Use(NamedTuple):
    """One `${...}` in a text of a service."""

    service: str
    path: Path
    """Of the text."""
    name: str
    start: int
    width: int
    is_closed: bool

    @property
    def head(self) -> str:
        """What stands before the first dot; empty where there is none."""
        return self.name.partition(".")[0] if "." in self.name else ""

    @property
    def steps(self) -> list[str]:
        """What stands behind it."""
        return self.name.split(".")[1:]


def uses(lab: Lab) -> Iterator[Use]:
    """Every `${...}` in the texts of services, symbol or not; `$${`, which stands for `${`, is none."""
    for name, service in lab.spec.services.items():
        for place, text in service.texts():
            path: Path = ("services", name, *place)
            if "${" in text and path not in lab.broken:
                for found in resolve(text, {}).unknown:
                    is_closed = text[found.start : found.end].endswith("}")
                    yield Use(name, path, found.name, found.start, found.end - found.start, is_closed)


def callees(lab: Lab, service: str) -> list[str] | None:
    """The services that a service calls, in order; None where its calls could not be read."""
    if not lab.reads(f"services.{service}.calls"):
        return None
    return list(dict.fromkeys(call.to for _, call in lab.calls_of(service)))
