"""Where the real tier finds its tools. tests/real/tools.sh fetches those that a machine lacks."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def _folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("LABSPEC_TOOLS") or Path(cache) / "labspec" / "tools") / "bin"


@pytest.fixture(scope="session")
def tool() -> Callable[..., str]:
    """Gives the path of the first of some tools that is there; without any the test fails in CI and is skipped elsewhere."""

    def find(*names: str) -> str:
        for name in names:
            found = shutil.which(name) or shutil.which(name, path=str(_folder()))
            if found:
                return found
        reason = (
            f"NOT CHECKED: this machine has none of {', '.join(names)}; tests/real/tools.sh fetches what can be fetched"
        )
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)

    return find
