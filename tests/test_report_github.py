"""Findings as annotations: the commands that the runner of GitHub Actions reads."""

import re
from pathlib import Path
from typing import Any

import pytest

from labspec.finding import ERROR, WARNING, Finding, Position
from labspec.report import as_github
from tests.calling import call as run
from tests.conftest import ROOT

BAD = "tests/invalid/ten-mistakes.yaml"
WARNS = "tests/invalid/nobody-calls.yaml"
SPEC = "specs/istio-jaeger.yaml"

_COMMAND = re.compile(r"::(error|warning) ([^:]*)::(.*)")


def read(line: str) -> tuple[str, dict[str, str], str]:
    """A command as the runner reads it: its name, its properties, its message."""
    match = _COMMAND.fullmatch(line)
    assert match, line
    pairs = (pair.split("=", 1) for pair in match[2].split(","))
    properties = {name: _unescaped(value, {"3A": ":", "2C": ","}) for name, value in pairs}
    return match[1], properties, _unescaped(match[3], {})


def _unescaped(text: str, more: dict[str, str]) -> str:
    known = {"25": "%", "0D": "\r", "0A": "\n", **more}
    assert not re.search(f"%(?!{'|'.join(known)})", text)
    return re.sub("%(..)", lambda found: known[found[1]], text)


def finding(**parts: Any) -> Finding:
    usual = Finding(Position("lab.yaml", 3, 5, 4), ERROR, "wrong-type", ("name",), "a text belongs here", "quote it")
    return usual._replace(**parts)


def test_an_error_and_a_warning() -> None:
    text = as_github([finding(), finding(severity=WARNING, help="", path=(), position=Position("lab.yaml", 1, 1))])
    assert text == (
        "::error file=lab.yaml,line=3,col=5,endColumn=8,title=labspec[wrong-type]::name: a text belongs here%0Ahelp: quote it\n"
        "::warning file=lab.yaml,line=1,col=1,endColumn=1,title=labspec[wrong-type]::a text belongs here\n"
    )
    assert as_github([]) == ""


def test_what_is_escaped_in_a_property() -> None:
    (line,) = as_github([finding(position=Position("a,b:c%2C=100%\r\n.yaml", 1, 1))]).splitlines()
    assert "file=a%2Cb%3Ac%252C=100%25%0D%0A.yaml,line=1," in line
    assert read(line)[1]["file"] == "a,b:c%2C=100%\r\n.yaml"


def test_what_is_escaped_in_the_message() -> None:
    (line,) = as_github([finding(message="100%0A, a:b::c", help="%25")]).splitlines()
    assert line.endswith("::name: 100%250A, a:b::c%0Ahelp: %2525")
    assert read(line)[2] == "name: 100%0A, a:b::c\nhelp: %25"


def test_no_text_of_a_spec_becomes_a_command() -> None:
    text = as_github([finding(message="x\n::error::y\r::stop-commands::z", path=("a\n::debug::",), help="\n::b::")])
    assert text.count("\n") == 1
    assert "\r" not in text
    assert text.startswith("::error file=")


def test_variants_are_named() -> None:
    (line,) = as_github([finding(variants=("w3c", "json-logs"))]).splitlines()
    assert read(line)[2].startswith("name (variants w3c, json-logs): a text")


def test_the_command() -> None:
    done = run("check", BAD, WARNS, SPEC, "--format", "github")
    assert (done.returncode, done.stderr) == (1, "3 specs: 10 errors, 1 warning\n")
    found = [read(line) for line in done.stdout.splitlines()]
    assert [kind for kind, _, _ in found] == ["error"] * 10 + ["warning"]
    assert {properties["file"] for _, properties, _ in found} == {BAD, WARNS}
    kind, properties, message = found[4]
    assert (kind, properties) == (
        "error",
        {"file": BAD, "line": "11", "col": "13", "endColumn": "18", "title": "labspec[unknown-callee]"},
    )
    assert message == (
        'services.frontend.calls[0]: no service "bakend"; did you mean "backend"?\nhelp: the services are backend and frontend'
    )
    line = (ROOT / BAD).read_text().splitlines()[10]
    assert line[13 - 1 : 18] == "bakend"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([SPEC], 0, "1 spec: no findings\n"),
        ([WARNS], 0, "1 spec: 1 warning\n"),
        ([WARNS, "--strict"], 1, "1 spec: 1 warning\n"),
        ([WARNS, "--quiet"], 0, ""),
        ([BAD], 1, "1 spec: 10 errors\n"),
        (["nothing.yaml"], 2, "error: nothing.yaml: no such file\n"),
    ],
)
def test_the_exit_status_is_that_of_the_text(arguments: list[str], status: int, said: str) -> None:
    done = run("check", *arguments, "--format", "github")
    assert (done.returncode, done.stderr) == (status, said)
    assert done.returncode == run("check", *arguments).returncode


def test_an_absolute_path_stays_one(tmp_path: Path) -> None:
    spec = tmp_path / "a,b.yaml"
    spec.write_bytes((ROOT / WARNS).read_bytes())
    (line,) = run("check", spec, "--format", "github").stdout.splitlines()
    assert read(line)[1]["file"] == str(spec)
