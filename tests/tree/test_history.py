"""Any history of builds and edits."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from labspec.tree import RECORD, write
from tests.tree.common import bundle, kill, put, tree

PATHS = ["a", "b", "base/a", "base/b", "scripts/a", "overlays/x/a"]
BUNDLES = st.dictionaries(st.sampled_from(PATHS), st.sampled_from(["one", "two", ""]))
EDITS = st.tuples(st.just("edit"), st.sampled_from([*PATHS, "base/foreign", "foreign"]), st.none())
DELETIONS = st.tuples(st.just("delete"), st.sampled_from(PATHS), st.none())
WRITES = st.tuples(st.just("write"), BUNDLES, st.none() | st.integers(1, 40))


def edit(folder: Path, users: dict[str, str], path: str, text: str | None) -> None:
    users.pop(path, None)
    if text is not None:
        users[path] = put(folder, path, text).read_text()
    else:
        (folder / path).unlink(missing_ok=True)


@settings(deadline=None, max_examples=60)
@given(st.lists(EDITS | DELETIONS | WRITES, max_size=12), BUNDLES)
def test_no_history_loses_what_somebody_wrote(history: list[tuple[str, Any, int | None]], last: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, users = Path(name), dict[str, str]()
        for number, (action, what, call) in enumerate(history):
            if action == "write":
                kill(call or sys.maxsize, what, folder)
            else:
                edit(folder, users, what, f"user {number}" if action == "edit" else None)
            assert {path: (folder / path).read_text() for path in users} == users
        report = write(bundle(last), folder)
        found = {path: text for path, (text, _) in tree(folder).items() if text != "/" and path != RECORD}
        assert {path: found.pop(path) for path in users} == users
        assert set(report.kept) <= set(users)
        assert set(report.foreign) <= {*users, "base/", "overlays/", "scripts/"}
        assert found == {path: text for path, text in last.items() if path not in users}
        assert write(bundle(last), folder)._replace(unchanged=(), written=()) == report._replace(
            unchanged=(), removed=(), written=()
        )
