"""The folder of a rehearsal and its processes: both are gone when it ends, however it ends."""

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labspec.rehearse.errors import RehearsalError
from labspec.rehearse.workspace import how, last_words, sweep, workspace
from tests.conftest import ROOT

pytestmark = pytest.mark.usefixtures("ctrl_c")

SLEEP = ("sleep", "60")
EARLY = "before the rehearsal did: no verdict"


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The place for temporary files, for this test alone; nothing is left in it."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    assert list(folder.iterdir()) == []


def is_running(process: int) -> bool:
    """Whether there is such a process; one that ended and nobody waited for counts as none."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def soon(done: Callable[[], bool], seconds: float = 3) -> bool:
    """Whether it is so within that time."""
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.02)
    return done()


def test_all_ends_with_it(temporary: Path) -> None:
    with workspace() as space:
        started = [space.start(f"the {number}", SLEEP, str(number)).running for number in range(3)]
        written = space.write("a.json", "{}\u00e9")
        space.check()
        assert list(temporary.iterdir()) == [space.folder]
        assert written == space.folder / "a.json"
        assert written.read_text() == "{}\u00e9"
        assert space.folder.stat().st_mode & 0o077 == 0
        assert len({os.getpgid(each.pid) for each in started}) == 1
        assert os.getpgid(started[0].pid) != os.getpgid(0)
    assert [each.returncode for each in started] == [-signal.SIGTERM] * 3


def test_all_ends_with_an_error_too() -> None:
    def fail() -> None:
        with workspace() as space:
            started.append(space.start("a", SLEEP, "a").running)
            raise KeyError

    started: list[subprocess.Popen[bytes]] = []
    with pytest.raises(KeyError):
        fail()
    assert started[0].returncode == -signal.SIGTERM


def test_what_does_not_want_to_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labspec.rehearse.workspace._GRACE", 0.1)
    with workspace() as space:
        stubborn = space.start("a", ("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"), "a").running
        assert soon(lambda: (space.folder / "a.out").read_text() == "ready\n")
    assert stubborn.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            "echo no >&2; for n in 1 2 3 4 5; do echo line $n >&2; done; exit 3",
            f"the sidecar of b ended with status 3 {EARLY}\n  help: it said:\n  line 2\n  line 3\n  line 4\n  line 5",
        ),
        ("exit 0", f"the sidecar of b ended with status 0 {EARLY}"),
        ("kill -9 $$", f"the sidecar of b ended by SIGKILL {EARLY}"),
    ],
)
def test_a_process_that_ends_early_is_named(script: str, words: str) -> None:
    with workspace() as space:
        space.start("the sidecar of a", SLEEP, "a")
        space.start("the sidecar of b", ("sh", "-c", script), "b").running.wait()
        with pytest.raises(RehearsalError) as caught:
            space.check()
    assert str(caught.value) == words


def test_a_program_that_is_not_there() -> None:
    with workspace() as space, pytest.raises(RehearsalError) as caught:
        space.start("the sidecar of a", ("/no/such/envoy",), "a")
    assert str(caught.value) == "the sidecar of a does not start: /no/such/envoy: No such file or directory"


def test_a_folder_that_went_away() -> None:
    with workspace() as space:
        space.folder.rmdir()
        with pytest.raises(RehearsalError, match=r" cannot be written: No such file .*\n  help: .* TMPDIR"):
            space.write("a.json", "")


def test_no_place_for_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/no/such/folder")
    with pytest.raises(RehearsalError, match=r"^/no/such/folder cannot be written: No such file .*\n  help: .* TMPDIR"):
        workspace().__enter__()


def test_the_end_of_its_guard_is_noticed() -> None:
    with workspace() as space:
        space._guard.kill()
        space._guard.wait()
        with pytest.raises(RehearsalError, match=r"^the process that watches over the rehearsal ended: no verdict$"):
            space.check()


CHILD = """
import sys
from labspec.rehearse.workspace import workspace
with workspace() as space:
    started = [space.start("a", ("sleep", "60"), "a"), space.start("b", ("sh", "-c", "sleep 61 & wait"), "b")]
    print(space.folder, space._guard.pid, *(each.running.pid for each in started), flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_when_labspec_is_ended(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        folder, *processes = child.stdout.readline().decode().split()
        assert all(is_running(int(each)) for each in processes)
        child.send_signal(number)
        assert child.wait(5) in {-number, 1, 130}
        assert soon(lambda: not any(is_running(int(each)) for each in processes))
        assert soon(lambda: not Path(folder).exists())


def locked(folder: Path) -> int:
    folder.mkdir()
    lock = os.open(folder, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def test_what_a_killed_rehearsal_left_is_swept_away(temporary: Path) -> None:
    left, running = temporary / "labspec-rehearsal-left", temporary / "labspec-rehearsal-running"
    (left / "deep").mkdir(parents=True)
    (left / "deep" / "a.json").touch()
    others = [temporary / "somebody", temporary / "labspec-rehearsal-link", temporary / "labspec-rehearsal-file"]
    others[0].mkdir()
    others[1].symlink_to(others[0])
    others[2].touch()
    lock = locked(running)
    sweep()
    assert set(temporary.iterdir()) == {running, others[0], others[1], others[2]}
    os.close(lock)
    with workspace() as space:
        assert not running.exists()
        sweep()
        assert space.folder.exists()
    others[0].rmdir()
    others[1].unlink()
    others[2].unlink()


def test_words() -> None:
    assert [how(0), how(3), how(-9), how(-99)] == ["with status 0", "with status 3", "by SIGKILL", "by signal 99"]


def test_last_words(tmp_path: Path) -> None:
    said = tmp_path / "a.err"
    assert last_words(said) == ""
    said.write_text("")
    assert last_words(said) == ""
    said.write_bytes(b"x" * 9000 + b"\none\n\xfftwo\n")
    assert last_words(said).split("\n")[-2:] == ["  one", "  \ufffdtwo"]
