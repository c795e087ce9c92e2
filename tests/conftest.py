"""What the tests share: the specs, and how a tree of generated files is a snapshot."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation
from syrupy.types import SnapshotIndex

from labspec.compile import compiled
from labspec.plan import Plan
from tests.real.verification import pytest_runtest_logreport, pytest_sessionfinish, pytest_testnodedown

# Here and not beside the real tier: the process that distributes a run loads only this one.
__all__ = ["pytest_runtest_logreport", "pytest_sessionfinish", "pytest_testnodedown"]

ROOT = Path(__file__).parent.parent
SPECS = sorted([*(ROOT / "specs").glob("*.yaml"), *(ROOT / "tests" / "labs").glob("*.yaml")])


# CI tries the same examples each time: what it finds, others find too.
settings.register_profile("steady", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("steady")


def plan_of(spec: Path | str) -> Plan:
    """The plan of a spec, given as a file or as its text; fails with its findings."""
    name, content = (spec.name, spec.read_bytes()) if isinstance(spec, Path) else ("lab.yaml", spec.encode())
    result = compiled(name, content)
    assert result.plan is not None, result.findings
    return result.plan


class Tree(SingleFileSnapshotExtension):
    """Each generated file is a snapshot file at its own path below tests/golden."""

    file_extension = ""
    _write_mode = WriteMode.TEXT

    @classmethod
    def get_location(cls, *, test_location: PyTestLocation, index: SnapshotIndex) -> str:
        case = test_location.testname.partition("[")[2].rstrip("]")
        return str(Path(cls.dirname(test_location=test_location)) / case / str(index))


@pytest.fixture
def tree(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(Tree)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C reaches what a test starts, also where the run is a job in the background, which ignores it and hands that on."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
