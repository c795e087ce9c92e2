"""`labspec rehearse` disturbed on purpose, as a process of its own: what ends it, what it lacks, what it is refused.

Each test has a folder for temporary files of its own, so that it sees exactly what stays behind: no process and no file.
"""

import fcntl
import os
import pty
import random
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple, TypeVar

import pytest

from labspec.envoy.versions import ENVOY_RELEASES, envoy_of
from labspec.rehearse import launch, places
from labspec.rehearse.errors import RehearsalError
from labspec.rehearse.run import observed
from tests.conftest import ROOT
from tests.real.cases import Case
from tests.real.verification import record

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("ctrl_c")]

ORIGIN = Case(ROOT / "specs" / "istio-jaeger.yaml")
RELAYED = Case(ROOT / "specs" / "dropped-headers.yaml")
"""Its app in the middle is a program of its own."""
MINORS = {ORIGIN: "1.38", RELAYED: "1.39"}

WHAT = "rehearsals that are disturbed: killed, interrupted, without a port, room or permission: the reason is told, nothing stays"

PREDICTED = "as predicted: "
INTERRUPTED = "interrupted: no verdict\n"
STAYS = "Everything stays up until Ctrl-C:\n"

ENDLESS = "--requests=100000"
"""More than any test waits for."""
KILLS = int(os.environ.get("LABSPEC_KILLS", "5"))
SECONDS = 30.0
"""What a slow machine may take for one step."""
GONE = 3.0
"""Seconds after which nothing may run of a rehearsal that was killed."""

# Processes of a rehearsal, by what is in their command lines.
GUARD = "\0guard\0"
SIDECARS = "\0--concurrency\0"
ENVOYS = ".json\0"
"""Sidecars, and before them those that judge configurations, if one sees them in time."""

STAGES = {"folder": GUARD, "configuration": ENVOYS, "start": SIDECARS, "requests": ""}
"""How far a rehearsal is when it is disturbed, by the process that shows it."""

Given = TypeVar("Given")
Found = TypeVar("Found")


class Done(NamedTuple):
    """How a run ended."""

    code: int
    out: str
    err: str


class Rehearsals:
    """The rehearsals of one test, which have a folder for their temporary files."""

    def __init__(self, tool: Callable[..., str], folder: Path) -> None:
        self._tool = tool
        self.folder = folder

    def envoy(self, case: Case = ORIGIN) -> str:
        """The Envoy of the spec's Istio."""
        return self._tool(f"envoy-{MINORS[case]}")

    def command(self, *arguments: str | Path, case: Case = ORIGIN, envoy: Path | None = None) -> list[str]:
        """What a person types."""
        words = ["rehearse", case.spec, "--envoy", envoy or self.envoy(case), *arguments]
        return [sys.executable, "-m", "labspec", *map(str, words)]

    def environment(self, **more: str) -> dict[str, str]:
        """This process's, with the folder, and with a terminal that could show colours."""
        return {**os.environ, "TERM": "xterm-256color", "TMPDIR": str(self.folder), **more}

    def start(
        self,
        *arguments: str | Path,
        case: Case = ORIGIN,
        envoy: Path | None = None,
        out: int = subprocess.PIPE,
        **more: str,
    ) -> subprocess.Popen[str]:
        """Starts one."""
        command = self.command(*arguments, case=case, envoy=envoy)
        return subprocess.Popen(
            command, cwd=ROOT, env=self.environment(**more), stdout=out, stderr=subprocess.PIPE, text=True
        )

    def run(self, *arguments: str | Path, envoy: Path | None = None, out: int = subprocess.PIPE) -> Done:
        """A whole one."""
        return ended(self.start(*arguments, envoy=envoy, out=out))

    def apart(self, name: str) -> "Rehearsals":
        """Rehearsals at the same time, which have another folder and are seen apart."""
        folder = self.folder.with_name(f"{self.folder.name}.{name}.")
        folder.mkdir()
        return Rehearsals(self._tool, folder)

    def processes(self, mark: str | None = None) -> dict[int, str]:
        """Ids and command lines of those that have the folder, or the mark, in their command line or environment."""
        wanted, found = os.fsencode(mark or self.folder), {}
        for pid, line in command_lines():
            # Some are none of this user's.
            with suppress(OSError):
                if wanted in line or (line and wanted in Path(f"/proc/{pid}/environ").read_bytes()):
                    found[pid] = os.fsdecode(line)
        return found

    def named(self, *words: str) -> list[int]:
        """Ids of those that have the folder and all these words in their command line."""
        wanted = [os.fsencode(word) for word in (str(self.folder), *words)]
        return sorted(pid for pid, line in command_lines() if all(word in line for word in wanted))

    def reached(self, *words: str) -> int:
        """Waits for a process with these words in its command line; its id."""
        return until(lambda: self.named(*words))[0]

    def until(self, stage: str) -> None:
        """Waits until one is so far."""
        if STAGES[stage]:
            self.reached(STAGES[stage])
        else:
            self.requested()

    def requested(self) -> None:
        """Waits until all sidecars have seen requests."""

        def sizes() -> list[int]:
            return [file.stat().st_size for file in self.folder.glob("*/*.seen")]

        until(lambda: (found := sizes()) and all(found))

    def leave_nothing(self) -> None:
        """Holds that no process and no file is there, or soon none."""

        def left() -> list[str]:
            return [*self.processes().values(), *map(str, self.folder.iterdir())]

        deadline = time.monotonic() + GONE
        while left() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert left() == []

    def agreed(self, count: int, case: Case = ORIGIN) -> None:
        """Holds that nothing stays, and records so many comparisons."""
        self.leave_nothing()
        record(spec=case.name, tool="Envoy", version=ENVOY_RELEASES[MINORS[case]], what=WHAT, count=count)


def command_lines() -> Iterator[tuple[int, bytes]]:
    """Of all other processes."""
    for name in os.listdir("/proc"):  # noqa: PTH208  # ten times as fast, and often called
        # Some end meanwhile.
        with suppress(OSError):
            if name.isdigit() and int(name) != os.getpid():
                yield int(name), Path(f"/proc/{name}/cmdline").read_bytes()


def ended(running: subprocess.Popen[str]) -> Done:
    """How it ends; fails where it does not."""
    try:
        out, err = running.communicate(timeout=2 * SECONDS)
    except subprocess.TimeoutExpired:
        running.kill()
        out, err = running.communicate()
        pytest.fail(f"it does not end; it said:\n{out}{err}")
    return Done(running.returncode, out or "", err or "")


def left_by(running: subprocess.Popen[str]) -> int:
    """The status of one that may leave processes with its pipes, which have no end then."""
    try:
        return running.wait(2 * SECONDS)
    finally:
        for pipe in (running.stdout, running.stderr):
            if pipe is not None:
                pipe.close()


def at_once(work: Callable[[Given], Found], cases: Iterable[Given]) -> list[Found]:
    """What some work gives for each case, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(work, cases))


def until(probe: Callable[[], Found]) -> Found:
    """What the probe finds, as soon as that is something."""
    deadline = time.monotonic() + SECONDS
    while not (found := probe()):
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.01)
    return found


@contextmanager
def rehearsals(tool: Callable[..., str], folder: Path) -> Iterator[Rehearsals]:
    """Rehearsals with that folder; what a failed test leaves of them ends with it."""
    found = Rehearsals(tool, folder)
    before = signal.getsignal(signal.SIGINT)
    # A shell that starts a job in the background has it ignore Ctrl-C, and so would all that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield found
    finally:
        signal.signal(signal.SIGINT, before)
        for pid in found.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def lab(tool: Callable[..., str], tmp_path: Path) -> Iterator[Rehearsals]:
    """Rehearsals with an empty folder."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    with rehearsals(tool, folder) as found:
        yield found


@pytest.fixture
def here(lab: Rehearsals, monkeypatch: pytest.MonkeyPatch) -> Rehearsals:
    """The same for rehearsals in this process."""
    monkeypatch.setattr(tempfile, "tempdir", str(lab.folder))
    return lab


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 200 KiB; without the right to mount one the test fails in CI and is skipped elsewhere."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    if done.returncode:
        reason = f"NOT CHECKED: a small file system cannot be mounted here: {done.stderr.strip()}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=SECONDS)


def executable(path: Path, content: str | bytes) -> Path:
    """A file that may be run."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(0o755)
    return path


def pretender(folder: Path, *, version: str = "", validate: str = "exit 0", run: str = "exit 0") -> Path:
    """A program that answers like an Envoy of the right version, and else does what it is told in shell."""
    text = f"""\
#!/bin/sh
case "$*" in
*--version*) echo "envoy  version: 0ebfcfe5/{ENVOY_RELEASES["1.38"]}/Clean/RELEASE/BoringSSL"; {version or ":"} ;;
*validate*) {validate} ;;
*) {run} ;;
esac
"""
    return executable(folder / "envoy", text)


# Processes that end


def test_a_sidecar_is_killed(lab: Rehearsals) -> None:
    running = lab.start(ENDLESS)
    lab.requested()
    os.kill(lab.reached(SIDECARS, "/backend.json\0"), signal.SIGKILL)
    reason = "error: the sidecar of backend ended by SIGKILL before the rehearsal did: no verdict\n"
    assert ended(running) == Done(2, "", reason)
    lab.agreed(1)


@pytest.mark.parametrize(
    ("which", "reason"),
    [(-1, "the program of orders ended with status -9\n"), (0, "the programs of the apps ended by SIGKILL ")],
    ids=["one", "what-started-it"],
)
def test_the_program_of_an_app_is_killed(lab: Rehearsals, which: int, reason: str) -> None:
    running = lab.start(ENDLESS, case=RELAYED)
    lab.requested()
    # The second was forked from the first.
    first, second = lab.named("/programs.py\0")
    os.kill((first, second)[which], signal.SIGKILL)
    done = ended(running)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: the programs of the apps ended ")
    assert "no verdict\n" in done.err
    assert reason in done.err
    lab.agreed(1, RELAYED)


def test_what_watches_over_all_is_killed(lab: Rehearsals) -> None:
    running = lab.start(ENDLESS)
    lab.requested()
    os.kill(lab.reached(GUARD), signal.SIGKILL)
    reason = "error: the process that watches over the rehearsal ended: no verdict\n"
    assert ended(running) == Done(2, "", reason)
    lab.agreed(1)


# Ctrl-C and other signals


def test_ctrl_c_at_any_time(lab: Rehearsals) -> None:
    moments = (0.05, 0.2, 0.4, 0.6, 0.9, 1.5)

    def interrupted(moment: float) -> Done:
        running = lab.start(ENDLESS)
        time.sleep(moment)
        running.send_signal(signal.SIGINT)
        return ended(running)

    for done in at_once(interrupted, moments):
        assert not done.out
        if done.code == 130:
            assert done.err in {"", INTERRUPTED}
        else:
            # Python itself was not up yet.
            assert done.code in {1, -signal.SIGINT}
            assert not done.err or done.err.endswith("KeyboardInterrupt\n")
            assert "labspec/__main__.py" not in done.err
    lab.agreed(len(moments))


def test_ctrl_c_while_it_runs(lab: Rehearsals) -> None:
    def interrupted(stage: str) -> Done:
        apart = lab.apart(stage)
        running = apart.start(ENDLESS)
        apart.until(stage)
        running.send_signal(signal.SIGINT)
        done = ended(running)
        apart.leave_nothing()
        return done

    assert set(at_once(interrupted, STAGES)) == {Done(130, "", INTERRUPTED)}
    lab.agreed(len(STAGES))


def test_ctrl_c_twice(lab: Rehearsals) -> None:
    """The second one neither stops the cleaning up nor brings Python's own words for it."""
    pauses = (0.0, 0.0003, 0.001, 0.01)

    def interrupted(pause: float) -> Done:
        apart = lab.apart(str(pause))
        running = apart.start(ENDLESS)
        apart.until(random.Random(pause).choice(list(STAGES)))  # noqa: S311  # the same each time
        for _ in range(2):
            with suppress(ProcessLookupError):
                running.send_signal(signal.SIGINT)
            time.sleep(pause)
        done = ended(running)
        apart.leave_nothing()
        return done

    for done in at_once(interrupted, pauses):
        # The second may come when all is said and Python is on its way out.
        assert done.code in {130, -signal.SIGINT}
        assert (done.out, done.err) == ("", INTERRUPTED)
    lab.agreed(len(pauses))


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_what_is_kept(lab: Rehearsals, times: int) -> None:
    running = lab.start("--keep")
    assert running.stderr is not None
    assert running.stderr.readline() == STAYS
    lab.reached(SIDECARS)
    for _ in range(times):
        running.send_signal(signal.SIGINT)
    done = ended(running)
    assert done.code == 0
    assert PREDICTED in done.out.splitlines()[-1]
    assert INTERRUPTED not in done.err
    lab.agreed(1)


def test_a_sidecar_that_is_kept_is_killed(lab: Rehearsals) -> None:
    running = lab.start("--keep")
    assert running.stderr is not None
    assert running.stderr.readline() == STAYS
    os.kill(lab.reached(SIDECARS, "/frontend.json\0"), signal.SIGKILL)
    done = ended(running)
    assert done.code == 2
    assert "error: the sidecar of frontend ended by SIGKILL before the rehearsal did" in done.err
    lab.agreed(1)


def test_other_signals(lab: Rehearsals) -> None:
    cases = (
        (signal.SIGTERM, "configuration", ORIGIN),
        (signal.SIGTERM, "requests", RELAYED),
        (signal.SIGHUP, "requests", ORIGIN),
    )

    def disturbed(case: tuple[signal.Signals, str, Case]) -> Done:
        number, stage, spec = case
        apart = lab.apart(f"{number.name}-{stage}")
        running = apart.start(ENDLESS, case=spec)
        apart.until(stage)
        running.send_signal(number)
        done = ended(running)
        apart.leave_nothing()
        return done

    for done in at_once(disturbed, cases):
        assert done.code != 0
        assert not done.out
        assert "Traceback" not in done.err
    lab.agreed(len(cases))


def test_killed_at_any_time(lab: Rehearsals) -> None:
    """What the next run finds of those that were killed, it removes."""
    some = random.Random("killed")  # noqa: S311  # the same each time
    runs = [(number, some.choice((ORIGIN, RELAYED)), some.uniform(0, 1.3)) for number in range(KILLS)]

    def left(run: tuple[int, Case, float]) -> dict[int, str]:
        number, case, moment = run
        mark = f"{lab.folder}.{number}."
        running = lab.start(ENDLESS, case=case, LABSPEC_TEST=mark)
        if number % 2:
            # On a slow machine else most would be killed before they have started anything.
            until(lambda: len(lab.processes(mark)) > 1)
            moment /= 2
        time.sleep(moment)
        running.kill()
        left_by(running)
        deadline = time.monotonic() + GONE
        while (found := lab.processes(mark)) and time.monotonic() < deadline:
            time.sleep(0.02)
        return found

    assert at_once(left, runs) == [{}] * KILLS
    done = lab.run()
    assert (done.code, done.err) == (0, "")
    lab.agreed(1)


# Others on the same machine


@pytest.mark.parametrize("cases", [(ORIGIN, ORIGIN), (ORIGIN, RELAYED, ORIGIN, ORIGIN)], ids=["two", "four"])
def test_several_at_the_same_time(lab: Rehearsals, cases: tuple[Case, ...]) -> None:
    running = [lab.start(case=case) for case in cases]
    for done in map(ended, running):
        assert (done.code, done.err) == (0, "")
        assert PREDICTED in done.out
        # There is no terminal.
        assert "\x1b" not in done.out
    lab.agreed(len(cases))


TAKEN = """\
import ctypes, fcntl, socket, struct, subprocess, sys, time

# In a network of its own, where this user may have one: elsewhere it would disturb others.
if ctypes.CDLL(None).unshare(0x40000000) == 0:
    with socket.socket() as some:
        fcntl.ioctl(some, 0x8914, struct.pack("16sh22x", b"lo", 0x49))
held = []
for host, port in (("0.0.0.0", 5678), ("0.0.0.0", 4318), ("0.0.0.0", 80), ("127.0.0.1", 15000)):
    for _ in range(300):
        try:
            held.append(socket.create_server((host, port)))
            break
        except PermissionError:
            break
        except OSError:
            time.sleep(0.1)
    else:
        sys.exit(f"{port} cannot be had")
sys.exit(subprocess.run(sys.argv[1:]).returncode)
"""


def test_ports_are_taken(lab: Rehearsals) -> None:
    command = [sys.executable, "-c", TAKEN, *lab.command()]
    with subprocess.Popen(
        command, cwd=ROOT, env=lab.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        done = ended(running)
    assert (done.code, done.err) == (0, "")
    assert PREDICTED in done.out
    # What listens on all addresses has the port on each.
    served = re.findall(r" service=127\.[.\d]+:(\d+)$", done.out, re.MULTILINE)
    assert len(served) == 2
    assert "5678" not in served
    lab.agreed(1)


def test_all_blocks_are_taken(here: Rehearsals, monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as held:
        blocks = []
        for block in range(16, 250):
            # Others' rehearsals have some.
            with suppress(OSError):
                held.enter_context(socket.create_server((f"127.{block}.0.1", places._CLAIM)))
                blocks.append(block)
            if len(blocks) == 3:
                break
        monkeypatch.setattr(places, "_TRIES", len(blocks))
        monkeypatch.setattr(places, "random", SimpleNamespace(sample=lambda _, count: blocks[:count]))
        reason = "no block of loopback addresses is free: .* Address already in use\n  help: .*port 15021 free"
        with pytest.raises(RehearsalError, match=reason):
            observed(ORIGIN.plan(), here.envoy(), 1)
    assert observed(ORIGIN.plan(), here.envoy(), 1).answers
    here.agreed(1)


# Permission


OTHER_MACHINE = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHI", 2, 0x1234, 1) + bytes(100)


NO_ENVOYS: dict[str, tuple[str | bytes, int, str]] = {
    "not-executable": ("#!/bin/sh\n", 0o644, "cannot be run: Permission denied\n"),
    "text": ("hello\n", 0o755, "cannot be run: Exec format error\n"),
    "other-machine": (OTHER_MACHINE, 0o755, "cannot be run: Exec format error\n"),
    "other-system": ("#!/no/such/interpreter\n", 0o755, "is for another system than this one\n"),
    "other-program": ("#!/bin/sh\necho hello\n", 0o755, "is no Envoy: --version says 'hello'\n"),
    "other-bytes": ("#!/bin/sh\nprintf '\\377'\n", 0o755, "is no Envoy: --version says "),
}


def test_what_is_no_envoy(lab: Rehearsals, tmp_path: Path) -> None:
    wanted = {tmp_path / "missing": "is not there\n"}
    for name, (content, mode, reason) in NO_ENVOYS.items():
        path = executable(tmp_path / name, content)
        path.chmod(mode)
        wanted[path] = reason
    for (path, reason), done in zip(wanted.items(), at_once(lambda path: lab.run(envoy=path), wanted), strict=True):
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith(f"error: {path} {reason}")
        assert "Traceback" not in done.err
    lab.agreed(len(wanted))


def test_files_that_cannot_be_written(lab: Rehearsals) -> None:
    # Root may write into any folder of the disk.
    options = (("--report", "/proc/none"), ("--spans", "nowhere/none"), ("--report", "."))
    for (_, file), done in zip(options, at_once(lambda option: lab.run("--requests=1", *option), options), strict=True):
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith(f"error: {file}")
        assert done.err.count("\n") == 1
    lab.agreed(len(options))


def test_what_is_no_file_stays_what_it_is(lab: Rehearsals, tmp_path: Path) -> None:
    """A device such as /dev/null is written to, never replaced, and so is what a link leads to."""
    link, target, pipe = tmp_path / "link", tmp_path / "target", tmp_path / "pipe"
    target.touch()
    link.symlink_to(target)
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        done = lab.run("--requests=1", "--report", link, "--spans", pipe)
        assert (done.code, link.is_symlink(), pipe.is_fifo()) == (0, True, True)
        assert os.read(reading, 10)
    finally:
        os.close(reading)
    assert target.stat().st_size
    lab.agreed(2)


def test_a_folder_for_temporary_files_that_is_none(lab: Rehearsals, tmp_path: Path) -> None:
    """Python takes the next that there is."""
    file = tmp_path / "file"
    file.touch()
    done = ended(lab.start("--requests=1", TMPDIR=str(file)))
    assert (done.code, done.err) == (0, "")
    assert file.stat().st_size == 0
    lab.agreed(1)


@pytest.mark.parametrize("chosen", [True, False])
def test_no_folder_takes_files(
    lab: Rehearsals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, chosen: bool
) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setattr(tempfile, "tempdir", str(file) if chosen else None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(file)])
    with pytest.raises(RehearsalError, match=r"name another folder with TMPDIR$") as raised:
        observed(ORIGIN.plan(), lab.envoy(), 1)
    assert str(file) in str(raised.value)
    lab.agreed(1)


# Room


def test_the_disk_gets_full(tool: Callable[..., str], tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "disk") as disk,
        small_disk(tmp_path / "enough") as enough,
        rehearsals(tool, disk) as lab,
        rehearsals(tool, enough) as other,
    ):
        running = lab.start("--requests=500")
        # Few requests leave room: it is not the disk's size that ends the others.
        assert other.run("--requests=1").code == 0
        other.agreed(1)
        done = ended(running)
        assert (done.code, done.out) == (2, "")
        assert f"{disk} is full: free some space, or name another folder with TMPDIR\n" in done.err
        lab.agreed(1)


def test_the_disk_is_full(lab: Rehearsals, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        with suppress(OSError), (disk / "big").open("wb", buffering=0) as big:
            while big.write(bytes(4096)):
                pass
        options = (("--report", disk / "page.html"), ("--spans", disk / "spans.json"))
        for (_, file), done in zip(options, at_once(lambda option: lab.run(*option), options), strict=True):
            assert done == Done(2, "", f"error: {file} cannot be written: No space left on device\n")
        assert [path.name for path in disk.iterdir()] == ["big"]
    lab.agreed(len(options))


def test_the_output_has_no_room(lab: Rehearsals) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        forms = at_once(lambda form: lab.run("--requests=1", "--format", form, out=full), ("text", "json"))
    finally:
        os.close(full)
    for done in forms:
        # 1 would say that the lab does not do what is predicted.
        assert done.code == 2
        assert "No space left on device" in done.err
        assert "Traceback" not in done.err
    lab.agreed(len(forms))


def test_the_output_is_closed_early(lab: Rehearsals) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = lab.run("--requests=1", out=writing)
    finally:
        os.close(writing)
    assert done.code != 0
    assert done.err == ""
    command = [*lab.command("--requests=1"), "|", "head", "-1"]
    shell = subprocess.run(
        ["/bin/sh", "-c", " ".join(command)],
        cwd=ROOT, env=lab.environment(), capture_output=True, text=True, check=False, timeout=2 * SECONDS,
    )  # fmt: skip
    assert (shell.stdout.count("\n"), shell.stderr) == (1, "")
    lab.agreed(2)


# Envoys that do not do what they should


def test_envoy_refuses_a_configuration(lab: Rehearsals, tmp_path: Path) -> None:
    envoy = pretender(tmp_path, validate="echo \"no such field: 'bogus'\" >&2; exit 1")
    done = lab.run(envoy=envoy)
    assert (done.code, done.out) == (2, "")
    start = r"error: Envoy refuses the configuration of the sidecar of (frontend|backend), with status 1\n"
    assert re.fullmatch(rf"{start}  help: no such field: 'bogus'\n", done.err)
    lab.agreed(1)


def test_envoy_ends_at_once(lab: Rehearsals, tmp_path: Path) -> None:
    done = lab.run(envoy=pretender(tmp_path, run="echo no address >&2; exit 7"))
    assert (done.code, done.out) == (2, "")
    start = r"error: the sidecar of (frontend|backend) ended with status 7 before the rehearsal did: no verdict\n"
    assert re.fullmatch(rf"{start}  help: it said:\n  no address\n", done.err)
    lab.agreed(1)


def test_envoy_is_gone_when_it_is_needed(lab: Rehearsals, tmp_path: Path) -> None:
    """As is one that was found but may not be run, whose version nobody asked for."""
    envoy = pretender(tmp_path, version='rm -- "$0"')
    done = lab.run(envoy=envoy)
    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err
    assert f"{envoy}: No such file or directory\n" in done.err
    lab.agreed(1)


def test_envoy_is_never_ready(here: Rehearsals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "_READY", 0.3)
    envoy = pretender(tmp_path, run="exec sleep 60")
    with pytest.raises(RehearsalError, match=r"^after 0 seconds the sidecar of (frontend|backend) is not ready$"):
        observed(ORIGIN.plan(), str(envoy), 1)
    here.agreed(1)


def test_the_end_while_envoy_takes_its_time(lab: Rehearsals, tmp_path: Path) -> None:
    script = tmp_path / "slow.sh"
    script.write_text("sleep 60\n", encoding="utf-8")
    envoy = pretender(tmp_path, validate=f'exec /bin/sh {script} "$@"')
    statuses = {signal.SIGINT: 130, signal.SIGTERM: -signal.SIGTERM, signal.SIGKILL: -signal.SIGKILL}

    def status(number: signal.Signals) -> int:
        apart = lab.apart(number.name)
        running = apart.start(envoy=envoy)
        apart.reached("/slow.sh\0", ENVOYS)
        running.send_signal(number)
        code = left_by(running)
        if number == signal.SIGKILL:
            # The rest is for the next one.
            until(lambda: not apart.processes())
        else:
            apart.leave_nothing()
        return code

    assert at_once(status, statuses) == list(statuses.values())
    lab.agreed(len(statuses))


# Terminals


def screen(said: str) -> list[str]:
    """What a terminal shows in the end, line by line, without colours."""
    lines, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[[?\d;]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", said):
        if part == "\r":
            column = 0
        elif part == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif not part.startswith("\x1b"):
            lines[row] = lines[row][:column].ljust(column) + part + lines[row][column + len(part) :]
            column += len(part)
        elif part.endswith("A"):
            row -= int(part[2:-1] or 1)
        elif part.endswith("K"):
            lines[row] = ""
    return lines


@contextmanager
def terminal(command: Sequence[str], **environment: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process in a terminal of its own, and the terminal's other end."""
    person, program = pty.openpty()
    fcntl.ioctl(program, termios.TIOCSWINSZ, struct.pack("4H", 50, 100, 0, 0))
    with ExitStack() as stack:
        stack.callback(lambda: os.close(person))
        running = subprocess.Popen(
            ["setsid", "--ctty", *command], cwd=ROOT, env=environment, stdin=program, stdout=program, stderr=program
        )
        os.close(program)
        yield running, person


def seen(person: int, enough: str = "") -> str:
    """What a terminal is told, until that is in it, or until its program ends."""
    said, deadline = b"", time.monotonic() + 2 * SECONDS
    while not enough or enough not in said.decode("utf-8", "replace"):
        assert select.select([person], [], [], deadline - time.monotonic())[0], said
        try:
            said += os.read(person, 65536)
        except OSError:
            # Nobody has the other end any more.
            break
    return said.decode()


BAR = re.compile(r"(Envoy reads the configuration|sidecars and apps start|requests|spans) +\S*[━╸╺].*\d+/\d+")
COLOUR = re.compile(r"\x1b\[[\d;]*m")


@pytest.mark.parametrize(
    ("more", "has_bar", "has_colour"),
    [({}, True, True), ({"NO_COLOR": "1"}, True, False), ({"TERM": "dumb"}, False, False)],
    ids=["terminal", "NO_COLOR", "dumb"],
)
def test_a_terminal(lab: Rehearsals, more: dict[str, str], *, has_bar: bool, has_colour: bool) -> None:
    environment = {name: value for name, value in lab.environment().items() if name not in {"NO_COLOR", "COLUMNS"}}
    with terminal(lab.command("--requests=300"), **{**environment, **more}) as opened:
        running, person = opened
        said = seen(person)
        assert running.wait(SECONDS) == 0
    assert bool(COLOUR.search(said)) == has_colour
    assert ("\x1b" in said) == has_bar
    shown = screen(said)
    # A bar in colours has its codes between the words.
    assert bool(BAR.search(COLOUR.sub("", said))) == has_bar
    assert not BAR.search("\n".join(shown))
    assert shown[0].startswith("istio-jaeger: ")
    assert any(line.startswith(PREDICTED) for line in shown)
    # The cursor is back.
    assert re.findall(r"\x1b\[\?25[hl]", said)[-1:] == ["\x1b[?25h"] * has_bar
    lab.agreed(1)


@pytest.mark.parametrize("stage", ["configuration", "requests"])
def test_ctrl_c_in_a_terminal(lab: Rehearsals, stage: str) -> None:
    """All processes of the foreground get it, those that judge configurations too."""
    with terminal(lab.command(ENDLESS), **lab.environment()) as (running, person):
        lab.until(stage)
        os.write(person, b"\x03")
        said = seen(person)
        assert running.wait(SECONDS) == 130
    shown = screen(said.replace("^C", ""))
    assert [line for line in shown if line.strip()] == [INTERRUPTED.strip()]
    assert re.findall(r"\x1b\[\?25[hl]", said)[-1] == "\x1b[?25h"
    lab.agreed(1)


def test_the_versions_are_those_of_the_specs() -> None:
    assert {case: envoy_of(case.plan().istio_version) for case in MINORS} == MINORS
