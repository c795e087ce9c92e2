"""lab.sh: the steps in turn."""

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.scripts.conftest import LabTree, Run

STEPS = ["preflight", "install", "deploy", "traffic", "logs", "ui"]


def _run(lab: LabTree, *arguments: str, failing: str = "") -> Run:
    for step in STEPS:
        code = 3 if step == failing else 0
        (lab.out / "scripts" / f"{step}.sh").write_text(f'#!/bin/sh\necho "{step} $*"\nexit {code}\n')
    return lab.run("lab", *arguments)


def test_every_step_runs_in_turn(lab: LabTree) -> None:
    done = _run(lab)
    assert (done.code, done.err) == (0, "")
    calls = ["preflight base", "install base", "deploy base", "traffic base", "logs base", "ui --check base"]
    shown = "".join(f"\n== {number}/6 {call.split()[0]}\n{call}\n" for number, call in enumerate(calls, 1))
    end = f"\nThe lab runs.\nTo see the traces: {lab.out}/scripts/ui.sh\nTo clean up:       {lab.out}/scripts/teardown.sh\n"
    assert done.out == shown + end


@pytest.mark.parametrize("arguments", [("--yes",), ("base", "--yes"), ("--yes", "base")])
def test_yes_is_for_install(lab: LabTree, arguments: tuple[str, ...]) -> None:
    done = _run(lab, *arguments)
    assert done.code == 0
    assert "\ninstall --yes base\n" in done.out
    assert done.out.count("--yes") == 1


@pytest.mark.parametrize("failing", STEPS)
def test_the_first_failure_ends_it(lab: LabTree, failing: str) -> None:
    done = _run(lab, failing=failing)
    number = STEPS.index(failing) + 1
    assert done.code == 3
    assert done.out.count("== ") == number
    assert done.err.startswith(f"error: step {number}, {failing}, failed\n")
    assert f"run it again: {lab.out}/scripts/{failing}.sh " in done.err


@pytest.mark.parametrize("argument", ["w3", "--no", "base extra"])
def test_an_unknown_argument_runs_nothing(lab: LabTree, argument: str) -> None:
    done = _run(lab, *argument.split())
    assert (done.code, done.out) == (1, "")
    assert "this lab has no variant" in done.err


def test_every_step_gets_the_variant(lab: LabTree) -> None:
    done = _run(lab, "w3c", "--yes")
    assert done.code == 0
    calls = [line for line in done.out.splitlines() if line.endswith(" w3c")]
    expected = ["preflight w3c", "install --yes w3c", "deploy w3c", "traffic w3c", "logs w3c", "ui --check w3c"]
    assert calls[:6] == expected


def test_without_a_collector_there_are_no_traces_to_see(tmp_path: Path) -> None:
    done = _run(LabTree(ROOT / "tests" / "labs" / "no-collector.yaml", tmp_path))
    assert done.code == 0
    assert "traces" not in done.out
    assert "To clean up: " in done.out
