"""Links, folders and other things in the way, and runs that cannot go on."""

import errno
import fcntl
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from labspec.errors import TreeError
from labspec.tree import JOURNAL, RECORD, differences, recover, write
from labspec.treestate import STAGE, digest
from tests.conftest import ROOT
from tests.tree.common import NEW, OLD, bundle, kinds, put, recorded, stamps, tree


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
        cwd=ROOT,
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
