"""What the README shows was seen: its captures are what labspec prints, its commands are there, its links lead somewhere."""

import re
from pathlib import Path

import pytest

from labspec import tree
from labspec.building import check, to_folder
from labspec.people import People
from labspec.show.text import as_text
from tests.conftest import ROOT, plan_of

README = (ROOT / "README.md").read_text(encoding="utf-8")
SPEC = (ROOT / "specs" / "istio-jaeger.yaml").read_text(encoding="utf-8")

# The origin lab with three mistakes.
MINE = (
    re.sub(r"^#.*", "# my own lab", SPEC, count=1)
    .replace('version: "1.30"', "version: 1.30")
    .replace("calls: [backend]", "calls: [bakend]")
)
MINE = re.sub(r"^  format: .*", "  format: '%RESPONSE_CODE% traceID=%REQ(TRACEPARENT)%'", MINE, flags=re.MULTILINE)


def capture(command: str) -> list[str]:
    """The lines that the README shows below a command."""
    block = README.partition(f"$ {command}\n")[2]
    return re.split(r"\n\n\$ |\n```", block)[0].splitlines()


def test_the_findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(MINE, encoding="utf-8")
    said: list[str] = []
    assert check(["mine.yaml"], People(said.append), as_json=False, strict=False) == 1
    assert "\n".join(said).splitlines() == capture("labspec check mine.yaml")


def test_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("specs").mkdir()
    Path("specs/istio-jaeger.yaml").write_text(SPEC, encoding="utf-8")
    said: list[str] = []
    to_folder("specs/istio-jaeger.yaml", Path("out"), People(said.append), force=False)
    shown = capture("labspec build specs/istio-jaeger.yaml")
    cut = shown.index("    ...")
    lines = "\n".join(said).splitlines()
    assert lines[:cut] == shown[:cut]
    assert lines[-len(shown[cut + 1 :]) :] == shown[cut + 1 :]
    assert (Path("out") / tree.RECORD).is_file()


def test_the_prediction() -> None:
    shown = as_text(plan_of(ROOT / "specs" / "b3-app.yaml"))
    assert shown.rstrip("\n").splitlines() == capture("labspec predict specs/b3-app.yaml")


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(document: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / document).read_text(encoding="utf-8")):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_two_commands_set_it_up() -> None:
    commands = [line for line in README.splitlines() if line.startswith("python3 -m venv ")]
    assert len(commands) == 2
    assert commands[0].endswith(
        ".venv/bin/labspec build specs/istio-jaeger.yaml && .venv/bin/labspec rehearse specs/istio-jaeger.yaml"
    )
    assert ".venv/bin/python -m pytest" in commands[1]
