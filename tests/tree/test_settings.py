"""The settings in the record of a build."""

from pathlib import Path

import pytest

from labspec.tree import RECORD, differences, write
from labspec.treestate import read_settings
from tests.tree.common import OLD, bundle, put, recorded

SETTINGS = {"base": {"sampling": "100 %", "istio version": "1.30"}, "a-variant": {"sampling": "1 %"}}


def test_they_are_read_as_they_were_written(out: Path) -> None:
    assert read_settings(out) is None
    report = write(bundle(OLD), out, settings=SETTINGS)
    assert report.written == (RECORD,)
    found = read_settings(out)
    assert found == SETTINGS
    assert [list(facts) for facts in found.values()] == [["sampling", "istio version"], ["sampling"]]
    assert set(recorded(out)) == set(OLD)
    assert write(bundle(OLD), out, settings=SETTINGS).written == ()
    assert differences(bundle(OLD), out, settings=SETTINGS) == ()


def test_other_settings_are_a_difference_of_the_record(out: Path) -> None:
    (found,) = differences(bundle(OLD), out, settings=SETTINGS)
    assert (found.path, found.kind) == (RECORD, "changed")
    assert '+      "sampling": "100 %",' in found.diff


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"settings": {"base": {"a": "b"}}}', "[" * 100_000, "\ud800"]
)
def test_what_is_no_record_of_labspec(text: str, tmp_path: Path) -> None:
    put(tmp_path, RECORD, "").write_bytes(text.encode(errors="surrogatepass"))
    assert read_settings(tmp_path) is None


def test_a_link_is_no_record(out: Path, tmp_path: Path) -> None:
    write(bundle(OLD), out, settings=SETTINGS)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / RECORD).symlink_to(out / RECORD)
    assert read_settings(tmp_path / "other") is None
