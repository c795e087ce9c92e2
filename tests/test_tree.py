import errno
import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labspec
from labspec.bundle import Bundle, File
from labspec.errors import TreeError
from labspec.tree import JOURNAL, RECORD, Change, Report, differences, recover, write
from labspec.treestate import STAGE, digest

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


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder with OLD in it."""
    write(bundle(OLD), tmp_path / "out")
    return tmp_path / "out"


# --- what a write does with each path ---


def test_a_first_write_makes_the_folder_with_its_parents(tmp_path: Path) -> None:
    report = write(bundle(OLD), tmp_path / "deep" / "out")
    assert report == Report(tuple(sorted([RECORD, *OLD])), (), (), (), ())
    found = tree(tmp_path / "deep" / "out")
    assert {path: found[path] for path in OLD} == {path: (text, path == "scripts/lab.sh") for path, text in OLD.items()}
    assert set(found) == {*OLD, RECORD, "base", "overlays", "overlays/x", "scripts"}


def test_the_record_says_what_was_generated_and_nothing_of_the_run(out: Path) -> None:
    text = (out / RECORD).read_text()
    record = {
        "generatedBy": "labspec",
        "version": labspec.__version__,
        "files": {path: digest(OLD[path]) for path in OLD},
    }
    assert text == json.dumps(record, indent=2, sort_keys=True) + "\n"
    assert digest("a") == "sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"


def test_a_write_without_a_change_touches_nothing(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = stamps(out)
    monkeypatch.setattr(os, "replace", None)
    assert write(bundle(OLD), out) == Report((), tuple(sorted([RECORD, *OLD])), (), (), ())
    assert stamps(out) == before


def test_another_bundle_replaces_adds_and_removes(out: Path) -> None:
    before = stamps(out)
    report = write(bundle(NEW), out)
    assert report.written == (RECORD, "README.md", "istio/operator.yaml", "scripts/lab.sh", "scripts/ui.sh")
    assert report.unchanged == ("base/a.yaml",)
    assert report.removed == ("base/b.yaml", "overlays/x/k.yaml")
    assert {path for path, (text, _) in tree(out).items() if text != "/"} == {RECORD, *NEW}
    assert not (out / "overlays").exists()
    assert stamps(out)[out / "base/a.yaml"] == before[out / "base/a.yaml"]
    assert recorded(out) == {path: digest(text) for path, text in NEW.items()}


@pytest.mark.parametrize(("path", "mode"), [("scripts/lab.sh", 0o644), ("base/a.yaml", 0o755)])
def test_a_wrong_executable_bit_is_set_right_without_a_new_file(out: Path, path: str, mode: int) -> None:
    (out / path).chmod(mode)
    before = stamps(out)
    assert kinds(OLD, out) == {path: "mode"}
    assert write(bundle(OLD), out).written == (path,)
    assert kinds(OLD, out) == {}
    assert stamps(out)[out / path] == before[out / path]


@pytest.mark.parametrize(("mode", "right"), [(0o600, 0o700), (0o640, 0o750), (0o664, 0o775)])
def test_who_may_read_may_run(out: Path, mode: int, right: int) -> None:
    (out / "scripts/lab.sh").chmod(mode)
    write(bundle(OLD), out)
    assert (out / "scripts/lab.sh").stat().st_mode & 0o777 == right


@pytest.mark.parametrize(
    ("path", "mode"), [("README.md", 0o600), ("README.md", 0o674), ("base/a.yaml", 0o444), (RECORD, 0o755)]
)
def test_other_bits_of_a_mode_do_not_matter(out: Path, path: str, mode: int) -> None:
    (out / path).chmod(mode)
    assert kinds(OLD, out) == {}
    assert write(bundle(OLD), out).written == ()
    assert (out / path).stat().st_mode & 0o777 == mode


@pytest.mark.parametrize(
    ("umask", "plain", "executable"), [(0o022, 0o644, 0o755), (0o002, 0o644, 0o755), (0o077, 0o600, 0o700)]
)
def test_new_files_honour_the_umask(tmp_path: Path, umask: int, plain: int, executable: int) -> None:
    before = os.umask(umask)
    try:
        write(bundle(OLD), tmp_path / "out")
    finally:
        os.umask(before)
    modes = {path: (tmp_path / "out" / path).stat().st_mode & 0o777 for path in (*OLD, RECORD)}
    assert modes == {path: executable if path == "scripts/lab.sh" else plain for path in (*OLD, RECORD)}


def test_a_changed_file_is_kept_until_forced(out: Path) -> None:
    put(out, "README.md", "mine")
    report = write(bundle(NEW), out)
    assert report.kept == ("README.md",)
    assert (out / "README.md").read_text() == "mine"
    assert recorded(out)["README.md"] == digest("one"), "what labspec wrote last, never what the user wrote"
    assert write(bundle(NEW), out).kept == ("README.md",), "it goes on being known as changed"
    assert write(bundle(NEW), out, force=True).written == (RECORD, "README.md")
    assert tree(out)["README.md"] == ("two", False)


@pytest.mark.parametrize("text", ["one", "two"])
def test_a_kept_file_put_back_is_no_longer_kept(out: Path, text: str) -> None:
    put(out, "README.md", "mine")
    write(bundle(NEW), out)
    put(out, "README.md", text)
    assert write(bundle(NEW), out).kept == ()
    assert (out / "README.md").read_text() == "two"
    assert recorded(out)["README.md"] == digest("two")


def test_a_foreign_file_in_the_place_of_a_generated_one_is_kept_until_forced(out: Path) -> None:
    put(out, "scripts/ui.sh", "mine")
    assert write(bundle(NEW), out).kept == ("scripts/ui.sh",)
    assert (out / "scripts/ui.sh").read_text() == "mine"
    assert "scripts/ui.sh" not in recorded(out)
    assert "scripts/ui.sh" in write(bundle(NEW), out, force=True).written
    assert tree(out)["scripts/ui.sh"] == ("#!", True)


def test_a_file_that_somebody_removed_is_written_again(out: Path) -> None:
    (out / "README.md").unlink()
    assert write(bundle(OLD), out).written == ("README.md",)


def test_a_former_file_that_was_changed_is_kept_until_forced(out: Path) -> None:
    put(out, "base/b.yaml", "mine")
    for _ in range(2):
        report = write(bundle(NEW), out)
        assert report.kept == ("base/b.yaml",)
        assert report.foreign == ()
        assert recorded(out)["base/b.yaml"] == digest("b")
    assert write(bundle(NEW), out, force=True).removed == ("base/b.yaml",)
    assert not (out / "base/b.yaml").exists()
    assert "base/b.yaml" not in recorded(out)


def test_a_former_file_that_is_gone_is_forgotten(out: Path) -> None:
    (out / "base/b.yaml").unlink()
    assert write(bundle(NEW), out).removed == ("overlays/x/k.yaml",)
    assert "base/b.yaml" not in recorded(out)


@pytest.mark.parametrize("force", [False, True])
def test_foreign_files_are_reported_and_never_touched(out: Path, *, force: bool) -> None:
    paths = ("notes.txt", "base/mine.yaml", "overlays/x/mine.yaml", ".git/objects/1", ".git/objects/2")
    for path in paths:
        put(out, path, path)
    (out / "elsewhere").symlink_to("/")
    assert write(bundle(OLD), out, force=force).foreign == (
        ".git/",
        "base/mine.yaml",
        "elsewhere",
        "notes.txt",
        "overlays/x/mine.yaml",
    )
    assert write(bundle({}), out, force=force).foreign == (".git/", "base/", "elsewhere", "notes.txt", "overlays/")
    assert {path for path, (text, _) in tree(out).items() if text == path} == {*paths}


def test_without_a_record_nothing_that_differs_is_replaced(out: Path) -> None:
    (out / RECORD).unlink()
    report = write(bundle(NEW), out)
    assert report.kept == ("README.md", "scripts/lab.sh")
    assert report.foreign == ("base/b.yaml", "overlays/")
    assert write(bundle(OLD), out).kept == ()


# --- links, folders and other things in the way ---


@pytest.mark.parametrize("target", ["README.md", "base/b.yaml"])
def test_a_link_in_the_place_of_a_file_is_kept_until_forced(out: Path, tmp_path: Path, target: str) -> None:
    outside = put(tmp_path, "outside", OLD[target])
    (out / target).unlink()
    (out / target).symlink_to(outside)
    assert write(bundle(NEW), out).kept == (target,)
    assert (out / target).readlink() == outside
    report = write(bundle(NEW), out, force=True)
    assert target in report.written + report.removed
    assert tree(out).get(target) == {"README.md": ("two", False)}.get(target)
    assert outside.read_text() == OLD[target]


def test_a_folder_in_the_place_of_a_file_is_kept_and_cannot_be_forced(out: Path) -> None:
    (out / "README.md").unlink()
    put(out, "README.md/mine", "mine")
    assert write(bundle(NEW), out).kept == ("README.md",)
    with pytest.raises(TreeError, match=r"README\.md cannot be written: a folder is there"):
        write(bundle(NEW), out, force=True)
    assert (out / "README.md/mine").read_text() == "mine"


def test_a_folder_in_the_place_of_a_former_file_is_foreign(out: Path) -> None:
    (out / "base/b.yaml").unlink()
    put(out, "base/b.yaml/mine", "mine")
    assert write(bundle(NEW), out, force=True).foreign == ("base/b.yaml/",)
    assert (out / "base/b.yaml/mine").read_text() == "mine"


def test_a_pipe_in_the_place_of_a_file_is_kept_and_cannot_be_forced(out: Path) -> None:
    (out / "README.md").unlink()
    os.mkfifo(out / "README.md")
    assert write(bundle(OLD), out).kept == ("README.md",)
    with pytest.raises(TreeError, match="no regular file is there"):
        write(bundle(OLD), out, force=True)
    assert write(bundle({}), out, force=True).kept == ("README.md",)


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_parent_that_is_no_folder_is_refused(out: Path, tmp_path: Path, kind: str, *, force: bool) -> None:
    outside = tmp_path / "outside"
    (out / "scripts").rename(outside)
    if kind == "link":
        (out / "scripts").symlink_to(outside)
    else:
        put(out, "scripts", "mine")
    before = tree(tmp_path)
    with pytest.raises(TreeError, match=r"scripts/ui\.sh cannot be written: .*/scripts is not a folder") as caught:
        write(bundle(NEW), out, force=force)
    assert caught.value.exit_code == 2
    assert tree(tmp_path) == before
    assert kinds(NEW, out)["scripts/ui.sh"] == "changed"


@pytest.mark.parametrize("force", [False, True])
def test_nothing_is_removed_through_a_link(out: Path, tmp_path: Path, *, force: bool) -> None:
    (out / "overlays").rename(tmp_path / "outside")
    (out / "overlays").symlink_to(tmp_path / "outside")
    report = write(bundle(NEW), out, force=force)
    assert (report.foreign, report.kept) == (("overlays",), ())
    assert (tmp_path / "outside/x/k.yaml").read_text() == "x"


@pytest.mark.parametrize(
    "path", ["../outside", "/{root}/outside", "base/../../outside", "base//a.yaml", JOURNAL, "a\0b", "\ud800", ""]
)
@pytest.mark.parametrize("force", [False, True])
def test_a_record_never_leads_outside_the_folder(out: Path, tmp_path: Path, path: str, *, force: bool) -> None:
    outside = put(tmp_path, "outside", "mine")
    record = json.loads((out / RECORD).read_text())
    record["files"][path.replace("/{root}", str(tmp_path))] = digest("mine")
    put(out, RECORD, json.dumps(record))
    report = write(bundle(NEW), out, force=force)
    assert report.removed == ("base/b.yaml", "overlays/x/k.yaml")
    assert outside.read_text() == "mine"
    assert set(recorded(out)) == set(NEW)


BROKEN_RECORDS = [
    "",
    "<<<<<<< HEAD\n",
    "[]",
    "{}",
    '{"generatedBy": "labspec"}',
    '{"generatedBy": "other", "files": {}}',
    '{"a": "\ud83d"}',
]


@pytest.mark.parametrize("text", BROKEN_RECORDS)
def test_a_record_that_is_not_ours_is_refused_until_forced(out: Path, text: str) -> None:
    (out / RECORD).write_bytes(text.encode(errors="surrogatepass"))
    before = stamps(out)
    with pytest.raises(TreeError, match=r"\.labspec\.json is not a record that labspec wrote; restore it"):
        write(bundle(OLD), out)
    assert stamps(out) == before
    assert kinds(OLD, out) == {RECORD: "changed"}
    assert write(bundle(OLD), out, force=True).written == (RECORD,)
    assert kinds(OLD, out) == {}


@pytest.mark.parametrize("value", ["folder", "special", "link:/", None, 1])
def test_a_record_names_digests_of_files_only(out: Path, value: object) -> None:
    put(out, "mine/file", "mine")
    (out / "link").symlink_to("/")
    record = {"generatedBy": "labspec", "files": {"mine": value, "link": value}}
    put(out, RECORD, json.dumps(record))
    report = write(bundle(OLD), out)
    assert (report.removed, report.foreign) == ((), ("link", "mine/"))


@pytest.mark.parametrize("path", [RECORD, JOURNAL, f"{STAGE}/x", "a\nb"])
def test_a_bundle_cannot_have_labspecs_own_names(tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError, match="is no path for a generated file"):
        write(bundle({path: "x"}), tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- what a comparison finds ---


def test_a_comparison_finds_everything_and_writes_nothing(out: Path) -> None:
    put(out, "README.md", "mine\n")
    put(out, "foreign", "")
    (out / "scripts/lab.sh").chmod(0o644)
    files = {**OLD, "new": "new\n"}
    del files["base/b.yaml"]
    before = stamps(out)
    assert kinds(files, out) == {
        RECORD: "changed",
        "README.md": "changed",
        "base/b.yaml": "stale",
        "new": "missing",
        "scripts/lab.sh": "mode",
    }
    diffs = {difference.path: difference.diff for difference in differences(bundle(files), out)}
    assert (
        diffs["README.md"]
        == "--- a/README.md\n+++ b/README.md\n@@ -1 +1 @@\n-mine\n+one\n\\ No newline at end of file\n"
    )
    assert diffs["new"] == "--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+new\n"
    assert diffs["base/b.yaml"].startswith("--- a/base/b.yaml\n+++ /dev/null\n")
    assert diffs["scripts/lab.sh"] == ""
    assert '+    "new": "sha256:7aa7a5359173d05b63cfd682e3c38487f3cb4f7f1d60659fe59fab1505977d4c",\n' in diffs[RECORD]
    assert stamps(out) == before


def test_a_changed_file_alone_is_one_difference(out: Path) -> None:
    put(out, "README.md", "mine")
    assert kinds(OLD, out) == {"README.md": "changed"}
    write(bundle(OLD), out)
    assert kinds(OLD, out) == {"README.md": "changed"}


def test_a_changed_former_file_is_stale(out: Path) -> None:
    put(out, "base/b.yaml", "mine")
    write(bundle(NEW), out)
    assert kinds(NEW, out) == {"base/b.yaml": "stale"}


def test_a_folder_that_is_absent_misses_everything(tmp_path: Path) -> None:
    assert kinds(OLD, tmp_path / "out") == dict.fromkeys([RECORD, *OLD], "missing")
    assert not (tmp_path / "out").exists()


def test_what_is_no_text_has_no_diff(out: Path) -> None:
    (out / "README.md").write_bytes(b"\xff")
    (out / "base/a.yaml").unlink()
    (out / "base/a.yaml").mkdir()
    assert [difference.diff for difference in differences(bundle(OLD), out)] == ["", ""]


def test_a_diff_has_the_lines_that_files_have(out: Path) -> None:
    (out / "README.md").write_bytes("a\r\n\u2028b\x85\n".encode())
    (difference,) = differences(bundle({**OLD, "README.md": "a\n"}), out)
    assert difference.diff.split("\n") == [
        "--- a/README.md",
        "+++ b/README.md",
        "@@ -1,2 +1 @@",
        "-a\r",
        "-\u2028b\x85",
        "+a",
        "",
    ]


def test_a_comparison_reports_a_journal(out: Path) -> None:
    put(out, JOURNAL, "anything")
    (difference,) = differences(bundle(OLD), out)
    assert difference == (JOURNAL, Change.JOURNAL, "")


# --- runs that cannot go on ---


@pytest.mark.parametrize("path", ["file", "file/out"])
def test_an_output_folder_that_is_a_file_is_refused(tmp_path: Path, path: str) -> None:
    put(tmp_path, "file", "mine")
    for run in (write, differences):
        with pytest.raises(TreeError, match="file"):
            run(bundle(OLD), tmp_path / path)
    assert not recover(tmp_path / path)
    assert (tmp_path / "file").read_text() == "mine"


@contextmanager
def unprivileged() -> Iterator[Path]:
    """A folder of a user who is not root, made while being that user."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if user == 0:
            os.chown(folder, 65534, -1)
            os.seteuid(65534)
        try:
            yield folder
            for place in folder.rglob("*"):
                place.chmod(0o755)
        finally:
            os.seteuid(user)


@pytest.mark.parametrize("closed", [".", "out", "out/base", "out/overlays/x"])
def test_a_folder_that_cannot_be_written_is_refused_before_anything_changes(closed: str) -> None:
    with unprivileged() as folder:
        if closed != ".":
            write(bundle(OLD), folder / "out")
        before = tree(folder)
        (folder / closed).chmod(0o555)
        with pytest.raises(TreeError, match="ermission") as caught:
            write(bundle({**NEW, "base/a.yaml": "new"}), folder / "out")
        (folder / closed).chmod(0o755)
        assert tree(folder) == before
    assert caught.value.exit_code == 2


def test_a_file_that_cannot_be_read_is_refused() -> None:
    with unprivileged() as folder:
        write(bundle(OLD), folder)
        (folder / "README.md").chmod(0)
        for run in (write, differences):
            with pytest.raises(TreeError, match=r"README\.md: Permission denied"):
                run(bundle(OLD), folder)


FULL = """
import resource, sys
from pathlib import Path
from labspec.bundle import Bundle, File
from labspec.errors import TreeError
from labspec.tree import write
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
try:
    write(Bundle([File("README.md", "new"), File("base/z.yaml", "z" * 5000)]), Path(sys.argv[1]))
except TreeError as error:
    sys.exit(str(error))
"""


def test_a_file_that_cannot_be_stored_leaves_the_old_tree(out: Path) -> None:
    before = tree(out)
    run = subprocess.run(
        [sys.executable, "-c", FULL, str(out)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[1],
    )
    assert (run.returncode, run.stderr.strip()) == (1, f"{out}: {os.strerror(errno.EFBIG)}")
    assert tree(out) == before


def test_two_writes_at_once_are_refused(out: Path) -> None:
    descriptor = os.open(out, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    for run in (lambda: write(bundle(NEW), out), lambda: recover(out)):
        with pytest.raises(TreeError, match=f"another build is writing {out}"):
            run()
    assert tree(out)["README.md"] == ("one", False)
    os.close(descriptor)
    assert write(bundle(NEW), out).written


# --- kills ---


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
    with subprocess.Popen(
        [sys.executable, "-c", FOREVER, str(folder)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]
    ) as process:
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


# --- any history ---

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
