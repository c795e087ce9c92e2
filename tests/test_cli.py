"""The commands as a person calls them: what they print, where, and their exit status."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

from labspec import __version__
from tests.calling import call as run
from tests.conftest import ROOT

SPEC = ROOT / "specs" / "istio-jaeger.yaml"
BAD = ROOT / "tests" / "invalid" / "ten-mistakes.yaml"
WARNS = ROOT / "tests" / "invalid" / "nobody-calls.yaml"


def process(*arguments: str | Path, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in os.environ}
    command = [sys.executable, "-m", "labspec", *map(str, arguments)]
    # A fresh checkout has no bytecode: it is compiled once, beside the tests, and not at each run.
    path = {"PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir(), "labspec-bytecode"))}
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env={**kept, **path, **environment}, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["check", SPEC], 0), (["check", WARNS], 0), (["check", BAD], 1), (["predict", "nowhere.yaml"], 2), (["bild"], 2)],
)
def test_a_process_says_the_same(arguments: list[str | Path], status: int) -> None:
    real, called = process(*arguments), run(*arguments)
    assert (real.returncode, real.stdout, real.stderr) == (called.returncode, called.stdout, called.stderr)
    assert real.returncode == status


def test_build_says_what_was_written_and_what_comes_next(tmp_path: Path) -> None:
    done = run("build", SPEC, "-o", "lab", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "  + lab/base/frontend.yaml" in done.stderr
    assert "its containers request 50m CPU and 240Mi memory (3 pods, 2 of them with a sidecar)" in done.stderr
    commands = [line.split("#")[0].strip() for line in done.stderr.split("next:\n")[1].splitlines()]
    assert commands == [
        "lab/scripts/preflight.sh",
        "lab/scripts/lab.sh",
        "less lab/README.md",
        "lab/scripts/deploy.sh telemetry",
    ]
    assert "switch to the variant telemetry, then w3c, one-percent and json-logs; base is the lab itself" in done.stderr
    assert all((tmp_path / command.removeprefix("less ").split()[0]).is_file() for command in commands)


def test_the_default_folder_is_out(tmp_path: Path) -> None:
    assert run("build", SPEC, cwd=tmp_path).returncode == 0
    assert (tmp_path / "out" / "kustomization.yaml").is_file()


def test_two_builds_give_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    run("build", SPEC, "-o", tmp_path / "a", PYTHONHASHSEED="1")
    run(
        "build",
        os.path.relpath(SPEC, tmp_path / "elsewhere"),
        "-o",
        "../b",
        cwd=tmp_path / "elsewhere",
        PYTHONHASHSEED="2",
        LC_ALL="C",
    )
    first, second = (
        {
            path.relative_to(folder): (path.read_bytes(), path.stat().st_mode)
            for path in folder.rglob("*")
            if path.is_file()
        }
        for folder in (tmp_path / "a", tmp_path / "b")
    )
    assert first == second
    assert len(first) > 15


def test_check_of_a_tree(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("build", SPEC, "-o", out)
    assert run("build", SPEC, "-o", out, "--check").returncode == 0
    backend = out / "base" / "backend.yaml"
    backend.write_text(backend.read_text().replace("5678", "5679", 1))
    done = run("build", SPEC, "-o", out, "--check")
    assert done.returncode == 1
    assert f"changed {backend}" in done.stderr
    assert "\n-" in done.stderr
    assert "5678" in done.stderr
    assert f"run: labspec build {SPEC} -o {out}" in done.stderr


def test_a_changed_a_foreign_and_a_stale_file(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("build", ROOT / "tests" / "labs" / "own-namespace.yaml", "-o", out)
    changed, foreign, stale = out / "kustomization.yaml", out / "base" / "mine.yaml", out / "base" / "stock.yaml"
    changed.write_text("# mine\n")
    foreign.write_text("# mine too\n")
    assert stale.is_file()
    done = run("build", SPEC, "-o", out)
    assert done.returncode == 1
    assert changed.read_text() == "# mine\n"
    assert foreign.read_text() == "# mine too\n"
    assert not stale.exists()
    assert f"! {changed} was changed since labspec wrote it: kept" in done.stderr
    assert f"? {foreign} is not labspec's: left alone" in done.stderr
    assert f"- {stale}" in done.stderr
    assert "--force" in done.stderr
    done = run("build", SPEC, "-o", out, "--force")
    assert done.returncode == 0
    assert "resources" in changed.read_text()
    assert foreign.read_text() == "# mine too\n"


def test_stdout_is_the_base_as_one_stream(tmp_path: Path) -> None:
    done = run("build", SPEC, "--stdout", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert [body["kind"] for body in yaml.safe_load_all(done.stdout)].count("Deployment") == 3
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("variant", "kinds"), [("base", 0), ("json-logs", 0), ("telemetry", 1)])
def test_stdout_of_a_variant(variant: str, kinds: int, tmp_path: Path) -> None:
    done = run("build", SPEC, "--stdout", "--variant", variant, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    bodies = list(yaml.safe_load_all(done.stdout))
    assert [body["kind"] for body in bodies].count("Telemetry") == kinds
    deployments = [body for body in bodies if body["kind"] == "Deployment"]
    assert {body["metadata"]["annotations"]["labspec/variant"] for body in deployments} == {variant}
    assert list(tmp_path.iterdir()) == []


def test_a_variant_that_the_lab_does_not_have() -> None:
    done = run("build", SPEC, "--stdout", "--variant", "one-precent")
    assert (done.returncode, done.stdout) == (2, "")
    assert 'istio-jaeger.yaml has no variant "one-precent"; did you mean "one-percent"?' in done.stderr


def test_a_variant_goes_with_stdout() -> None:
    done = run("build", SPEC, "--variant", "w3c")
    assert done.returncode == 2
    assert "--variant goes with --stdout" in done.stderr


def test_standard_input(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "labspec", "build", "-", "-o", str(tmp_path / "out")]
    done = subprocess.run(command, input=SPEC.read_text(), capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert "from standard input" in (tmp_path / "out" / "kustomization.yaml").read_text()


def test_a_bad_spec_writes_nothing(tmp_path: Path) -> None:
    done = run("build", BAD, "-o", tmp_path / "out")
    assert (done.returncode, done.stdout) == (1, "")
    assert "10 errors" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([SPEC], 0, "1 spec: no findings"),
        ([SPEC, BAD], 1, "2 specs: 10 errors"),
        ([WARNS], 0, "1 spec: 1 warning"),
        ([WARNS, "--strict"], 1, "1 spec: 1 warning"),
        (["nothing.yaml"], 2, "error: nothing.yaml: no such file"),
        (["specs"], 2, "error: specs: is a directory"),
        ([], 2, "Missing argument"),
        ([SPEC, "--format", "xml"], 2, "xml"),
    ],
)
def test_check(arguments: list[str | Path], status: int, said: str) -> None:
    done = run("check", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_check_as_json() -> None:
    done = run("check", BAD, SPEC, "--format", "json")
    assert (done.returncode, done.stderr) == (1, "")
    value = json.loads(done.stdout)
    assert (value["errors"], value["warnings"], len(value["findings"])) == (10, 0, 10)
    assert value["findings"][4] == {
        "file": str(BAD), "line": 11, "column": 13, "severity": "error", "rule": "unknown-callee", "path": "services.frontend.calls[0]",
        "variants": [],
        "message": 'no service "bakend"; did you mean "backend"?', "help": "the services are backend and frontend",
    }  # fmt: skip


def test_quiet_shows_findings_only() -> None:
    assert run("check", SPEC, "--quiet").stderr == ""
    assert "nobody-calls" in run("check", WARNS, "--quiet").stderr


def test_explain() -> None:
    done = run("explain", "sampling-zero")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("error[sampling-zero]")
    assert "Source: " in done.stdout
    assert "unknown-key" in run("explain", "all").stdout
    done = run("explain", "samplin-zero")
    assert (done.returncode, done.stdout) == (2, "")
    assert 'did you mean "sampling-zero"?' in done.stderr


def test_schema(tmp_path: Path) -> None:
    text = run("schema").stdout
    (tmp_path / "schema.json").write_text(text)
    assert run("schema", "--check", cwd=tmp_path).returncode == 0
    (tmp_path / "schema.json").write_text(text.replace("labspec", "labspek", 1))
    done = run("schema", "--check", cwd=tmp_path)
    assert done.returncode == 1
    assert "labspek" in done.stderr
    assert "run: labspec schema > schema.json" in done.stderr
    assert run("schema", "--check", "nothing.json", cwd=tmp_path).returncode == 2


def test_version_help_and_completion() -> None:
    assert run("--version").stdout == f"labspec {__version__}\n"
    assert "build" in run("--help").stdout
    assert run().returncode == 2
    assert "complete" in run(_LABSPEC_COMPLETE="source_bash").stdout


def test_an_output_without_a_name(tmp_path: Path) -> None:
    done = run("build", SPEC, "-o", "", cwd=tmp_path)
    assert done.returncode == 2
    assert "-o needs the name of a folder" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_many_foreign_files_are_counted(tmp_path: Path) -> None:
    for number in range(15):
        (tmp_path / f"mine-{number}").write_text("x")
    done = run("build", SPEC, "-o", ".", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr.count("is not labspec's: left alone") == 10
    assert "? and 5 more" in done.stderr


def test_options_that_do_not_go_together() -> None:
    done = run("build", SPEC, "--check", "--force")
    assert done.returncode == 2
    assert "--check only compares" in done.stderr


def test_an_output_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    done = run("build", SPEC, "-o", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") or "\nerror: " in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "out").read_text() == "mine"
