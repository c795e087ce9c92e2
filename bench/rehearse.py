"""Whole processes, from cold: what a rehearsal takes, against its bounds.

    python bench/rehearse.py [--rounds 11] [--json FILE]

Measures an installed wheel with its extra, in a virtual environment of its own, as bench/start_up.py does. Memory is the sum over all
processes of a rehearsal of what each adds (PSS), at its highest; it is sampled in a run of its own.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
ORIGIN = ROOT / "specs" / "istio-jaeger.yaml"


class Row(NamedTuple):
    """A rehearsal, and its bound."""

    name: str
    spec: str
    requests: int
    seconds: float
    mebibytes: int | None = None


def chain(services: int) -> str:
    """A client and a chain of relays that ends in an http-echo."""
    lines = [f"  s{number}: {{kind: relay, calls: [s{number + 1}]}}" for number in range(1, services - 1)]
    last = f"  s{services - 1}: {{kind: http-echo}}"
    head = (
        'apiVersion: labspec/v1\nname: chain\nistio: {version: "1.30"}\nservices:\n  client: {kind: curl, calls: [s1]}'
    )
    return "\n".join([head, *lines, last, "propagation: {format: b3}\n"])


def rows() -> Iterator[Row]:
    """What is measured."""
    origin = ORIGIN.read_text(encoding="utf-8")
    yield Row("origin lab, 20 requests", origin, 20, 2)
    yield Row("chain of 10 services, 20 requests", chain(10), 20, 4)
    yield Row("chain of 50 services, 20 requests", chain(50), 20, 10, 1024)
    yield Row("origin lab, 2,000 requests", origin, 2000, 5)


def installed(folder: Path) -> Path:
    """The labspec of a new virtual environment."""
    venv.create(folder, with_pip=True)
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, f"{ROOT}[rehearse]"], check=True)
    return folder / "bin" / "labspec"


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """Wall time of one run; raises CalledProcessError when it fails."""
    start = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    return time.perf_counter() - start


def mebibytes(command: list[str], environment: dict[str, str]) -> float | None:
    """The most memory of all processes together; None where the system does not tell."""
    if not Path("/proc/self/smaps_rollup").exists():
        return None
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL) as running:
        most = 0
        while running.poll() is None:
            most = max(most, sum(_pss(pid) for pid in _family(running.pid)))
            time.sleep(0.1)
    return most / 1024


def _family(root: int) -> list[int]:
    """A process and all below it."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def _pss(pid: int) -> int:
    """KiB."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)


def main() -> int:
    """Prints the table; 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    figures: dict[str, dict[str, float | list[float] | None]] = {}
    missed = []
    with tempfile.TemporaryDirectory() as place:
        labspec = str(installed(Path(place) / "venv"))
        commands = []
        for number, row in enumerate(rows()):
            spec = Path(place) / f"{number}.yaml"
            spec.write_text(row.spec, encoding="utf-8")
            commands.append((row, [labspec, "rehearse", str(spec), "--requests", str(row.requests)]))
        times: dict[str, list[float]] = {row.name: [] for row, _ in commands}
        for turn in range(options.rounds + 1):
            for row, command in commands:
                spent = seconds(command, environment)
                if turn:
                    times[row.name].append(spent)
        print(f"{'rehearsal':36} {'median s':>8} {'min':>6} {'max':>6}  bound   MiB")
        for row, command in commands:
            runs, memory = times[row.name], mebibytes(command, environment)
            median = statistics.median(runs)
            told = "-" if memory is None else f"{memory:.0f}"
            print(f"{row.name:36} {median:8.2f} {min(runs):6.2f} {max(runs):6.2f}  {row.seconds:5g} {told:>5}")
            figures[row.name] = {"median": median, "times": runs, "mebibytes": memory}
            if median > row.seconds or (row.mebibytes and memory and memory > row.mebibytes):
                missed.append(row.name)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    for name in missed:
        print(f"{name}: over its bound")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
