"""What labspec keeps in an output folder beside the generated files: the record of a build, and the journal of a running one.

The steps of a write are data, so that a write which was killed goes on from its journal as it would have from memory.
"""

import errno
import hashlib
import json
import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import labspec
from labspec.errors import TreeError

RECORD = ".labspec.json"
"""What was generated: digests by path, and the settings of each form of the lab. It never lists itself."""
JOURNAL = ".labspec.journal"
"""The steps of a write that has begun; gone once it is done."""
STAGE = ".labspec.stage"
"""A folder with the new files of a write that has begun, each named by the position of its step."""

_STAGED_JOURNAL = "journal"
_FILE = "sha256:"
_LINK = "link:"
_FOLDER = "folder"
_SPECIAL = "special"
_BLOCKED = "blocked:"

Settings = Mapping[str, Mapping[str, str]]
"""What each form of a lab means: facts by their names (labspec.meaning)."""
NO_SETTINGS: Settings = MappingProxyType({})


class Found(NamedTuple):
    """What stands at a path of the output folder."""

    content: str | None
    """A regular file's digest, another kind of entry, or None where nothing stands. Two equal values mean equal content."""
    executable: bool = False

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return self.content is not None and self.content.startswith(_FILE)

    @property
    def can_be_replaced(self) -> bool:
        """Whether a file can be renamed over it and nothing else is lost with it."""
        return self.is_file or (self.content is not None and self.content.startswith(_LINK))

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.content == _FOLDER

    @property
    def blocked_by(self) -> str | None:
        """The parent that is no folder, or a symbolic link to one, so that the path does not lie in the output folder."""
        return self.content.removeprefix(_BLOCKED) if self.content and self.content.startswith(_BLOCKED) else None


class Step(NamedTuple):
    """One step of a write. It is taken only while its path holds what was expected."""

    kind: Literal["write", "mode", "remove"]
    path: str
    before: str | None
    """`Found.content` that the path must hold."""
    after: str | None
    """Digest of what it holds then, None for nothing."""
    executable: bool = False


def digest(text: str) -> str:
    """The digest of a file with this text, as the record and `Found.content` have it."""
    return _FILE + hashlib.sha256(text.encode()).hexdigest()


def is_target(path: str) -> bool:
    """Whether a generated file may have this path: below the output folder, and none of labspec's own names."""
    parts = path.split("/")
    return (
        path.isprintable()
        and "\\" not in path
        and {"", ".", ".."}.isdisjoint(parts)
        and parts[0] not in {RECORD, JOURNAL, STAGE}
    )


def look(folder: Path, path: str) -> Found:
    """What stands at a path below the folder; no symbolic link is followed. Raises OSError."""
    *parents, name = path.split("/")
    place = folder
    for depth, parent in enumerate(parents, 1):
        place /= parent
        mode = _mode(place)
        if mode is None:
            return Found(None)
        if not stat.S_ISDIR(mode):
            return Found(_BLOCKED + "/".join(parents[:depth]))
    return _entry(place / name)


def _entry(place: Path) -> Found:
    mode = _mode(place)
    if mode is None:
        return Found(None)
    if stat.S_ISLNK(mode):
        return Found(_LINK + str(place.readlink()))
    if stat.S_ISDIR(mode):
        return Found(_FOLDER)
    if not stat.S_ISREG(mode):
        return Found(_SPECIAL)
    with place.open("rb") as file:
        return Found(_FILE + hashlib.file_digest(file, "sha256").hexdigest(), bool(mode & stat.S_IXUSR))


def _mode(place: Path) -> int | None:
    try:
        return place.lstat().st_mode
    except FileNotFoundError:
        return None


def record_text(digests: Mapping[str, str], settings: Settings) -> str:
    """The record of these files and settings: same files and settings, same bytes. Settings keep their order: people read them in it."""
    told = {"settings": settings} if settings else {}
    files = dict(sorted(digests.items()))
    record = {"files": files, "generatedBy": "labspec", **told, "version": labspec.__version__}
    return json.dumps(record, indent=2) + "\n"


def read_record(folder: Path) -> dict[str, str] | None:
    """The digests by path that the last build recorded: empty where there is no record, None where it is not labspec's.

    Paths that no generated file may have are left out: nothing outside the folder is ever removed. Raises OSError.
    """
    found = look(folder, RECORD)
    if found.content is None:
        return {}
    record = _record(folder) if found.is_file else None
    if record is None or not isinstance(record.get("files"), dict):
        return None
    files = record["files"].items()
    return {
        path: known for path, known in files if is_target(path) and isinstance(known, str) and known.startswith(_FILE)
    }


def read_settings(folder: Path) -> Settings | None:
    """The settings that the last build recorded; None where there is no record, or it has none. Raises OSError."""
    record = _record(folder) if look(folder, RECORD).is_file else None
    settings = record.get("settings") if record else None
    if not isinstance(settings, dict) or not settings:
        return None
    for facts in settings.values():
        if not isinstance(facts, dict) or not all(isinstance(value, str) for value in facts.values()):
            return None
    return settings


def _record(folder: Path) -> dict[str, Any] | None:
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and record.get("generatedBy") == "labspec" else None


def stage(folder: Path, steps: Sequence[Step], texts: Mapping[str, str]) -> None:
    """Stage the new files and begin the journal, so that `roll_forward` can finish. Raises OSError.

    Only the journal is synced to the disk. After a power cut a staged file may be short: its digest tells, and it is not used.
    """
    place = folder / STAGE
    try:
        place.mkdir()
        for position, step in enumerate(steps):
            if step.kind == "write":
                _create(place / str(position), texts[step.path], executable=step.executable)
        journal = {"generatedBy": "labspec", "steps": [step._asdict() for step in steps]}
        _create(place / _STAGED_JOURNAL, json.dumps(journal, indent=2) + "\n", synced=True)
        (place / _STAGED_JOURNAL).replace(folder / JOURNAL)
    except BaseException:
        discard_stage(folder)
        raise
    _sync(folder)


def _create(place: Path, text: str, *, executable: bool = False, synced: bool = False) -> None:
    def opener(name: str, flags: int) -> int:
        return os.open(name, flags, 0o755 if executable else 0o644)

    with open(place, "xb", opener=opener) as file:
        file.write(text.encode())
        if synced:
            file.flush()
            os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    if os.name != "posix":
        return  # elsewhere a folder cannot be opened
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def discard_stage(folder: Path) -> None:
    """Remove the stage folder, if there is one, with what `stage` put there and nothing else. Raises OSError."""
    place = folder / STAGE
    mode = _mode(place)
    if mode is None:
        return
    if not stat.S_ISDIR(mode):
        raise NotADirectoryError(errno.ENOTDIR, "not labspec's stage folder; move it away", str(place))
    for entry in place.iterdir():
        if entry.name.isdecimal() or entry.name == _STAGED_JOURNAL:
            entry.unlink()
    place.rmdir()


def read_journal(folder: Path) -> tuple[Step, ...] | None:
    """The steps of the write that was interrupted, None where none was. Raises TreeError for a broken journal, and OSError."""
    place = folder / JOURNAL
    try:
        return tuple(_step(**step) for step in json.loads(place.read_text(encoding="utf-8"))["steps"])
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise TreeError(
            f"{place} cannot be read, so the write that it belongs to cannot be finished; "
            f"remove it and the folder {STAGE} beside it, then build again: files that differ are kept"
        ) from error


def _step(*, kind: object, path: object, before: object, after: object, executable: object) -> Step:
    match kind, path, before, after, executable:
        case (("write" | "mode" | "remove"), str(), (str() | None), (str() | None), bool()):
            if is_target(path) or path == RECORD:
                return Step(kind, path, before, after, executable)
        case _:
            pass
    raise ValueError("not a step of a write")


def roll_forward(folder: Path, steps: Sequence[Step]) -> frozenset[str]:
    """Take the steps, then remove stage and journal; taking them again after a kill ends in the same tree.

    Returns the paths that somebody changed since the steps were planned: these are left as they are. Raises OSError.
    """
    skipped = set()
    for position, step in enumerate(steps):
        if not _take(folder, step, position):
            skipped.add(step.path)
    discard_stage(folder)
    (folder / JOURNAL).unlink()
    return frozenset(skipped)


def _take(folder: Path, step: Step, position: int) -> bool:
    found = look(folder, step.path)
    match step.kind:
        case "write":
            return found.content == step.before and _write(folder, step, position)
        case "mode":
            return found.content == step.after and _set_mode(folder / step.path, executable=step.executable)
        case "remove":
            return found.content in {step.before, None} and _remove(folder, step.path)


def _write(folder: Path, step: Step, position: int) -> bool:
    staged = f"{STAGE}/{position}"
    if look(folder, staged).content != step.after:
        return False  # a power cut left it short
    target = folder / step.path
    target.parent.mkdir(parents=True, exist_ok=True)
    (folder / staged).replace(target)
    return True


def _set_mode(place: Path, *, executable: bool) -> bool:
    mode = stat.S_IMODE(place.lstat().st_mode)
    place.chmod(mode | 0o100 | (mode & 0o044) >> 2 if executable else mode & ~0o111)
    return True


def _remove(folder: Path, path: str) -> bool:
    (folder / path).unlink(missing_ok=True)
    for parent in list(Path(path).parents)[:-1]:
        with suppress(OSError):  # not empty, or gone before the kill
            (folder / parent).rmdir()
    return True
