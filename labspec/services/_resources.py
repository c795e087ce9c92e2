"""What a container asks of its node, and the most that it gets: its part of a spec."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator

from labspec.model import Model, described, quoted, wrong
from labspec.quantity import BILLION, PATTERN, canonical, nano, total_memory

_CPU = "write a number of CPUs such as 250m or 0.5, as a text"
_MEMORY = "write a number of bytes with a unit, such as 64Mi or 1Gi"


def _cpu(value: str) -> str:
    if nano(value) is None:
        raise wrong("invalid-quantity", f"{quoted(value)} is no amount of CPU", _CPU)
    return value


def _memory(value: str) -> str:
    amount = nano(value)
    if amount is None:
        raise wrong("invalid-quantity", f"{quoted(value)} is no amount of memory", f"{_MEMORY}{_meant(value)}")
    if amount % BILLION:
        advice = (
            f'{_MEMORY}; did you mean "{value[:-1]}Mi"?' if value.endswith("m") else f"write {total_memory(amount)}"
        )
        raise wrong("invalid-quantity", f"{quoted(value)} is not a whole number of bytes", advice)
    return value


def _meant(value: str) -> str:
    """The unit as Kubernetes writes it."""
    right = value.replace(" ", "").rstrip("Bb")
    for wrong_unit, unit in (("ki", "Ki"), ("mi", "Mi"), ("gi", "Gi"), ("K", "k"), ("g", "G")):
        right = right.removesuffix(wrong_unit) + unit if right.endswith(wrong_unit) else right
    return f'; did you mean "{right}"?' if right != value and nano(right) is not None else ""


Cpu = Annotated[str, AfterValidator(_cpu), described(f"^{PATTERN}$", ("100m", "0.5"))]
Memory = Annotated[str, AfterValidator(_memory), described(f"^{PATTERN}$", ("64Mi", "1Gi"))]


class Limits(Model):
    """The most that a container gets."""

    cpu: Cpu | None = None
    """CPU: beyond it the container has to wait."""
    memory: Memory | None = None
    """Memory: beyond it the container is ended."""


class Resources(Model):
    """What a container asks of its node, and the most that it gets."""

    cpu: Cpu | None = None
    """The share of a CPU that is set aside for it, such as 100m; without it what its kind asks for."""
    memory: Memory | None = None
    """The memory that is set aside for it, such as 64Mi; without it what its kind asks for."""
    limits: Limits | None = None
    """The most that it gets; without it there is no bound."""


def asked(resources: Resources | None, own: Mapping[str, str]) -> dict[str, str]:
    """The requests of a container, over those that its kind has."""
    return {**own, **_said(resources)}


def bounds(resources: Resources | None) -> dict[str, str]:
    """The limits of a container."""
    return _said(resources.limits if resources else None)


def _said(amounts: Resources | Limits | None) -> dict[str, str]:
    given = {"cpu": amounts.cpu, "memory": amounts.memory} if amounts else {}
    return {name: canonical(amount) for name, amount in given.items() if amount is not None}
