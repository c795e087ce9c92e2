"""Programs with a kustomize in them, and what they make of a folder."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml


class Reader(yaml.SafeLoader):
    """Kustomize writes the strings = and << plain where they are values; PyYAML alone gives them a meaning there."""


for tag in ("value", "merge"):
    Reader.add_constructor(f"tag:yaml.org,2002:{tag}", lambda _, node: str(node.value))


class Kustomize(NamedTuple):
    """A program with a kustomize in it."""

    name: str
    version: str
    command: list[str]

    def build(self, folder: Path) -> list[dict[str, Any]]:
        """The objects that it makes of a folder, without a word on stderr."""
        done = run(*self.command, str(folder))
        assert (done.returncode, done.stderr) == (0, "")
        return objects(done.stdout)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def objects(text: str) -> list[dict[str, Any]]:
    """What a stream holds, in an order that does not depend on the writer."""
    return sorted(yaml.load_all(text, Loader=Reader), key=key)  # a safe one


def key(body: dict[str, Any]) -> tuple[str, str, str]:
    return body["kind"], body["metadata"].get("namespace", ""), body["metadata"]["name"]


@pytest.fixture(scope="session", params=["kustomize", "kustomize-5.5", "kubectl"])
def kustomize(request: pytest.FixtureRequest, tool: Callable[..., str]) -> Kustomize:
    program = tool(request.param)
    if request.param == "kubectl":
        said = json.loads(run(program, "version", "--client", "-o", "json").stdout)
        version = f"{said['clientVersion']['gitVersion']} with {said['kustomizeVersion']}"
        return Kustomize("kubectl", version, [program, "kustomize"])
    return Kustomize("kustomize", run(program, "version").stdout.strip(), [program, "build"])
