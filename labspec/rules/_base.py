"""What a rule is."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from labspec.finding import Path
from labspec.lab import Lab
from labspec.mesh import Mesh
from labspec.predict.values import Prediction


class Hit(NamedTuple):
    """One place where a rule finds something."""

    path: Path
    message: str
    help: str = ""
    start: int | None = None
    """Inside a string value: the index of the character that is meant, and how many."""
    width: int = 1
    key: bool = False
    """The key is meant, not its value."""


class Rule(NamedTuple):
    """Something to tell the author of a spec that can be read."""

    id: str
    severity: str
    summary: str
    """One line: what is found."""
    why: str
    """What happens, and why."""
    failing: str
    """A part of a spec that it finds something in."""
    mended: str
    """The same part, mended."""
    source: str
    """Where the fact behind it stands."""
    on_lab: Callable[[Lab], Iterator[Hit]] | None = None
    on_mesh: Callable[[Lab, Mesh], Iterator[Hit]] | None = None
    on_prediction: Callable[[Lab, Mesh, Prediction], Iterator[Hit]] | None = None
    """Runs where the calls of the lab could be followed: no rule on the lab found an error in `services`."""
    needs: tuple[str, ...] = ()
    """Places of the spec that must have been read for the rule to speak."""
    acceptable: bool = False
    """Whether `accept` makes its error a warning; warnings always can be accepted."""
