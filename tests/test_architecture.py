"""The order of the stages: a module imports only from lower levels, and a kind is named by its own file alone."""

import ast
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "labspec"

# Text -> Document -> Lab -> Plan -> Bundle -> files; a folder stands for its modules.
LEVELS = (
    ("__init__", "errors"),
    ("finding", "kinds", "bundle", "shell", "splitmix", "symbols", "quantity", "yamltext", "envoy", "people"),
    ("yamlnodes", "yamlvalues", "resource", "report", "_schema_layers"),
    ("source",),
    ("model", "propagation"),
    ("sampling", "images"),
    ("services", "collectors", "accesslog"),
    ("logreading",),
    ("lab", "overlay"),
    ("layers", "shorthands"),
    ("complaints",),
    ("load", "mesh"),
    ("calls",),
    ("predict",),
    ("plan", "rules"),
    ("wording", "sources"),
    ("meaning",),
    ("observe",),
    ("show",),
    ("present",),
    ("requests", "judge", "guide"),
    ("artifacts", "explain", "schema"),
    ("compile",),
    ("starting", "treestate", "terminal_io"),
    ("tree",),
    ("building", "rehearse"),
    ("diffing", "predicting", "rehearsing"),
    ("cli",),
    ("__main__",),
)
LEVEL = {name: level for level, names in enumerate(LEVELS) for name in names}
FOLDERS_OF_KINDS = ("artifacts", "collectors", "propagation", "rules", "services")
MODULES = sorted(PACKAGE.rglob("*.py"))


def part(path: Path) -> str:
    """The name under which LEVELS lists a module."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """The labspec modules that a file imports anywhere in it, dotted."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= (
                {f"{node.module}.{alias.name}" for alias in node.names} if node.module == "labspec" else {node.module}
            )
    return {name for name in names if name == "labspec" or name.startswith("labspec.")}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_only_from_lower_levels(path: Path) -> None:
    own = part(path)
    assert own in LEVEL, f"{own} has no level: put it into LEVELS"
    for name in imported(path):
        other = name.split(".")[1] if "." in name else "__init__"
        other = other if (PACKAGE / other).exists() or (PACKAGE / f"{other}.py").exists() else "__init__"
        assert LEVEL[other] < LEVEL[own] or other == own, f"{own} imports {other}"


def test_levels_name_what_there_is() -> None:
    there = {part(path) for path in MODULES}
    assert set(LEVEL) == there


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_else_names_a_kind(path: Path) -> None:
    for name in imported(path):
        steps = name.split(".")
        if len(steps) > 2 and steps[1] in FOLDERS_OF_KINDS:
            assert steps[2].startswith("_"), f"{path.name} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_size(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, node.name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_stages_between_source_and_tree_do_no_input_or_output(path: Path) -> None:
    if part(path) in {
        "source",
        "tree",
        "treestate",
        "building",
        "diffing",
        "rehearse",
        "rehearsing",
        "terminal_io",
        "cli",
        "people",
        "__main__",
    }:
        return
    if path == PACKAGE / "services" / "_relay.py":
        return  # a program that the ConfigMap carries and a pod runs, no stage
    tree = ast.parse(path.read_text(encoding="utf-8"))
    roots = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    if path == PACKAGE / "present" / "terminal.py":
        roots.discard("io")  # a text in memory
    assert roots.isdisjoint({"os", "sys", "pathlib", "subprocess", "shutil", "socket", "tempfile", "io"})
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in {"open", "print"}]
