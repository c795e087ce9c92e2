"""The commands, called in this process: for what they print, where a process of its own would only cost time."""

import subprocess
from contextlib import chdir
from pathlib import Path

from typer.testing import CliRunner

from labspec.cli import app
from tests.conftest import ROOT


def call(*arguments: str | Path, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """What `labspec ARGUMENTS` would give; raises what it does not catch."""
    words = [str(argument) for argument in arguments]
    with chdir(cwd):
        done = CliRunner().invoke(app, words, env=environment, prog_name="labspec")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(["labspec", *words], done.exit_code, done.stdout, done.stderr)
