"""The folder that most tests of the tree start with."""

from pathlib import Path

import pytest

from labspec.tree import write
from tests.tree.common import OLD, bundle


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder with OLD in it."""
    write(bundle(OLD), tmp_path / "out")
    return tmp_path / "out"
