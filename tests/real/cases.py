"""What the real tier holds against real tools: every spec, and each of its variants."""

from pathlib import Path
from typing import NamedTuple

import pytest

from labspec import tree
from labspec.compile import bundle
from labspec.plan import Plan
from tests.conftest import SPECS, plan_of


class Case(NamedTuple):
    """One lab: a spec, or a variant of it."""

    spec: Path
    variant: str | None = None

    @property
    def name(self) -> str:
        """What reports call it."""
        return self.spec.stem + (f"[{self.variant}]" if self.variant else "")

    def plan(self) -> Plan:
        """Its plan."""
        return plan_of(self.spec)

    def build(self, folder: Path) -> Plan:
        """Its plan, with its files written to `folder`."""
        plan = self.plan()
        tree.write(bundle(plan), folder)
        return plan


def cases() -> list[Case]:
    """Every lab of the real tier."""
    return [Case(spec) for spec in SPECS]


every_case = pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
