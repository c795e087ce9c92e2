"""Kustomize reads what labspec wrote: every tree, and every string in an object as it went in."""

import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from labspec.yamltext import document, stream
from tests.real.cases import Case, every_lab
from tests.real.kustomizing import Kustomize, key, objects, run
from tests.real.verification import record
from tests.test_yamltext import TEXT

# What labspec refuses in a spec, because kustomize itself cannot carry it.
CARRIED = TEXT.map(lambda text: re.sub("[\x00\x7f-\x9f\ud800-\udfff\ufffe\uffff]", "", text))

# Why: what the string property takes out of each string, as far as kustomize is the reason. Both versions fail, or, for the
# second one, write a space.
NOT_CARRIED = ["a\x7fb", "a\x85b", "a\x9bb", "a\ufffeb", "a\uffffb", "\ta\nb"]

EXAMPLES = 10

pytestmark = pytest.mark.real


@every_lab
def test_every_tree_is_what_labspec_wrote(case: Case, tmp_path: Path, kustomize: Kustomize) -> None:
    case.build(tmp_path)
    files = [file for file in (tmp_path / "base").iterdir() if file.name != "kustomization.yaml"]
    written = sorted((body for file in files for body in yaml.safe_load_all(file.read_text("utf-8"))), key=key)
    made = kustomize.build(tmp_path)
    assert made == written
    what = "objects of the tree: made as they were written"
    record(spec=case.name, tool=kustomize.name, version=kustomize.version, what=what, count=len(made))


@cache
def printed(spec: Path) -> list[dict[str, Any]]:
    """What `labspec build --stdout` prints."""
    done = run(sys.executable, "-m", "labspec", "build", str(spec), "--stdout")
    assert done.returncode == 0, done.stderr
    return objects(done.stdout)


@every_lab
def test_the_printed_objects_are_the_trees(case: Case, tmp_path: Path, kustomize: Kustomize) -> None:
    case.build(tmp_path)
    assert printed(case.spec) == kustomize.build(tmp_path)
    what = "labspec build --stdout: the same objects"
    record(spec=case.name, tool=kustomize.name, version=kustomize.version, what=what)


def note(text: str) -> str:
    """An annotation that kustomize carries: one of several lines must not begin with a tab."""
    return text.lstrip("\t") if "\n" in text else text


def pod(number: int, text: str) -> dict[str, Any]:
    container = {"name": "app", "args": [text], "env": [{"name": "TEXT", "value": text}]}
    metadata = {"name": f"pod-{number}", "labels": {"label": text}, "annotations": {"note": note(text)}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}


@settings(
    max_examples=EXAMPLES,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(st.lists(CARRIED, min_size=40, max_size=80))
def _strings_come_back(folder: Path, kustomize: Kustomize, texts: list[str]) -> None:
    pods = [pod(number, text) for number, text in enumerate(texts)]
    (folder / "pods.yaml").write_text(stream(document(body) for body in pods), encoding="utf-8")
    (folder / "kustomization.yaml").write_text("resources:\n- pods.yaml\n", encoding="utf-8")
    assert kustomize.build(folder) == sorted(pods, key=key)


@pytest.mark.parametrize("text", NOT_CARRIED, ids=ascii)
def test_what_is_kept_from_it_it_cannot_carry(text: str, tmp_path: Path, kustomize: Kustomize) -> None:
    body = pod(0, "")
    body["metadata"]["annotations"]["note"] = text
    (tmp_path / "pods.yaml").write_text(stream([document(body)]), encoding="utf-8")
    (tmp_path / "kustomization.yaml").write_text("resources:\n- pods.yaml\n", encoding="utf-8")
    done = run(*kustomize.command, str(tmp_path))
    assert done.returncode or objects(done.stdout) != [body]
    what = "strings that labspec keeps from it: not carried"
    record(tool=kustomize.name, version=kustomize.version, what=what)


def test_any_string_comes_back_equal(tmp_path: Path, kustomize: Kustomize) -> None:
    _strings_come_back(tmp_path, kustomize)
    what = "lists of 40 to 80 strings that are hard to write down: each comes back equal"
    record(tool=kustomize.name, version=kustomize.version, what=what, count=EXAMPLES)
