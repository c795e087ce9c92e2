"""`labspec init`: what it writes is a spec without findings, and so is each of the choices that it comments out."""

import errno
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from labspec.compile import compiled
from labspec.finding import ERROR, Finding
from labspec.predict.walk import MOST_HOPS
from labspec.splitmix import SplitMix
from labspec.starting import graph_text, lab_text
from tests.calling import call as run
from tests.conftest import plan_of

GRAPHS = ("chain", "star", "tree", "mesh")

# Choices that show what goes wrong in a mesh.
WARNED = {
    "forwards: none": "trace-breaks",
    "mesh: false": "outside-mesh",
    "collector: {kind: none}": "log-id-without-tracer",
}

_SERVICE = re.compile(r"  s(\d+): \{kind: (?:http-echo|relay, calls: \[(.*)\])\}")

MESH = """\
# yaml-language-server: $schema=schema.json
# Made by: labspec init shop --graph mesh --services 9 --seed 7
# For editors: labspec schema > schema.json, beside this file.
apiVersion: labspec/v1
name: shop
description: A mesh of 9 services.
services:
  client: {kind: curl, calls: [s1]}
  s1: {kind: relay, calls: [s2, s3]}
  s2: {kind: relay, calls: [s3, s7]}
  s3: {kind: relay, calls: [s4, s5, s6]}
  s4: {kind: http-echo}
  s5: {kind: relay, calls: [s8, s9]}
  s6: {kind: http-echo}
  s7: {kind: http-echo}
  s8: {kind: http-echo}
  s9: {kind: http-echo}
"""


def findings(text: str) -> list[Finding]:
    return compiled("lab.yaml", text.encode()).findings


def edges(text: str) -> dict[int, list[int]]:
    """The calls of each service of a graph, by number; 0 is the client."""
    found = {0: _numbers(re.search(r"^  client: \{kind: curl, calls: (.*)\}$", text, re.MULTILINE))}
    for line in text.partition("\n  client: ")[2].splitlines()[1:]:
        match = _SERVICE.fullmatch(line)
        assert match, line
        found[int(match[1])] = [int(number) for number in re.findall(r"s(\d+)", match[2] or "")]
    return found


def _numbers(match: re.Match[str] | None) -> list[int]:
    assert match
    return [int(number) for number in re.findall(r"s(\d+)", match[1])]


def hops(calls: dict[int, list[int]]) -> list[int]:
    """How many calls each request of the client makes, itself included."""
    cost: dict[int, int] = {}
    for number in sorted(calls, reverse=True):
        assert all(callee > number for callee in calls[number])
        cost[number] = 1 + sum(cost[callee] for callee in calls[number])
    return [cost[entry] for entry in calls[0]]


def choices(text: str) -> Iterator[tuple[str, str]]:
    """Each choice that is commented out, and the text in which it took the place of the line with its key."""
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    for number in range(first, len(lines)):
        match = re.fullmatch(r"( *)# (\S.*)", lines[number])
        if match is None:
            continue
        indent, said = match.groups()
        end = number + 1
        while end < len(lines) and lines[end].startswith(f"{indent}#  "):
            end += 1
        own = [indent + line[len(indent) + 2 :] for line in lines[number:end]]
        key = f"{indent}{said.split(':')[0]}:"
        block = lines[:number]
        at = next(
            (index for index in reversed(range(first, number)) if len(block[index]) - len(block[index].lstrip()) < len(indent)),
            first,
        )  # fmt: skip
        kept = block[:at] + [line for line in block[at:] if not line.startswith(key)]
        yield said.split("   #")[0].rstrip(), "\n".join([*kept, *own, *lines[end:]]) + "\n"


@pytest.mark.parametrize("name", ["lab", "a", "0", "123", "null", "true", "0x1f", "1e3", "a-b", "x" * 63])
def test_the_small_lab(name: str) -> None:
    text = lab_text(name)
    assert yaml.safe_load(text)["name"] == name
    assert findings(text) == []
    assert plan_of(text).name == name


def test_the_small_lab_names_the_schema_first() -> None:
    lines = lab_text("lab").splitlines()
    assert lines[0] == "# yaml-language-server: $schema=schema.json"
    assert "labspec schema > schema.json" in "".join(lines[:6])


CHOICES = list(choices(lab_text("lab")))


def test_there_are_choices() -> None:
    assert len(CHOICES) >= 15
    keys = {said.partition(":")[0] for said, _ in CHOICES}
    assert {"variants", "sampling", "collector", "logs", "forwards", "tracer", "propagation"} <= keys


@pytest.mark.parametrize(("said", "text"), CHOICES, ids=[said for said, _ in CHOICES])
def test_a_choice_is_valid(said: str, text: str) -> None:
    assert [f"{finding.severity} {finding.rule}" for finding in findings(text)] == (
        [f"warning {WARNED[said]}"] if said in WARNED else []
    )
    assert plan_of(text) != plan_of(lab_text("lab"))


def test_all_choices_are_of_the_language() -> None:
    """A key that the language does not have would be an error; here is one."""
    assert any(finding.severity == ERROR for finding in findings(lab_text("lab").replace("    every:", "    evry:")))


@pytest.mark.parametrize("services", [2, 3, 6, 50])
@pytest.mark.parametrize("graph", GRAPHS)
def test_a_graph_has_no_findings_and_builds(graph: str, services: int, tmp_path: Path) -> None:
    spec = tmp_path / "lab.yaml"
    done = run("init", "shop", "--graph", graph, "--services", str(services), "-o", spec)
    assert (done.returncode, done.stdout) == (0, "")
    assert run("check", spec, "--strict").stderr == "1 spec: no findings\n"
    assert run("build", spec, "-o", tmp_path / "out").returncode == 0
    assert len(list((tmp_path / "out" / "base").glob("s[0-9]*.yaml"))) == services
    plan = plan_of(spec)
    assert plan.name == "shop"
    (request,) = plan.prediction.requests
    assert not request.cut
    assert {hop.callee for hop in request.hops} == {f"s{number}" for number in range(1, services + 1)}
    assert hops(edges(spec.read_text())) == [len(request.hops)]


@pytest.mark.parametrize("graph", GRAPHS)
def test_two_runs_give_the_same_bytes(graph: str) -> None:
    first, second = (run("init", "--graph", graph, "--services", "40").stdout for _ in range(2))
    assert first == second
    assert f"--graph {graph} --services 40" in first.splitlines()[1]


def test_the_shapes() -> None:
    assert edges(graph_text("lab", "chain", 4, 1)) == {0: [1], 1: [2], 2: [3], 3: [4], 4: []}
    assert edges(graph_text("lab", "star", 4, 1)) == {0: [1], 1: [2, 3, 4], 2: [], 3: [], 4: []}
    assert edges(graph_text("lab", "tree", 6, 1)) == {0: [1], 1: [2, 3], 2: [4, 5], 3: [6], 4: [], 5: [], 6: []}
    assert "calls: [[s2, s3, s4]]" in graph_text("lab", "star", 4, 1)
    assert "calls: [[s2, s3]]" in graph_text("lab", "tree", 6, 1)
    assert "calls: [s6]" in graph_text("lab", "tree", 6, 1)


def test_the_command_at_the_top_makes_it_again() -> None:
    text = run("init", "shop", "--graph", "mesh", "--services", "30", "--seed", "9").stdout
    command = text.splitlines()[1].removeprefix("# Made by: labspec ")
    assert run(*command.split()).stdout == text
    assert "--seed" not in graph_text("lab", "tree", 3, 9)


def test_a_mesh_is_the_same_everywhere() -> None:
    assert graph_text("shop", "mesh", 9, 7) == MESH


def test_seeds_differ() -> None:
    bodies = {graph_text("lab", "mesh", 20, seed).partition("services:\n")[2] for seed in range(50)}
    assert len(bodies) == 50
    default = run("init", "--graph", "mesh").stdout
    assert default == graph_text("lab", "mesh", 5, 1)
    assert run("init", "--graph", "mesh", "--seed", "0").stdout == graph_text("lab", "mesh", 5, 0)


def test_the_numbers_are_those_of_splitmix64() -> None:
    """The first numbers of the reference program, seed 1234567."""
    dice = SplitMix(1234567)
    assert [dice.below(2**64) for _ in range(3)] == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_mesh_does_not_explode(seed: int) -> None:
    for services in [*range(2, 51), 400, 1000, 1001, 3001, 10_000]:
        calls = edges(graph_text("lab", "mesh", services, seed))
        counts = hops(calls)
        assert max(counts) <= MOST_HOPS
        assert len(counts) == 1 or services > 1000
        assert services <= sum(counts) <= 2 * services
        assert sorted(calls) == list(range(services + 1))
        assert {callee for callees in calls.values() for callee in callees} == set(range(1, services + 1))
        assert all(
            len(callees) == len(set(callees)) <= 3 and callees == sorted(callees)
            for number, callees in calls.items() if number
        )  # fmt: skip


def test_a_mesh_is_no_tree() -> None:
    calls = edges(graph_text("lab", "mesh", 50, 1))
    assert sum(map(len, calls.values())) > 60


@pytest.mark.parametrize("graph", GRAPHS)
def test_10000_services(graph: str) -> None:
    start = time.process_time()
    text = graph_text("lab", graph, 10_000, 1)
    assert time.process_time() - start < 1
    assert len(text) < 1_000_000
    assert len(text.splitlines()) == 10_000 + 8
    assert set(edges(text)) == set(range(10_001))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("My-Lab", '"My-Lab" holds a capital letter\n  help: a name has at most 63 of a-z, 0-9 and -'),
        ("", "a name is not empty"),
        ("x" * 64, "longer than 63"),
        ("-x-", ""),
        ("a b", "the character U+0020"),
        ("a\nname: b", "the character U+000A"),
        ("a\x07", ""),
        ("ä", ""),
        ("\udc80", ""),
        ("kube-system", "belongs to Kubernetes"),
        ("istio-system", "belongs to Istio"),
    ],
)
@pytest.mark.parametrize("graph", [(), ("--graph", "chain")])
def test_names_that_are_refused(name: str, said: str, graph: tuple[str, ...], tmp_path: Path) -> None:
    done = run("init", *graph, "-o", "lab.yaml", "--", name, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: no lab can have this name: ")
    assert said in done.stderr
    assert "\n  help: " in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--graph", "chain", "--services", "1"], "--services"),
        (["--graph", "chain", "--services", "10001"], "--services"),
        (["--graph", "chain", "--services", "many"], "--services"),
        (["--graph", "ring"], "ring"),
        (["--graph", "mesh", "--seed", "-1"], "--seed"),
        (["--services", "5"], "--services goes with --graph"),
        (["--seed", "5"], "--seed goes with --graph mesh"),
        (["--graph", "star", "--seed", "5"], "--seed goes with --graph mesh"),
        (["-o", ""], "-o needs the name of a file"),
        (["-o", "."], "is a directory"),
        (["-o", "nowhere/lab.yaml"], "nowhere/lab.yaml: cannot be written: "),
        (["-o", "/dev/null", "--force"], "/dev/null: is no file"),
    ],
)
def test_calls_that_are_refused(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = run("init", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_and_what_comes_next(tmp_path: Path) -> None:
    (tmp_path / "my labs").mkdir()
    done = run("init", "-o", "my labs/lab.yaml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == (
        "  + my labs/lab.yaml\n"
        "next:\n"
        "  labspec schema > 'my labs/schema.json'   # for editors: completion, and what each key means\n"
        "  labspec predict 'my labs/lab.yaml'       # what each request will do\n"
        "  labspec build 'my labs/lab.yaml'         # everything that runs the lab, and its guide\n"
    )
    assert [path.name for path in (tmp_path / "my labs").iterdir()] == ["lab.yaml"]
    assert (tmp_path / "my labs" / "lab.yaml").read_text() == lab_text("lab") == run("init").stdout
    assert run("init", "-o", "-").stdout == lab_text("lab")


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    spec, link = tmp_path / "lab.yaml", tmp_path / "link.yaml"
    spec.write_text("mine\n")
    link.symlink_to("lab.yaml")
    for path in (spec, link):
        done = run("init", "-o", path)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"error: {path}: is there already: left as it is\n  help: --force overwrites it\n"
        assert spec.read_text() == "mine\n"
    assert run("init", "-o", link, "--force").returncode == 0
    assert spec.read_text() == lab_text("lab")
    assert link.is_symlink()
    assert {path.name for path in tmp_path.iterdir()} == {"lab.yaml", "link.yaml"}


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    spec = tmp_path / "lab.yaml"
    spec.write_text("mine\n")
    monkeypatch.setattr(Path, "replace", full)
    done = run("init", "-o", spec, "--force")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {spec}: cannot be written: No space left on device\n"
    assert [path.name for path in tmp_path.iterdir()] == ["lab.yaml"]
    assert spec.read_text() == "mine\n"
