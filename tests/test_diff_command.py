"""`labspec diff`: between the forms of a lab, and against a folder."""

import json
from pathlib import Path

import pytest

from tests.calling import call as run
from tests.test_cli import BAD, SPEC
from tests.test_predict_command import on_terminal

LAB = """\
apiVersion: labspec/v1
name: lab
istio: {version: "1.30"}
services:
  web: {kind: curl, calls: [shop]}
  shop: {kind: http-echo, text: hello}
variants:
  rare: {sampling: {percent: 1}}
  bye: {services: {shop: {text: bye}}}
"""


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A spec, and the folder out/ beside it that holds its build."""
    spec = tmp_path / "lab.yaml"
    spec.write_text(LAB)
    assert run("build", spec, "-o", tmp_path / "out").returncode == 0
    return spec


def test_one_variant_is_compared_with_the_lab_itself() -> None:
    done = run("diff", SPEC, "--variant", "json-logs")
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert lines[:5] == [
        "the access log is JSON instead of text",
        "1 file",
        "",
        "--- base/istio/operator.yaml",
        "+++ json-logs/istio/operator.yaml",
    ]
    assert "-    accessLogEncoding: TEXT" in lines
    assert "+    accessLogEncoding: JSON" in lines


def test_two_variants_are_compared_with_each_other(lab: Path) -> None:
    done = run("diff", lab, "--variant", "rare", "--variant", "bye")
    assert done.returncode == 1
    assert done.stdout.split("\n\n")[0].splitlines() == [
        "sampling 1 -> 100",
        "shop: arguments -listen=:5678 -text=hello -> -listen=:5678 -text=bye",
        "a request of web: in 100 % of the requests instead of 1 %",
        "2 files",
    ]
    assert [line for line in done.stdout.splitlines() if line.startswith(("---", "+++"))] == [
        "--- rare/base/shop.yaml", "+++ bye/base/shop.yaml", "--- rare/base/telemetry.yaml", "+++ bye/base/telemetry.yaml",
    ]  # fmt: skip


def test_a_file_that_one_form_alone_has() -> None:
    to, back = (
        run("diff", SPEC, "--variant", one, "--variant", other).stdout.splitlines()
        for one, other in (("base", "telemetry"), ("telemetry", "base"))
    )
    assert to[to.index("+++ telemetry/base/telemetry.yaml") - 1] == "--- /dev/null"
    assert back[back.index("--- telemetry/base/telemetry.yaml") + 1] == "+++ /dev/null"


@pytest.mark.parametrize("names", [["w3c", "w3c"], ["base"], ["base", "base"]])
def test_equal_forms(names: list[str]) -> None:
    done = run("diff", SPEC, *(part for name in names for part in ("--variant", name)))
    assert (done.returncode, done.stdout) == (0, "")
    assert "no difference between" in done.stderr


def test_a_folder_that_is_what_the_spec_gives(lab: Path) -> None:
    done = run("diff", lab, cwd=lab.parent)
    assert (done.returncode, done.stdout) == (0, "")
    assert "no difference between out and" in done.stderr
    assert json.loads(run("diff", lab, "--format", "json", cwd=lab.parent).stdout)["files"] == []


def test_a_changed_spec(lab: Path) -> None:
    lab.write_text(LAB.replace("variants:", "sampling: {percent: 5}\nvariants:").replace("text: bye", "replicas: 2"))
    done = run("diff", lab, "-o", "out", cwd=lab.parent)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[:2] == ["sampling 100 -> 5", "a request of web: in 5 % of the requests instead of 100 %"]
    assert "variant bye: shop: replicas 1 -> 2" in lines
    assert not [line for line in lines if line.startswith("variant rare")]
    assert "--- a/base/telemetry.yaml" in lines
    assert "+    randomSamplingPercentage: 5" in lines
    assert ".labspec.json" not in done.stdout
    assert (lab.parent / "out" / "base" / "telemetry.yaml").read_text().count("Percentage: 100") == 1


def test_variants_that_come_and_go(lab: Path) -> None:
    lab.write_text(LAB.replace("  rare:", "  seldom:"))
    lines = run("diff", lab, cwd=lab.parent).stdout.splitlines()
    assert lines[:2] == ["variant rare removed", "variant seldom added"]
    assert "+++ /dev/null" in lines


def test_a_file_that_somebody_changed(lab: Path) -> None:
    mine = lab.parent / "out" / "base" / "shop.yaml"
    mine.write_text(mine.read_text().replace("hello", "\x1b[31mmine"))
    done = run("diff", lab, cwd=lab.parent)
    assert done.stdout.splitlines()[:2] == ["the same settings", "1 file"]
    assert "--- a/base/shop.yaml" in done.stdout


def test_an_executable_bit_is_a_difference(lab: Path) -> None:
    (lab.parent / "out" / "scripts" / "lab.sh").chmod(0o644)
    done = run("diff", lab, cwd=lab.parent)
    assert (done.returncode, done.stdout) == (
        1,
        "the same settings\n1 file\n\nscripts/lab.sh: another executable bit\n",
    )


@pytest.mark.parametrize(
    "settings",
    [None, {}, [], "hello", {"base": []}, {"base": {"sampling": 1}}],
)
def test_a_record_without_settings(settings: object, lab: Path) -> None:
    path = lab.parent / "out" / ".labspec.json"
    record = json.loads(path.read_text())
    if settings is None:
        del record["settings"]
    else:
        record["settings"] = settings
    path.write_text(json.dumps(record))
    lab.write_text(LAB.replace("variants:", "sampling: {percent: 5}\nvariants:"))
    done = run("diff", lab, cwd=lab.parent)
    assert done.returncode == 1
    assert "only its files are compared" in done.stderr
    assert done.stdout.splitlines()[0].endswith(" files")
    assert "+    randomSamplingPercentage: 5" in done.stdout
    assert json.loads(run("diff", lab, "--format", "json", cwd=lab.parent).stdout)["changes"] is None


def test_a_foreign_folder(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    done = run("diff", SPEC, cwd=tmp_path)
    assert done.returncode == 1
    assert "does not say with which settings it was built" in done.stderr
    assert "--- /dev/null\n+++ b/README.md" in done.stdout


def test_settings_of_a_record_cannot_steer_a_terminal(lab: Path) -> None:
    path = lab.parent / "out" / ".labspec.json"
    path.write_text(path.read_text().replace('"sampling": "100 %"', '"sampling": "\\u001b[2J"', 1))
    done = run("diff", lab, cwd=lab.parent)
    assert r"sampling \u001b[2J -> 100" in done.stdout
    assert "\x1b" not in done.stdout.split("\n\n")[0]


def test_json_of_variants(lab: Path) -> None:
    done = run("diff", lab, "--variant", "rare", "--format", "json")
    assert done.returncode == 1
    value = json.loads(done.stdout)
    assert {key: value[key] for key in ("old", "new", "changes", "variants")} == {
        "old": "base",
        "new": "rare",
        "changes": ["sampling 100 -> 1", "a request of web: in 1 % of the requests instead of 100 %"],
        "variants": {},
    }
    assert [(file["path"], file["kind"]) for file in value["files"]] == [("base/telemetry.yaml", "changed")]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([SPEC, "--variant", "wc3"], 2, 'has no variant "wc3"; did you mean "w3c"?'),
        ([SPEC, "--variant", "w3c", "--variant", "bse"], 2, 'did you mean "base"?'),
        ([SPEC, "--variant", "w3c", "-o", "out"], 2, "it does not go with -o"),
        ([SPEC, *["--variant", "w3c"] * 3], 2, "at most twice"),
        ([SPEC, "-o", "nowhere"], 2, "nowhere: no such folder to compare with"),
        ([SPEC, "-o", ""], 2, "-o needs the name of a folder"),
        ([BAD], 1, "cannot be built: "),
        (["nothing.yaml"], 2, "no such file"),
    ],
)
def test_what_cannot_be_compared(arguments: list[str | Path], status: int, said: str) -> None:
    done = run("diff", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_colours_are_for_terminals_that_want_them() -> None:
    arguments = ("diff", SPEC, "--variant", "one-percent")
    coloured, plain = on_terminal(*arguments), on_terminal(*arguments, NO_COLOR="1")
    assert "\x1b[31m-            trace_id=" in coloured
    assert "\x1b[1m--- base/base/frontend.yaml\x1b[0m" in coloured
    assert plain == run(*arguments).stdout
    assert "\x1b" not in plain
