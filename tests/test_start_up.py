"""Start-up is a feature: what `build`, `check` and `schema` import."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

SPEC = str(ROOT / "specs" / "istio-jaeger.yaml")
HEAVY = {
    "kubernetes",
    "rich",
    "jsonpatch",
    "jsonpointer",
    "asyncio",
    "http.client",
    "aiohttp",
    "envoy",
    "pygments",
    "markdown_it",
    "requests",
}
# jsonpatch proves the patches of overlays: only a lab with variants needs it.
ONE_FORM = (ROOT / "specs" / "istio-jaeger.yaml").read_text(encoding="utf-8").partition("\nvariants:")[0] + "\n"


def imported(*arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "labspec", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}


@pytest.mark.parametrize("command", ["build", "check", "predict", "schema"])
def test_nothing_heavy(command: str, tmp_path: Path) -> None:
    spec = tmp_path / "lab.yaml"
    spec.write_text(ONE_FORM, encoding="utf-8")
    arguments = {
        "build": ["build", str(spec), "-o", str(tmp_path / "out")],
        "check": ["check", SPEC],
        "predict": ["predict", SPEC],
        "schema": ["schema"],
    }[command]
    names = imported(*arguments)
    assert "labspec.cli" in names
    assert {name for name in names if name in HEAVY or name.split(".")[0] in HEAVY} == set()


def test_help_and_version_need_no_model() -> None:
    for argument in ("--help", "--version"):
        assert "pydantic.main" not in imported(argument) - {"typer"}
