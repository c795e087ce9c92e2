"""A write killed at any moment."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from labspec.errors import TreeError
from labspec.tree import JOURNAL, RECORD, recover, write
from labspec.treestate import STAGE, digest
from tests.conftest import ROOT
from tests.tree.common import NEW, OLD, OWN, Killed, bundle, kill, killed_at, kinds, put, tree


def calls(files: Mapping[str, str], folder: Path, *, force: bool = False) -> int:
    with killed_at(sys.maxsize) as made:
        write(bundle(files), folder, force=force)
    return len(made)


def start(folder: Path) -> Path:
    """OLD with everything that somebody can do to it."""
    write(bundle({**OLD, "overlays/y/deep/k.yaml": "y", "scripts/old/a": ""}), folder)
    put(folder, "base/b.yaml", "mine")
    put(folder, "istio/operator.yaml", "mine")
    put(folder, "overlays/x/foreign", "mine")
    (folder / "base/a.yaml").chmod(0o755)
    return folder


def assert_whole(folder: Path, *states: dict[str, tuple[str, bool]]) -> None:
    for path, (text, _) in tree(folder).items():
        if path.split("/", maxsplit=1)[0] not in OWN and text != "/":
            assert text in {state[path][0] for state in states if path in state}, path


@pytest.mark.parametrize("force", [False, True])
def test_a_kill_at_any_call_is_made_good_by_the_next_write(tmp_path: Path, *, force: bool) -> None:
    old, expected = tree(start(tmp_path / "old")), start(tmp_path / "expected")
    count = calls(NEW, expected, force=force)
    assert count > 20
    for call in range(1, count + 1):
        folder = start(tmp_path / str(call))
        assert kill(call, NEW, folder, force=force)
        assert_whole(folder, old, tree(expected))
        write(bundle(NEW), folder, force=force)
        assert tree(folder) == tree(expected), call
    assert not kill(count + 1, NEW, start(tmp_path / "last"), force=force)


def test_the_journal_is_synced_before_the_first_rename_and_nothing_else_is(tmp_path: Path) -> None:
    folder = start(tmp_path)
    with killed_at(sys.maxsize) as made:
        count = len(write(bundle(NEW), folder).written)
    order = [name for name in made if name in {"fsync", "replace"}]
    assert order == ["fsync", "replace", "fsync", *["replace"] * (count - 1)], (
        "one of those written got a new mode only"
    )


def interrupted(folder: Path) -> int:
    """The first call at which a kill leaves a journal in a folder like this one."""
    for call in range(1, 1000):
        probe = start(folder / str(call))
        assert kill(call, NEW, probe)
        if (probe / JOURNAL).exists():
            return call
    raise AssertionError


def test_a_recovery_can_be_killed_at_any_call_too(tmp_path: Path) -> None:
    call, expected = interrupted(tmp_path / "probe"), start(tmp_path / "expected")
    write(bundle(NEW), expected)
    for again in range(1, 1000):
        folder = start(tmp_path / str(again))
        kill(call, NEW, folder)
        try:
            with killed_at(again):
                assert recover(folder)
            break
        except Killed:
            assert JOURNAL not in tree(folder) or recover(folder)
        assert not recover(folder)
        assert tree(folder) == tree(expected), again
    assert again > 10


def test_an_interrupted_write_is_rolled_forward_and_not_back(tmp_path: Path) -> None:
    call, folder = interrupted(tmp_path / "probe"), start(tmp_path / "out")
    kill(call, NEW, folder)
    assert kinds(NEW, folder)[JOURNAL] == "journal"
    assert recover(folder)
    assert not recover(folder)
    assert (folder / "README.md").read_text() == "two"
    assert kinds(NEW, folder) == {"base/b.yaml": "stale", "istio/operator.yaml": "changed"}


def test_a_write_of_another_bundle_finishes_the_interrupted_one_first(tmp_path: Path) -> None:
    call, folder = interrupted(tmp_path / "probe"), start(tmp_path / "out")
    kill(call, NEW, folder)
    assert "scripts/ui.sh" in write(bundle(OLD), folder).removed
    assert write(bundle(OLD), folder).kept == ("base/b.yaml",)


@pytest.mark.parametrize("path", ["README.md", "scripts/lab.sh", "scripts/ui.sh", "overlays/x/k.yaml", "base/a.yaml"])
def test_what_somebody_changed_since_the_kill_is_kept(tmp_path: Path, path: str) -> None:
    call, expected = interrupted(tmp_path / "probe"), start(tmp_path / "expected")
    for later in range(call, calls(NEW, expected) + 1):
        folder = start(tmp_path / str(later))
        kill(later, NEW, folder)
        put(folder, path, "mine since")
        mode = (folder / path).stat().st_mode
        report = write(bundle(NEW), folder)
        assert (folder / path).stat().st_mode == mode
        assert {path, "overlays/"} & {*report.kept, *report.foreign}
        assert (folder / path).read_text() == "mine since"
        assert not OWN & set(tree(folder))


def test_a_link_made_since_the_kill_is_not_followed(tmp_path: Path) -> None:
    call, folder = interrupted(tmp_path / "probe"), start(tmp_path / "out")
    kill(call, NEW, folder)
    (folder / "scripts").rename(tmp_path / "outside")
    (folder / "scripts").symlink_to(tmp_path / "outside")
    before = tree(tmp_path / "outside")
    assert recover(folder)
    assert tree(tmp_path / "outside") == before


def test_a_staged_file_that_is_short_is_not_used(tmp_path: Path) -> None:
    call, folder = interrupted(tmp_path / "probe"), start(tmp_path / "out")
    kill(call, NEW, folder)
    for staged in (folder / STAGE).iterdir():
        staged.write_text("")
    assert recover(folder)
    assert (folder / "README.md").read_text() == "one"
    assert not OWN & set(tree(folder))


def test_a_stage_without_a_journal_is_discarded(out: Path) -> None:
    put(out, f"{STAGE}/0", "half")
    assert not recover(out)
    assert not (out / STAGE).exists()


@pytest.mark.parametrize("kind", ["link", "file", "folder with something else"])
def test_a_stage_that_is_not_labspecs_is_refused(out: Path, tmp_path: Path, kind: str) -> None:
    mine = put(tmp_path, "mine/0", "mine")
    if kind == "link":
        (out / STAGE).symlink_to(mine.parent)
    else:
        put(out, STAGE if kind == "file" else f"{STAGE}/mine", "mine")
    with pytest.raises(TreeError, match=r"\.labspec\.stage: "):
        write(bundle(NEW), out)
    assert mine.read_text() == "mine"
    assert (out / STAGE).is_symlink() or "mine" in {text for text, _ in tree(out).values()}


STEP: dict[str, object] = {
    "kind": "remove",
    "path": "README.md",
    "before": digest("one"),
    "after": None,
    "executable": False,
}
BROKEN_JOURNALS = [
    "",
    '{"steps": [',
    "[]",
    "{}",
    "\ud83d",
    *(
        json.dumps({"steps": [STEP | {key: value}]})
        for key, value in [("path", "../x"), ("path", 1), ("kind", "x"), ("before", 1), ("executable", 0), ("x", 1)]
    ),
]


@pytest.mark.parametrize("text", BROKEN_JOURNALS)
def test_a_journal_that_cannot_be_read_is_refused(out: Path, text: str) -> None:
    (out / JOURNAL).write_bytes(text.encode(errors="surrogatepass"))
    before = tree(out)
    for run in (lambda: write(bundle(NEW), out, force=True), lambda: recover(out)):
        with pytest.raises(
            TreeError, match=r"\.labspec\.journal cannot be read, .* remove it and the folder \.labspec\.stage"
        ) as caught:
            run()
        assert caught.value.exit_code == 2
    assert tree(out) == before


def test_a_failure_halfway_says_that_the_next_build_finishes(out: Path) -> None:
    put(out, JOURNAL, json.dumps({"steps": [STEP]}))
    put(out, f"{STAGE}/mine", "mine")
    with pytest.raises(TreeError, match=r"\.labspec\.stage: .*; the write is half done and the next build finishes it"):
        write(bundle(OLD), out)
    (out / STAGE / "mine").unlink()
    assert write(bundle(OLD), out).written == ("README.md",)


FOREVER = """
import sys
from pathlib import Path
from labspec.bundle import Bundle, File
from labspec.tree import write
bundles = [Bundle(File(f"{turn if n % 3 == 0 else 'both'}/{n}", f"{turn} {n}\\n" * 2000) for n in range(40)) for turn in "ab"]
print("ready", flush=True)
while True:
    for bundle in bundles:
        write(bundle, Path(sys.argv[1]))
"""


@pytest.mark.parametrize("seed", range(4))
def test_a_real_kill_leaves_whole_files(tmp_path: Path, seed: int) -> None:
    texts = {
        turn: {f"{turn if n % 3 == 0 else 'both'}/{n}": f"{turn} {n}\n" * 2000 for n in range(40)} for turn in "ab"
    }
    folder = tmp_path / "out"
    with subprocess.Popen([sys.executable, "-c", FOREVER, str(folder)], stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(random.Random(seed).uniform(0.02, 0.2))  # noqa: S311
        process.send_signal(signal.SIGKILL)
    for place in folder.rglob("*"):
        path = str(place.relative_to(folder))
        if place.is_file() and path != RECORD and path.split("/", maxsplit=1)[0] not in OWN:
            assert place.read_text() in {texts["a"].get(path), texts["b"].get(path)}
    assert write(bundle(texts["a"]), folder).kept == ()
    write(bundle(texts["a"]), tmp_path / "expected")
    assert tree(folder) == tree(tmp_path / "expected")
