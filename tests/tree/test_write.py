"""What a write does with each path."""

import json
import os
from pathlib import Path

import pytest

import labspec
from labspec.tree import RECORD, Report, write
from labspec.treestate import digest
from tests.tree.common import NEW, OLD, bundle, kinds, put, recorded, stamps, tree


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
