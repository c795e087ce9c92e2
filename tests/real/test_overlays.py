"""What kustomize makes of each overlay is the variant; it makes nothing of a base that is another one than labspec's."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from jsonpointer import JsonPointerException, resolve_pointer, set_pointer

from labspec.artifacts._base import manifests
from labspec.artifacts._mesh import operator
from labspec.layers import Layered
from labspec.plan import Plan
from labspec.resource import BASE, VARIANT
from labspec.source import parse
from tests.conftest import plan_of
from tests.real.cases import Case, cases, every_case
from tests.real.kustomizing import Kustomize, key, run
from tests.real.verification import record

pytestmark = pytest.mark.real

VARIANTS = [case for case in cases() if case.variant != BASE]
every_variant = pytest.mark.parametrize("case", VARIANTS, ids=lambda case: case.name)

Body = dict[str, Any]
Name = tuple[str, str, str]


def compiled_objects(plan: Plan) -> list[Body]:
    """What labspec says that a form consists of."""
    bodies = [found.body for _, objects in manifests(plan) for found in objects]
    plain: list[Body] = json.loads(json.dumps(bodies))
    return sorted(plain, key=key)


@every_case
def test_each_form_comes_out_whole(case: Case, tmp_path: Path, kustomize: Kustomize) -> None:
    plan = case.build(tmp_path)
    made = kustomize.build(case.overlay(tmp_path))
    assert made == compiled_objects(plan)
    what = "objects of the lab and of each variant: those that labspec compiles"
    record(spec=case.name, tool=kustomize.name, version=kustomize.version, what=what, count=len(made))


@cache
def separate(case: Case) -> Plan:
    """The plan of a spec that says what the variant comes to, and has no variants."""
    document, _ = parse(case.spec.name, case.spec.read_bytes())
    assert document is not None
    return plan_of(yaml.safe_dump(without_null(Layered(document, case.variant).value), sort_keys=False))


def without_null(value: Any) -> Any:
    """In a variant a null may remove what nothing has said."""
    if isinstance(value, dict):
        return {name: without_null(inner) for name, inner in value.items() if inner is not None}
    return [without_null(inner) for inner in value] if isinstance(value, list) else value


def as_variant(body: Body, alone: Plan, form: Plan) -> Body:
    """An object of a lab of its own as it is in a variant: its Deployments say so, and a taken provider's name is another."""
    body = deepcopy(body)
    if body["kind"] == "Deployment":
        body["metadata"]["annotations"][VARIANT] = form.variant
    if body["kind"] == "Telemetry" and alone.provider and form.provider:
        for setting in body["spec"]["tracing"]:
            assert setting["providers"] == [{"name": alone.provider.name}]
            setting["providers"] = [{"name": form.provider.name}]
    return body


@every_variant
def test_a_variant_is_the_lab_of_the_merged_spec(case: Case, tmp_path: Path, kustomize: Kustomize) -> None:
    form, alone = case.build(tmp_path), separate(case)
    made = kustomize.build(case.overlay(tmp_path))
    assert made == sorted((as_variant(body, alone, form) for body in compiled_objects(alone)), key=key)
    what = "objects of each variant: those of the merged spec, compiled as a lab of its own"
    record(spec=case.name, tool=kustomize.name, version=kustomize.version, what=what, count=len(made))


@every_variant
def test_a_variants_mesh_settings_are_those_of_the_merged_spec(case: Case) -> None:
    form, alone = case.plan(), separate(case)
    mine, theirs = operator(case.base_plan(), form), operator(alone, alone)
    providers = [body["spec"]["meshConfig"].pop("extensionProviders", []) for body in (mine, theirs)]
    assert mine == theirs
    own = {provider.pop("name"): provider for provider in providers[0]}
    assert len(own) == len(providers[0])
    for provider in providers[1]:
        del provider["name"]
        assert form.provider is not None
        assert own[form.provider.name] == provider


class Patched(NamedTuple):
    """A patch of an overlay, and the objects of the base that it is for."""

    entry: Body
    """Its item in kustomization.yaml."""
    names: list[Name]

    @property
    def operations(self) -> list[Body]:
        """What it does."""
        found: list[Body] = yaml.safe_load(self.entry["patch"])
        return found


def patches(case: Case, folder: Path) -> Iterator[Patched]:
    """The patches of an overlay, without those that delete."""
    kustomization = yaml.safe_load((case.overlay(folder) / "kustomization.yaml").read_text("utf-8"))
    names = [key(body) for body in compiled_objects(case.base_plan())]
    for patch in kustomization.get("patches", []):
        if "target" in patch:
            yield Patched(patch, [*targeted(patch["target"], names)])


def targeted(target: dict[str, str], names: list[Name]) -> Iterator[Name]:
    """What kustomize selects, by the words of its documentation: every field is an expression for the whole value."""
    for kind, namespace, name in names:
        has = {"kind": kind, "namespace": namespace, "name": name}
        if all(re.fullmatch(target.get(field, ".*"), value) for field, value in has.items()):
            yield kind, namespace, name


@every_variant
def test_every_patch_hits_what_it_names(case: Case, tmp_path: Path, kustomize: Kustomize) -> None:
    case.build(tmp_path)
    base = {key(body): body for body in kustomize.build(tmp_path)}
    alone = tmp_path / "alone"
    alone.mkdir()
    count = 0
    for patch in patches(case, tmp_path):
        one = {"resources": ["../base"], "patches": [patch.entry]}
        (alone / "kustomization.yaml").write_text(yaml.safe_dump(one), encoding="utf-8")
        made = {key(body): body for body in kustomize.build(alone)}
        assert patch.names
        assert [name for name, body in made.items() if body != base[name]] == patch.names
        count += len(patch.names)
    what = "objects that a patch of an overlay is for: hit, and no other one"
    record(spec=case.name, tool=kustomize.name, version=kustomize.version, what=what, count=count)


@every_variant
def test_a_base_that_drifted_is_refused(case: Case, tmp_path: Path, kustomize: Kustomize) -> None:
    case.build(tmp_path)
    bodies = {key(body): body for body in compiled_objects(case.base_plan())}
    (tmp_path / "base" / "kustomization.yaml").write_text("resources: [all.yaml]\n", encoding="utf-8")
    count = 0
    for name, path, value in guarded(case, tmp_path, bodies):
        drifted = {**bodies, name: set_pointer(bodies[name], path, other(value), inplace=False)}
        text = yaml.safe_dump_all(drifted.values())
        (tmp_path / "base" / "all.yaml").write_text(text, encoding="utf-8")
        done = run(*kustomize.command, str(case.overlay(tmp_path)))
        assert (done.returncode, done.stdout) == (1, ""), (name, path)
        assert f"testing value {path} failed" in done.stderr
        count += 1
    (tmp_path / "base" / "all.yaml").write_text(yaml.safe_dump_all(bodies.values()), encoding="utf-8")
    assert kustomize.build(case.overlay(tmp_path)) == compiled_objects(case.plan())
    what = "places that a variant changes, changed in the base: refused"
    record(spec=case.name, tool=kustomize.name, version=kustomize.version, what=what, count=count)


def guarded(case: Case, folder: Path, bodies: dict[Name, Body]) -> Iterator[tuple[Name, str, Any]]:
    """The places in the base that the overlay tests, in one of the objects that a patch is for."""
    for patch in patches(case, folder):
        name = patch.names[-1]
        places = [(each["path"], each["value"]) for each in patch.operations if each["op"] == "test"]
        # An index behind an item that went or came means another item in the base.
        found = [(path, value) for path, value in places if at(bodies[name], path) == value]
        assert bool(found) == bool(places)
        for path, value in found:
            yield name, path, value


def at(body: Body, path: str) -> Any:
    try:
        return resolve_pointer(body, path)
    except JsonPointerException:
        return None


def other(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, str):
        return f"{value}-drifted"
    return (
        value + 1 if isinstance(value, int | float) else type(value)(["drifted"]) if value == [] else {"drifted": "yes"}
    )
