"""What the tests of the tree share: bundles, and what stands in a folder."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from labspec.bundle import Bundle, File
from labspec.tree import JOURNAL, RECORD, differences, write
from labspec.treestate import STAGE

OWN = {JOURNAL, STAGE}


def bundle(files: Mapping[str, str]) -> Bundle:
    """Files of these texts; those in scripts/ are executable."""
    return Bundle(File(path, text, executable=path.startswith("scripts/")) for path, text in files.items())


def put(folder: Path, path: str, text: str) -> Path:
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    return place


def tree(folder: Path) -> dict[str, tuple[str, bool]]:
    """Every entry below the folder: what it holds, and whether it is executable."""
    return {str(place.relative_to(folder)): entry(place) for place in folder.rglob("*")}


def entry(place: Path) -> tuple[str, bool]:
    if place.is_symlink():
        return f"-> {place.readlink()}", False
    if place.is_dir():
        return "/", False
    return place.read_text(errors="replace"), bool(place.stat().st_mode & 0o100)


def recorded(folder: Path) -> dict[str, str]:
    files: dict[str, str] = json.loads((folder / RECORD).read_text())["files"]
    return files


def stamps(folder: Path) -> dict[Path, tuple[int, int]]:
    return {place: (place.stat().st_mtime_ns, place.stat().st_ino) for place in (folder, *folder.rglob("*"))}


def kinds(files: Mapping[str, str], folder: Path) -> dict[str, str]:
    return {difference.path: difference.kind for difference in differences(bundle(files), folder)}


OLD = {"README.md": "one", "base/a.yaml": "a", "base/b.yaml": "b", "overlays/x/k.yaml": "x", "scripts/lab.sh": "#!"}
NEW = {
    "README.md": "two",
    "base/a.yaml": "a",
    "istio/operator.yaml": "op",
    "scripts/lab.sh": "#!2",
    "scripts/ui.sh": "#!",
}


class Killed(BaseException):
    pass


CALLS = ("open", "mkdir", "replace", "unlink", "remove", "rename", "rmdir", "chmod", "fsync")


@contextmanager
def killed_at(call: int) -> Iterator[list[str]]:
    """The process is dead from its n-th call that changes the disk: this one and all later ones do not happen."""
    made: list[str] = []

    def limit(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def limited(*arguments: Any, **named: Any) -> Any:
            made.append(name)
            if len(made) >= call:
                raise Killed
            return real(*arguments, **named)

        return limited

    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, limit(name, getattr(os, name)))
        yield made


def kill(call: int, files: Mapping[str, str], folder: Path, *, force: bool = False) -> bool:
    """Whether the write was killed before its end."""
    try:
        with killed_at(call):
            write(bundle(files), folder, force=force)
    except Killed:
        return True
    return False
