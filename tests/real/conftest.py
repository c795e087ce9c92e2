"""Where the real tier finds its tools, and what it does with what they said."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real.cluster import cluster
from tests.real.kustomizing import kustomize
from tests.real.mesh import mesh

__all__ = ["cluster", "kustomize", "mesh"]  # fixtures


def _folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("LABSPEC_TOOLS") or Path(cache) / "labspec" / "tools") / "bin"


@pytest.fixture(scope="session")
def tool() -> Callable[..., str]:
    """Gives the path of the first of some tools that is there; without any the test fails in CI and is skipped elsewhere.

    What tests/real/tools.sh made goes before what the machine has: its version is known.
    """

    def find(*names: str) -> str:
        for folder in (str(_folder()), None):
            for name in names:
                if found := shutil.which(name, path=folder):
                    return found
        reason = f"NOT CHECKED: this machine has none of {', '.join(names)}; tests/real/tools.sh makes them"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)

    return find
