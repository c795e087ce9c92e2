"""Reading: values of YAML 1.2, positions, and no traceback for any bytes."""

import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labspec.compile import compiled
from labspec.errors import UsageError
from labspec.finding import Position
from labspec.source import LARGEST, Document, parse, read
from labspec.yamlvalues import Date, scalar


def document(text: str) -> Document:
    found, findings = parse("lab.yaml", text.encode())
    assert found is not None, findings
    return found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("off", "off"),
        ("~", None),
        ("", None),
        ("True", True),
        ("false", False),
        ("010", 10),
        ("0o10", 8),
        ("0x10", 16),
        ("1_000", "1_000"),
        ("1:20", "1:20"),
        ("1.30", 1.3),
        (".5", 0.5),
        ("1e3", 1000.0),
        (".inf", float("inf")),
        ("2026-01-01", Date("2026-01-01")),
        ("1.30.2", "1.30.2"),
        ("9" * 5000, float("inf")),
    ],
)
def test_plain_scalars(text: str, value: object) -> None:
    found = scalar(text)
    assert found == value
    assert type(found) is type(value)


def test_quoted_scalars_are_strings() -> None:
    assert document("a: '1.30'\nb: \"yes\"\nc: |\n  1\n").value == {"a": "1.30", "b": "yes", "c": "1\n"}


def test_a_byte_order_mark_and_line_ends_of_windows_are_fine() -> None:
    found, findings = parse("lab.yaml", b"\xef\xbb\xbfname: lab\r\nother: x\r\n")
    assert (found and found.value, findings) == ({"name": "lab", "other": "x"}, [])


def test_aliases_within_bounds_are_read() -> None:
    assert document("a: &a [1, 2]\nb: *a\n").value == {"a": [1, 2], "b": [1, 2]}


@pytest.mark.parametrize(
    ("path", "key", "line", "column", "width"),
    [
        (("services", "a", "calls", 1), False, 4, 16, 3),
        (("services", "a"), True, 3, 3, 1),
        (("services", "a", "nothing"), False, 4, 5, 1),
        (("nothing",), False, 1, 1, 1),
        (("services", "a", "calls", 7), False, 4, 12, 1),
    ],
)
def test_positions(path: tuple[str | int, ...], key: bool, line: int, column: int, width: int) -> None:
    found = document("name: lab\nservices:\n  a:\n    calls: [b, ccc]\n")
    assert found.position(path, key=key) == Position("lab.yaml", line, column, width)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("f: abc%X%def", 1, 7),
        ("f: 'abc%X%def'", 1, 8),
        ('f: "abc%X%def"', 1, 8),
        ("f: |\n  abc%X%def\n", 2, 6),
        ("f: |\n    one\n    abc%X%def\n", 3, 8),
        ("f: |-\n  abc%X%def", 2, 6),
        ('f: "\\x41bc%X%def"', 1, 4),
        ("f: 'it''s%X%'", 1, 4),
    ],
)
def test_positions_inside_a_string(text: str, line: int, column: int) -> None:
    found = document(text)
    assert isinstance(found.value, dict)
    offset = found.value["f"].index("%X%")
    position = found.position(("f",), offset=offset, width=3)
    assert (position.line, position.column) == (line, column)


def test_a_file_over_16_mib_is_refused() -> None:
    found, findings = parse("big.yaml", b"#" * (LARGEST + 1))
    assert found is None
    assert [(finding.rule, finding.position.line) for finding in findings] == [("too-large", 1)]


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing\.yaml: no such file"):
        read(str(tmp_path / "nothing.yaml"))


def test_directory(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a directory"):
        read(str(tmp_path))


def test_a_name_that_no_file_can_have() -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read("a\0b")


def test_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"name: lab\n")
    with (tmp_path / "in").open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert read("-") == ("<stdin>", b"name: lab\n")


PIECES = [
    "apiVersion: labspec/v1\n", "name: lab\n", "services:\n", "  frontend: {kind: curl, calls: [backend]}\n", "  backend:\n    kind: http-echo\n",
    "istio: {api: meshConfig}\n", "propagation: {format: b3}\n", "logs: {format: '%REQ(X)% ${trace_id}'}\n", "&a ", "*a", "!!str ", "<<: ", "? ", "- ", "|\n",
    "---\n", "...\n", "%YAML 1.1\n", "\t", "{", "}", "[", "]", ": ", "'", '"', "#", "\r", "\x85", "\u2028", "\ufeff", "\x00", "1.30", "yes", "~", ".nan",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(),
        st.text().map(str.encode),
        st.lists(st.sampled_from(PIECES), max_size=12).map(lambda parts: "".join(parts).encode()),
    )
)
@example(b"[" * 5000)
@example(b"- " * 3000)
@example(b"a: " + b"9" * 5000)
@example(b"? " * 500)
@example("\ud800".encode("utf-8", "surrogatepass"))
@example(b'a: "\\ud800"')
@example(b'a: "\\xZZ"')
@example(b"!<tag:yaml.org,2002:int> x")
@example(b"%TAG ! tag:x,2000:\n---\n!a b")
def test_any_bytes_give_findings_or_a_plan_never_a_traceback(content: bytes) -> None:
    result = compiled("any.yaml", content)
    assert (result.plan is None) == any(finding.severity == "error" for finding in result.findings)
    for finding in result.findings:
        assert finding.position.line >= 1
        assert finding.position.column >= 1
