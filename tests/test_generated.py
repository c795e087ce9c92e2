"""Committed generated files are current; each failure names the command that renews them."""

from labspec import tree
from labspec.compile import bundle
from labspec.meaning import settings
from labspec.schema import schema_text
from tests.conftest import ROOT, plan_of


def test_out_is_current() -> None:
    plan = plan_of(ROOT / "specs" / "istio-jaeger.yaml")
    found = tree.differences(bundle(plan), ROOT / "out", settings=settings(plan))
    shown = "\n".join(f"{difference.kind} out/{difference.path}\n{difference.diff}" for difference in found)
    assert not found, f"{shown}\nrun: labspec build specs/istio-jaeger.yaml -o out"


def test_schema_is_current() -> None:
    assert (ROOT / "schema.json").read_text(encoding="utf-8") == schema_text(), "run: labspec schema > schema.json"
