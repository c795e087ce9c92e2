"""What the commands share: the forms of what they print, words on stderr, what was asked for on stdout or in a file, and errors that end a run."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import TextIO

import typer

from labspec.errors import LabspecError, UsageError
from labspec.people import People
from labspec.shell import quote

# For terminals that have no such characters.
_PLAIN = str.maketrans({"└": "`", "├": "|", "│": "|", "─": "-", "…": "...", "━": "="})


class Form(StrEnum):
    """How a report is printed."""

    TEXT = "text"
    JSON = "json"


class Findings(StrEnum):
    """How the findings of `check` are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


class Drawing(StrEnum):
    """How a prediction is printed."""

    TEXT = "text"
    MERMAID = "mermaid"
    JSON = "json"


def on_stderr(*, quiet: bool = False) -> People:
    """The person at the terminal."""
    return People(say, quiet=quiet, colour=_colour(sys.stderr))


def on_stdout() -> People:
    """The page: what a command is asked for."""
    return People(_print, colour=_colour(sys.stdout))


def say(text: str) -> None:
    """Says something on stderr."""
    typer.echo(text, err=True)


@contextmanager
def errors() -> Iterator[None]:
    """Ends the run where it cannot go on, with the message and the exit status of the error."""
    try:
        yield
    except LabspecError as error:
        say(f"error: {error}")
        raise typer.Exit(error.exit_code) from None


def save(path: str, text: str, *, force: bool) -> None:
    """Writes a file whole or not at all; raises UsageError where it cannot, or where `path` is there already and `force` does not say to overwrite it."""
    if not path:
        raise UsageError("-o needs the name of a file; - is standard output")
    # Through a link, so that it stays one.
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise UsageError(f"{path}: is a directory; name a file in it")
    if target.exists() and not target.is_file():
        raise UsageError(f"{path}: is no file that could be overwritten")
    if target.exists() and not force:
        raise UsageError(f"{path}: is there already: left as it is\n  help: --force overwrites it")
    try:
        replace(target, text)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from None


def replace(target: Path, text: str) -> None:
    """Makes `text` the whole of a file, which keeps what it had where that fails; raises OSError."""
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8", newline="\n")
        beside.replace(target)
    finally:
        with suppress(OSError):
            beside.unlink()


def told_next(path: str) -> str:
    """The commands that come after a spec was written to `path`."""
    spec, schema = quote(path), quote(str(Path(path).with_name("schema.json")))
    found = [
        (f"labspec schema > {schema}", "for editors: completion, and what each key means"),
        (f"labspec predict {spec}", "what each request will do"),
        (f"labspec build {spec}", "everything that runs the lab, and its guide"),
    ]
    width = max(len(command) for command, _ in found)
    return "\n".join(["next:", *(f"  {command.ljust(width)}   # {purpose}" for command, purpose in found)])


def _print(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_PLAIN).encode(encoding, "backslashreplace").decode(encoding)
    try:
        typer.echo(text, nl=False)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise LabspecError(f"stdout cannot be written: {error.strerror or error}") from None


def _colour(stream: TextIO | None) -> bool:
    return (
        stream is not None and stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )
