"""What the real tier holds against real tools: every spec, and each of its variants."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from labspec import tree
from labspec.artifacts._mesh import operator_path
from labspec.compile import bundle
from labspec.layers import variants_of
from labspec.plan import Plan
from labspec.resource import BASE
from labspec.source import parse
from tests.conftest import ROOT, plan_of
from tests.conftest import SPECS as LABS

SPECS = [*LABS, *sorted((ROOT / "tests" / "real" / "labs").glob("*.yaml"))]

_plan = cache(plan_of)


class Case(NamedTuple):
    """One form of a lab: the lab of a spec as it is, or a variant of it."""

    spec: Path
    variant: str = BASE

    @property
    def name(self) -> str:
        """What reports call it."""
        return self.spec.stem if self.variant == BASE else f"{self.spec.stem}[{self.variant}]"

    def base_plan(self) -> Plan:
        """The plan of the lab itself, which has the others."""
        return _plan(self.spec)

    def plan(self) -> Plan:
        """The plan of this form."""
        return form_of(self.base_plan(), self.variant)

    def build(self, folder: Path) -> Plan:
        """The plan of this form, with the whole tree of the lab written to `folder`."""
        tree.write(bundle(self.base_plan()), folder)
        return self.plan()

    def overlay(self, folder: Path) -> Path:
        """What `kubectl apply -k` takes of the tree in `folder`."""
        return folder if self.variant == BASE else folder / "overlays" / self.variant

    def operator(self, folder: Path) -> Path:
        """The mesh settings that scripts/deploy.sh installs for it, of the tree in `folder`."""
        return folder / operator_path(self.base_plan(), self.plan())


def form_of(plan: Plan, variant: str) -> Plan:
    """The form of a lab that has this name."""
    return next(form for form in plan.forms if form.variant == variant)


def labs() -> list[Case]:
    """Every lab as it is."""
    return [Case(spec) for spec in SPECS]


def cases() -> list[Case]:
    """Every lab, and after each one its variants."""
    return [case for lab in labs() for case in (lab, *(Case(lab.spec, name) for name in _variants(lab.spec)))]


def _variants(spec: Path) -> list[str]:
    # A spec with an error in it fails in its own tests, and not in the collection of them all.
    document, _ = parse(spec.name, spec.read_bytes())
    return variants_of(document) if document else []


every_lab = pytest.mark.parametrize("case", labs(), ids=lambda case: case.name)
every_case = pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
