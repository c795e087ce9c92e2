"""The emitter: what it writes, both generations of YAML readers read back equal."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from labspec.yamltext import document, string

SPECIAL = [
    "y",
    "n",
    "yes",
    "no",
    "on",
    "off",
    "Yes",
    "NO",
    "null",
    "~",
    "Null",
    "true",
    "TRUE",
    "1e3",
    "1_000",
    "0x10",
    "0o7",
    "010",
    "0b1",
    "1:20",
    "190:20:30",
    "2026-01-01",
    "2026-01-01T00:00:00Z",
    "=",
    "<<",
    ".inf",
    "-.inf",
    ".nan",
    "-1",
    "+1",
    "1.",
    ".5",
    "-",
    "--",
    "---",
    "...",
    "?",
    ":",
    "#",
    "%a",
    "@b",
    "`c",
    "!d",
    "&e",
    "*f",
    "|g",
    ">h",
    "'i",
    '"j',
    "{k",
    "[l",
    ",m",
    "a:",
    ":b",
    "a:b",
]
TEXT = st.one_of(
    st.text(),
    st.text(alphabet="ab:# -'\"\\\n\t%{}[]|>&*!?,0123456789.~=_eEyn\r\x85\u2028\u2029\ufeff\x00\x7f"),
    st.sampled_from(SPECIAL),
)
VALUE: st.SearchStrategy[Any] = st.recursive(
    st.one_of(TEXT, st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False, allow_infinity=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=4)),
    max_leaves=12,
)


@settings(max_examples=300)
@given(st.dictionaries(TEXT, VALUE, min_size=1, max_size=4))
def test_any_value_comes_back_equal(value: dict[str, Any]) -> None:
    text = document(value)
    assert yaml.safe_load(text) == value
    assert YAML(typ="safe", pure=True).load(text) == value


@settings(max_examples=300)
@given(TEXT, TEXT, TEXT)
def test_strings_of_an_object_come_back_equal(first: str, second: str, third: str) -> None:
    container = {"args": [first, second], "env": [{"name": "A", "value": third}], "command": [third]}
    body = {"metadata": {"labels": {"a": first}, "annotations": {"b": second}}, "spec": {"containers": [container]}}
    assert yaml.safe_load(document(body)) == body


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("backend", "backend"),
        ("curlimages/curl:8.17.0", "curlimages/curl:8.17.0"),
        ("10m", "10m"),
        ("-listen=:5678", "-listen=:5678"),
        ("hello from backend", "hello from backend"),
        ("yes", '"yes"'),
        ("1.30", '"1.30"'),
        ("2026-01-01", '"2026-01-01"'),
        ("", '""'),
        ('say "hi"', "'say \"hi\"'"),
        ('it\'s: "so"', "'it''s: \"so\"'"),
        ("a: b", '"a: b"'),
        ("a #b", '"a #b"'),
        ("a\x85\u2028\ufeff", '"a\\x85\\u2028\\ufeff"'),
        ("%x", '"%x"'),
    ],
)
def test_strings_are_quoted_where_a_reader_would_err(text: str, written: str) -> None:
    assert string(text) == written


def test_a_text_of_lines_is_a_block() -> None:
    assert document({"script": "one\n  two\n"}) == "script: |\n  one\n    two\n"
    assert document({"script": "one\ntwo"}) == "script: |-\n  one\n  two\n"


def test_comments_stand_above_what_they_are_about() -> None:
    value = {"spec": {"ports": [{"name": "http"}, {"name": "grpc"}]}}
    text = document(value, {("spec",): "all", ("spec", "ports", 1): "second\nline"})
    assert text == "# all\nspec:\n  ports:\n  - name: http\n  # second\n  # line\n  - name: grpc\n"
    assert yaml.safe_load(text) == value


def test_other_values_are_refused() -> None:
    with pytest.raises(TypeError, match="object is no YAML value"):
        document({"a": object()})
