"""Whole processes, alternating, median of 11: labspec on the origin lab, without its variants and with them, against the bare stack and `kubectl kustomize`.

    python bench/start_up.py [--rounds 11] [--json FILE]

Measures an installed wheel: it makes a virtual environment of its own, because a checkout whose bytecode is not kept
(PYTHONDONTWRITEBYTECODE) is compiled at each run.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SPEC = ROOT / "specs" / "istio-jaeger.yaml"
BOUND = {"build": 1.6, "check": 1.6}
"""Times the bare stack."""


def installed(folder: Path) -> Path:
    """The Python of a new virtual environment in `folder` that has labspec, installed as a user installs it."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(ROOT)], check=True)
    return python


def milliseconds(command: list[str], environment: dict[str, str]) -> float:
    """Wall time of one run; raises CalledProcessError when it fails."""
    start = time.perf_counter()
    subprocess.run(
        command,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    return (time.perf_counter() - start) * 1000


def measure(commands: dict[str, list[str]], rounds: int) -> dict[str, list[float]]:
    """Times of each command: one of each per round, after a round that does not count."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, command in commands.items():
            spent = milliseconds(command, environment)
            if turn:
                times[name].append(spent)
    return times


def main() -> int:
    """Prints the table; 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        python = str(installed(folder / "venv"))
        labspec = str(folder / "venv" / "bin" / "labspec")
        out, whole = str(folder / "out"), str(folder / "whole")
        spec = folder / "lab.yaml"
        # The bounds are for a lab of one form.
        spec.write_text(SPEC.read_text(encoding="utf-8").partition("\nvariants:")[0] + "\n", encoding="utf-8")
        for source, target in ((str(spec), out), (str(SPEC), whole)):
            subprocess.run([labspec, "build", source, "-o", target, "--quiet"], check=True)
        commands = {
            "python -c ''": [python, "-c", ""],
            "bare stack": [python, str(ROOT / "bench" / "floor.py"), "build", "lab"],
            "labspec build": [labspec, "build", str(spec), "-o", out],
            "labspec check": [labspec, "check", str(spec)],
            "build with 4 variants": [labspec, "build", str(SPEC), "-o", whole],
        }
        if shutil.which("kubectl"):
            commands["kubectl kustomize out/"] = ["kubectl", "kustomize", out]
        times = measure(commands, options.rounds)
    return report(times, options.json)


def report(times: dict[str, list[float]], target: Path | None) -> int:
    """Prints median, spread and ratio of each command."""
    medians = {name: statistics.median(spent) for name, spent in times.items()}
    floor = medians["bare stack"]
    print(f"{'command':24} {'median ms':>9} {'min':>7} {'max':>7}  x bare stack")
    for name, spent in times.items():
        print(f"{name:24} {medians[name]:9.0f} {min(spent):7.0f} {max(spent):7.0f}  {medians[name] / floor:.2f}")
    if target:
        target.write_text(json.dumps({"medians": medians, "times": times}, indent=2) + "\n", encoding="utf-8")
    missed = [name for name, bound in BOUND.items() if medians[f"labspec {name}"] > bound * floor]
    for name in missed:
        print(f"labspec {name} takes more than {BOUND[name]} x the bare stack")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
