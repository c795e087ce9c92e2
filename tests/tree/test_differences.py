"""What a comparison finds."""

from pathlib import Path

from labspec.tree import JOURNAL, RECORD, Change, differences, write
from tests.tree.common import NEW, OLD, bundle, kinds, put, stamps


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
