"""Bad specs, one mistake or more each, and the very words that a person sees: invalid/NAME.yaml and NAME.out.

`LABSPEC_UPDATE=1 pytest tests/test_invalid.py` writes the .out files anew.
"""

import os
from pathlib import Path

import pytest

from labspec.compile import compiled
from labspec.explain import explanations
from labspec.finding import WARNING, Finding, Position, in_order
from labspec.report import as_text, summary
from tests.conftest import ROOT

FOLDER = ROOT / "tests" / "invalid"
CASES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_findings(case: Path) -> None:
    result = compiled(case.name, case.read_bytes())
    text = "".join(as_text(finding, result.lines()) + "\n" for finding in result.findings)
    expected = case.with_suffix(".out")
    shown = f"{text}{summary(result.findings)}\n"
    if os.environ.get("LABSPEC_UPDATE"):
        expected.write_text(shown, encoding="utf-8")
    assert result.findings
    assert shown == expected.read_text(encoding="utf-8")


def test_findings_with_one_message_stay_in_order() -> None:
    one = Finding(Position("lab.yaml", 1, 1), WARNING, "rule", (), "message")
    found = [one._replace(variants=(name,)) for name in ("z", "b", "c", "a", "d")]
    assert in_order([*found, *found]) == found


def test_no_expectation_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.out")} == {case.stem for case in CASES}


@pytest.mark.parametrize("rule", sorted(explanations()))
def test_every_rule_has_a_case(rule: str) -> None:
    if rule == "too-large":
        return  # test_source makes the file, which is too large to keep
    assert any(f"[{rule}]" in path.read_text(encoding="utf-8") for path in FOLDER.glob("*.out"))


def test_every_rule_that_speaks_can_be_explained() -> None:
    spoken = {
        line.partition("[")[2].partition("]")[0]
        for path in FOLDER.glob("*.out")
        for line in path.read_text(encoding="utf-8").splitlines()
        if ": error[" in line or ": warning[" in line
    }
    assert spoken <= set(explanations())


def test_ten_mistakes_are_ten_findings_at_their_places() -> None:
    found = compiled("ten.yaml", (FOLDER / "ten-mistakes.yaml").read_bytes()).findings
    places = [(finding.rule, finding.position.line, finding.position.column) for finding in found]
    assert places == [
        ("invalid-name", 2, 7),
        ("wrong-type", 4, 12),
        ("unknown-key", 9, 5),
        ("invalid-duration", 10, 12),
        ("unknown-callee", 11, 13),
        ("invalid-path", 11, 41),
        ("out-of-range", 12, 36),
        ("invalid-percent", 14, 21),
        ("unknown-value", 15, 19),
        ("unknown-symbol", 16, 41),
    ]
