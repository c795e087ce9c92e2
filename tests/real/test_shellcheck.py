"""Shellcheck has nothing to say about the scripts of any lab; its variants have the same scripts."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.real.cases import Case, every_lab
from tests.real.verification import record

pytestmark = pytest.mark.real

SHELLCHECK = Path(sys.executable).with_name("shellcheck")
"""The one of tests/requirements.txt, whose version is pinned."""


@every_lab
def test_scripts(case: Case, tmp_path: Path) -> None:
    case.build(tmp_path)
    scripts = sorted(tmp_path.glob("scripts/*.sh"))
    said = subprocess.run([SHELLCHECK, "--version"], capture_output=True, text=True, check=True).stdout
    done = subprocess.run([SHELLCHECK, *scripts], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    version = said.partition("version: ")[2].partition("\n")[0]
    what = "scripts of the lab: nothing to say"
    record(spec=case.name, tool="shellcheck", version=version, what=what, count=len(scripts))
