"""The folder of a rehearsal, and its processes: both are gone when it ends, however it ends.

Everything that a rehearsal starts is in one process group, whose leader is a shell that waits for the end of a pipe. The pipe's
other end is held by labspec alone, so the shell notices the end of labspec even where that was killed, ends the group and removes the
folder. (A child of labspec holds the pipe until it is in the group and has become another program: none is missed.)
The folder is locked while labspec lives; one that is not, the next rehearsal removes.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

from labspec.rehearse.errors import RehearsalError

_PREFIX = "labspec-rehearsal-"
_GUARD = """\
trap '' HUP INT TERM
read -r word
[ "$word" = done ] && kill -KILL 0
kill -TERM 0
rm -rf -- "$1"
sleep 1
rm -rf -- "$1"
kill -KILL 0
"""
_SMALL = 2**17
"""Bytes below which a file system counts as full."""
_GRACE = 2.0
"""Seconds that a process has to end when it is asked to."""


class Process(NamedTuple):
    """A program that takes part in a rehearsal."""

    what: str
    """What people call it: `the sidecar of backend`."""
    running: subprocess.Popen[bytes]
    said: Path
    """Its stderr."""


class Workspace:
    """A folder, and the processes that use it."""

    def __init__(self, folder: Path, guard: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self._guard = guard
        self.processes: list[Process] = []

    def write(self, name: str, text: str) -> Path:
        """A file in the folder; raises RehearsalError where it cannot be written."""
        path = self.folder / name
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise unwritable(error, self.folder) from None
        return path

    def start(self, what: str, command: Sequence[str], name: str) -> Process:
        """Starts a program whose output goes to `name`.out and `name`.err; raises RehearsalError where it cannot be started."""
        try:
            with (
                (self.folder / f"{name}.out").open("wb") as out,
                (self.folder / f"{name}.err").open("wb") as err,
            ):
                running = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    process_group=self._guard.pid,
                )
        except OSError as error:
            raise RehearsalError(f"{what} does not start: {command[0]}: {error.strerror or error}") from None
        process = Process(what, running, self.folder / f"{name}.err")
        self.processes.append(process)
        return process

    def check(self) -> None:
        """Raises RehearsalError where a process has ended by itself."""
        for process in self.processes:
            status = process.running.poll()
            if status is not None:
                raise RehearsalError(
                    f"{process.what} ended {how(status)} before the rehearsal did: no verdict", last_words(process.said)
                )
        if self._guard.poll() is not None:
            raise RehearsalError("the process that watches over the rehearsal ended: no verdict")

    def room(self) -> str:
        """What to know where files are not what they should be."""
        if shutil.disk_usage(self.folder).free < _SMALL:
            return f"{self.folder.parent} is full: free some space, or name another folder with TMPDIR"
        return ""

    def stop(self) -> None:
        """Ends the processes: asks first, then insists."""
        alive = [process.running for process in self.processes if process.running.poll() is None]
        for running in alive:
            running.terminate()
        until = time.monotonic() + _GRACE
        for running in alive:
            try:
                running.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()
        self.processes = []


@contextmanager
def workspace() -> Iterator[Workspace]:
    """A folder in the place for temporary files, removed at the end with all that was started in it."""
    try:
        sweep()
        folder, lock = _locked_folder()
    except OSError as error:
        raise unwritable(error) from None
    try:
        guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "guard", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        space = Workspace(folder, guard)
        try:
            yield space
        finally:
            space.stop()
            _dismiss(guard)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _dismiss(guard: subprocess.Popen[bytes]) -> None:
    pipe: IO[bytes] | None = guard.stdin
    assert pipe is not None  # noqa: S101  # it was asked for
    with suppress(OSError):
        pipe.write(b"done\n")
        pipe.close()
    try:
        guard.wait(_GRACE)
    except subprocess.TimeoutExpired:
        guard.kill()
        guard.wait()


def _locked_folder() -> tuple[Path, int]:
    """A new folder that nobody sweeps away."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        with suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Another run may have taken it for a left one before the lock.
            if folder.exists():
                return folder, lock
            os.close(lock)


def sweep() -> None:
    """Removes the folders of rehearsals that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            lock = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            pass  # its rehearsal is running
        finally:
            os.close(lock)


def how(status: int) -> str:
    """How a process ended: `with status 1`, `by SIGKILL`."""
    if status >= 0:
        return f"with status {status}"
    try:
        return f"by {signal.Signals(-status).name}"
    except ValueError:
        return f"by signal {-status}"


def last_words(path: Path) -> str:
    """The last lines that a program wrote; empty where there are none."""
    try:
        lines = path.read_bytes()[-4000:].decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return "\n  ".join(["it said:", *lines[-4:]]) if lines else ""


def unwritable(error: OSError, place: Path | None = None) -> RehearsalError:
    """The error for a folder that takes no file; None is that for temporary files."""
    # Without any folder for them Python says so itself, and names those that it tried.
    found = place or tempfile.tempdir
    return RehearsalError(
        f"{found} cannot be written: {error.strerror or error}" if found else str(error.strerror or error),
        "free some space, or name another folder with TMPDIR",
    )
