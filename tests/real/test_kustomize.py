"""Kustomize reads what labspec wrote: every tree, and every string in an object as it went in."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from labspec import tree
from labspec.compile import bundle
from labspec.yamltext import document, stream
from tests.conftest import SPECS, plan_of
from tests.test_yamltext import TEXT

# What labspec refuses in a spec, because kustomize itself cannot carry it.
CARRIED = TEXT.map(lambda text: re.sub("[\x00\x7f-\x9f\ud800-\udfff\ufffe\uffff]", "", text))

pytestmark = pytest.mark.real


class Reader(yaml.SafeLoader):
    """Kustomize writes the strings = and << plain where they are values; PyYAML alone gives them a meaning there."""


for tag in ("value", "merge"):
    Reader.add_constructor(f"tag:yaml.org,2002:{tag}", lambda _, node: str(node.value))


@pytest.fixture(scope="session")
def kustomize(tool: Callable[..., str]) -> Callable[[Path], list[dict[str, Any]]]:
    program = tool("kubectl", "kustomize")

    def build(folder: Path) -> list[dict[str, Any]]:
        verb = "kustomize" if Path(program).name == "kubectl" else "build"
        done = subprocess.run([program, verb, str(folder)], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return list(yaml.load_all(done.stdout, Loader=Reader))  # a safe one

    return build


def key(body: dict[str, Any]) -> tuple[str, str, str]:
    return body["kind"], body["metadata"].get("namespace", ""), body["metadata"]["name"]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_every_tree_is_its_stream(
    spec: Path, tmp_path: Path, kustomize: Callable[[Path], list[dict[str, Any]]]
) -> None:
    files = bundle(plan_of(spec))
    tree.write(files, tmp_path)
    written = [
        body
        for file in files
        if file.path.startswith("base/")
        for body in yaml.safe_load_all(file.text)
        if body["kind"] != "Kustomization"
    ]
    assert sorted(kustomize(tmp_path), key=key) == sorted(written, key=key)


@settings(
    max_examples=10,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(st.lists(CARRIED, min_size=40, max_size=80))
def test_any_string_comes_back_equal(
    tmp_path: Path, kustomize: Callable[[Path], list[dict[str, Any]]], texts: list[str]
) -> None:
    def pod(number: int, text: str) -> dict[str, Any]:
        container = {"name": "app", "args": [text], "env": [{"name": "TEXT", "value": text}]}
        # Kustomize 5.5.0 writes an annotation of several lines that begins with a tab in a way that it cannot read back.
        note = text.lstrip("\t") if "\n" in text else text
        metadata = {"name": f"pod-{number}", "labels": {"label": text}, "annotations": {"note": note}}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}

    pods = [pod(number, text) for number, text in enumerate(texts)]
    (tmp_path / "pods.yaml").write_text(stream(document(body) for body in pods), encoding="utf-8")
    (tmp_path / "kustomization.yaml").write_text("resources:\n- pods.yaml\n", encoding="utf-8")
    assert sorted(kustomize(tmp_path), key=key) == sorted(pods, key=key)
