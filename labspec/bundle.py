"""What a build gives: whole files in memory, by their path below the output folder."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class File(NamedTuple):
    """One generated file."""

    path: str
    """Relative to the output folder, with `/` between its parts."""
    text: str
    executable: bool = False


class Bundle:
    """Generated files by path, each added once.

    Raises ValueError for a path that is taken, that lies under another file, or that leaves the folder.
    """

    def __init__(self, files: Iterable[File]) -> None:
        self._files: dict[str, File] = {}
        self._folders: set[str] = set()
        for file in files:
            self._add(file)

    def __iter__(self) -> Iterator[File]:
        return iter(self._files[path] for path in sorted(self._files))

    def __len__(self) -> int:
        return len(self._files)

    def __contains__(self, path: object) -> bool:
        return path in self._files

    def __getitem__(self, path: str) -> File:
        return self._files[path]

    def _add(self, file: File) -> None:
        parts = file.path.split("/")
        if any(part in {"", ".", ".."} or "\\" in part for part in parts):
            msg = f"{file.path!r} is not a path below the output folder"
            raise ValueError(msg)
        folders = {"/".join(parts[:depth]) for depth in range(1, len(parts))}
        if file.path in self._files or file.path in self._folders or not folders.isdisjoint(self._files):
            msg = f"{file.path!r} is taken"
            raise ValueError(msg)
        self._files[file.path] = file
        self._folders |= folders
