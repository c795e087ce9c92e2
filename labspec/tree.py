"""Writing generated files into an output folder: whole files only, and nothing of what somebody else put there is lost.

A file is replaced or removed only if its content is what an earlier build recorded; anything else is kept and reported.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from labspec import treestate
from labspec.bundle import Bundle, File
from labspec.errors import TreeError
from labspec.treestate import JOURNAL, NO_SETTINGS, RECORD, STAGE, Found, Settings, Step, digest, is_target, look

__all__ = ["JOURNAL", "RECORD", "Change", "Difference", "Report", "differences", "recover", "write"]


class Change(StrEnum):
    """What a write did with a path, or what a comparison found at it."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    KEPT = "kept"
    """Somebody changed it since labspec wrote it, or put it where a generated file belongs."""
    FOREIGN = "foreign"
    """Not labspec's; left alone."""
    MISSING = "missing"
    CHANGED = "changed"
    STALE = "stale"
    """Generated once, and no longer part of the bundle."""
    MODE = "mode"
    """Right content, wrong executable bit."""
    JOURNAL = "journal"
    """A write was interrupted here."""


class Report(NamedTuple):
    """What `write` did: sorted paths. The record counts as a file; a folder without generated files is one foreign path, with `/`."""

    written: tuple[str, ...]
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]
    foreign: tuple[str, ...]


class Difference(NamedTuple):
    """One path where the folder is not what `write` would make of it without anybody's changes."""

    path: str
    kind: Change
    """MISSING, CHANGED, STALE, MODE or JOURNAL."""
    diff: str
    """Unified diff from the folder's text to the generated one; empty where there is no text to compare."""


class _Plan:
    """What a write into the folder would do, decided by looking only. Raises OSError.

    A kept file keeps its old digest in the record, also when the bundle no longer has it, so that every later build
    still knows it as a generated file that somebody changed.
    """

    def __init__(self, bundle: Bundle, folder: Path, settings: Settings, *, force: bool) -> None:
        self._folder = folder
        self._settings = settings
        self._force = force
        record = treestate.read_record(folder)
        self._recorded = record or {}
        self._digests: dict[str, str] = {}
        self.steps: list[Step] = []
        self.texts: dict[str, str] = {}
        self.changes: dict[str, Change] = {}
        self.differences: dict[str, Change] = {}
        self.obstacles: list[str] = []
        for file in bundle:
            self._plan_file(file)
        for path in sorted(self._recorded):
            if path not in bundle:
                self._plan_former(path)
        self._plan_record(is_ours=record is not None)

    def _plan_file(self, file: File) -> None:
        if not is_target(file.path):
            raise ValueError(f"{file.path!r} is no path for a generated file")
        found = look(self._folder, file.path)
        new, old = digest(file.text), self._recorded.get(file.path)
        is_new = self._plan_target(file, found, new, replace=self._force or found.content == old)
        recorded = new if is_new else old
        if recorded is not None:
            self._digests[file.path] = recorded

    def _plan_target(self, file: File, found: Found, new: str, *, replace: bool) -> bool:
        """Whether the path holds the file afterwards."""
        self.texts[file.path] = file.text
        if found.content == new:
            self._plan_mode(file, found, new)
            return True
        if found.content is None or (replace and found.can_be_replaced):
            self.steps.append(Step("write", file.path, found.content, new, file.executable))
            self._decide(file.path, Change.WRITTEN, Change.MISSING if found.content is None else Change.CHANGED)
            return True
        self._decide(file.path, Change.KEPT, Change.CHANGED)
        place = self._folder / file.path
        if found.blocked_by is not None:
            blocker = self._folder / found.blocked_by
            self.obstacles.append(
                f"{place} cannot be written: {blocker} is not a folder but a file or a link; move it away"
            )
        elif replace:
            what = "a folder" if found.is_folder else "no regular file"
            self.obstacles.append(f"{place} cannot be written: {what} is there; move it away")
        return False

    def _plan_mode(self, file: File, found: Found, new: str) -> None:
        if found.executable == file.executable or os.name != "posix":
            self.changes[file.path] = Change.UNCHANGED
            return
        self.steps.append(Step("mode", file.path, new, new, file.executable))
        self._decide(file.path, Change.WRITTEN, Change.MODE)

    def _plan_former(self, path: str) -> None:
        found, old = look(self._folder, path), self._recorded[path]
        if found.content is None or found.is_folder or found.blocked_by is not None:
            return  # the generated file is gone; what took its place is foreign
        if found.content == old or (self._force and found.can_be_replaced):
            self.steps.append(Step("remove", path, found.content, None))
            self._decide(path, Change.REMOVED, Change.STALE)
            return
        self._digests[path] = old
        self._decide(path, Change.KEPT, Change.STALE)

    def _plan_record(self, *, is_ours: bool) -> None:
        file = File(RECORD, treestate.record_text(self._digests, self._settings))
        found = look(self._folder, RECORD)
        # Nobody needs a mode of the record, so any is right.
        found = found._replace(executable=False)
        if not self._plan_target(file, found, digest(file.text), replace=is_ours or self._force) and not self._force:
            self.obstacles.append(
                f"{self._folder / RECORD} is not a record that labspec wrote; restore it, or move it away "
                "(files that differ from the generated ones are then kept)"
            )

    def _decide(self, path: str, change: Change, difference: Change) -> None:
        self.changes[path] = change
        self.differences[path] = difference


def write(bundle: Bundle, folder: Path, *, settings: Settings = NO_SETTINGS, force: bool = False) -> Report:
    """Write the files into the folder, which is made if absent, and remove those that only an earlier build generated.

    With `force`, files that somebody changed, or put where a generated one belongs, are replaced or removed too; foreign
    files never are. A write that was interrupted is finished first. Nothing is touched where nothing differs.
    Raises TreeError where the folder cannot be written, ValueError for a path that labspec needs itself.
    """
    with _explained(folder):
        _make(folder)
        with _locked(folder):
            _finish(folder)
            plan = _Plan(bundle, folder, settings, force=force)
            obstacles = [*plan.obstacles, *_read_only(folder, plan.steps)]
            if obstacles:
                raise TreeError("\n".join(obstacles))
            changes = plan.changes
            if plan.steps:
                treestate.stage(folder, plan.steps, plan.texts)
                changes |= dict.fromkeys(treestate.roll_forward(folder, plan.steps), Change.KEPT)
            ours = [path for path, change in changes.items() if change is not Change.REMOVED]
            changes |= dict.fromkeys(_foreign(folder, ours), Change.FOREIGN)
    kinds = (Change.WRITTEN, Change.UNCHANGED, Change.REMOVED, Change.KEPT, Change.FOREIGN)
    return Report(*(tuple(path for path in sorted(changes) if changes[path] is kind) for kind in kinds))


def differences(bundle: Bundle, folder: Path, *, settings: Settings = NO_SETTINGS) -> tuple[Difference, ...]:
    """Where the folder is not what `write` would make of it, by path; foreign files are no difference. Writes nothing.

    Raises TreeError where the folder cannot be read, ValueError for a path that labspec needs itself.
    """
    with _explained(folder):
        if os.path.lexists(folder) and not folder.is_dir():
            raise TreeError(f"{folder} is not a folder")
        plan = _Plan(bundle, folder, settings, force=False)
        found = [
            Difference(path, kind, "" if kind is Change.MODE else _diff(folder, path, plan.texts.get(path)))
            for path, kind in plan.differences.items()
        ]
        if os.path.lexists(folder / JOURNAL):
            found.append(Difference(JOURNAL, Change.JOURNAL, ""))
    return tuple(sorted(found))


def recover(folder: Path) -> bool:
    """Finish a write into the folder that was interrupted; whether there was one.

    Files that somebody changed since are left as they are. Raises TreeError where it cannot be finished.
    """
    with _explained(folder):
        if not folder.is_dir():
            return False
        with _locked(folder):
            return _finish(folder)


def _finish(folder: Path) -> bool:
    steps = treestate.read_journal(folder)
    if steps is None:
        treestate.discard_stage(folder)
        return False
    treestate.roll_forward(folder, steps)
    return True


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise TreeError(f"{folder} is not a folder, or lies below a file") from error


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        later = "; the write is half done and the next build finishes it" if os.path.lexists(folder / JOURNAL) else ""
        raise TreeError(f"{error.filename or folder}: {error.strerror or error}{later}") from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        import fcntl  # noqa: PLC0415 - not everywhere
    except ImportError:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TreeError(f"another build is writing {folder}") from None
        except OSError:
            pass  # a filesystem without locks
        yield
    finally:
        os.close(descriptor)


def _read_only(folder: Path, steps: Iterable[Step]) -> Iterator[str]:
    """A folder that cannot be written is refused before the first step, not found halfway."""
    parents = {folder.joinpath(step.path).parent for step in steps if step.kind != "mode"}
    for parent in sorted(parents):
        there = next(place for place in (parent, *parent.parents) if place.exists())
        if not os.access(there, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            yield f"{there}: no permission to write into this folder"


def _foreign(folder: Path, ours: Iterable[str]) -> Iterator[str]:
    own = {RECORD, JOURNAL, STAGE, *ours}
    folders = {str(parent) for path in own for parent in Path(path).parents}
    pending = [""]
    while pending:
        prefix = pending.pop()
        with os.scandir(folder / prefix) as entries:
            for entry in entries:
                path = prefix + entry.name
                if path in own:
                    continue
                if not entry.is_dir(follow_symlinks=False):
                    yield path
                elif path in folders:
                    pending.append(f"{path}/")
                else:
                    yield f"{path}/"


def _diff(folder: Path, path: str, new: str | None) -> str:
    import difflib  # noqa: PLC0415 - only a comparison pays for it

    found = look(folder, path)
    if found.content is not None and not found.is_file:
        return ""
    try:
        old = (folder / path).read_bytes().decode() if found.is_file else None
    except UnicodeDecodeError:
        return ""
    names = ("/dev/null" if old is None else f"a/{path}", "/dev/null" if new is None else f"b/{path}")
    return "".join(difflib.unified_diff(_lines(old or ""), _lines(new or ""), *names))


def _lines(text: str) -> list[str]:
    *whole, rest = text.split("\n")
    lines = [f"{line}\n" for line in whole]
    return [*lines, f"{rest}\n\\ No newline at end of file\n"] if rest else lines
