"""Words of a spec in the guide: nothing breaks out of Markdown, mermaid or a comment."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from labspec.artifacts.guide import ARTIFACT
from labspec.guide import _markdown as markdown
from labspec.plan import Accepted, Plan
from tests.conftest import plan_of
from tests.guide_forms import FORMS

HOSTILE = st.text(st.one_of(st.sampled_from("`|<>*_[]()#\\\"'$&!~:;-=+{}%@.w/ \n\r\t\u2028\u202e1a"), st.characters(exclude_categories=["Cs"])), min_size=1, max_size=40)  # fmt: skip


def inline(text: str) -> list[Token]:
    """The parts of the one paragraph that `text` must be."""
    tokens = MarkdownIt().enable(["table", "strikethrough"]).parse(text)
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    return tokens[1].children or []


@given(HOSTILE)
def test_code_does_not_break_out(text: str) -> None:
    before, span, after = inline(f"x {markdown.code(text)} y")
    assert (before.type, span.type, after.type) == ("text", "code_inline", "text")
    assert (before.content, after.content) == ("x ", " y")


@given(st.text(st.sampled_from("a`b "), min_size=1).filter(str.strip))
def test_code_keeps_backticks(text: str) -> None:
    assert inline(f"x {markdown.code(text)} y")[1].content.strip() == text.strip()


@given(HOSTILE)
def test_cell_does_not_break_out(text: str) -> None:
    tokens = MarkdownIt().enable("table").parse(markdown.table(["a", "b"], [[markdown.cell(text), "end"]]) + "\n\nz")
    cells = [tokens[index + 1] for index, token in enumerate(tokens) if token.type == "td_open"]
    assert [[child.type for child in found.children or []] for found in cells] == [["code_inline"], ["text"]]
    assert tokens[-2].content == "z"


@given(HOSTILE)
def test_block_does_not_break_out(text: str) -> None:
    tokens = MarkdownIt().parse(f"a\n\n{markdown.block(text, 'text')}\n\nz")
    assert [token.type for token in tokens if token.level == 0] == ["paragraph_open", "paragraph_close", "fence", "paragraph_open", "paragraph_close"]  # fmt: skip


@given(HOSTILE)
def test_plain_words_are_words_or_code(text: str) -> None:
    tokens = MarkdownIt().enable(["table", "strikethrough"]).parse(f"a\n\n{markdown.plain(text)}\n\nz")[3:-3]
    kinds = {child.type for token in tokens for child in token.children or [] if child.type != "softbreak"}
    assert tokens[0].type == "fence" or kinds in ({"text"}, {"code_inline"})


@pytest.mark.parametrize("text", ["Follow one request.", "Lab 3: what's lost (and why)?", "größer, länger"])
def test_plain_words_stay_plain(text: str) -> None:
    assert markdown.plain(text) == text


@pytest.mark.parametrize(
    "text", ["see www.example.org", "http://a", "1. one", "- a", "a *b*", "a <b>", "@you", ":smile:", "#1", "a_b_"]
)
def test_words_that_could_be_markup_are_code(text: str) -> None:
    assert markdown.plain(text) == f"`{text}`"


@given(HOSTILE)
def test_mermaid_labels_stay_labels(text: str) -> None:
    label = markdown.mermaid(text)
    assert re.fullmatch(r'"[A-Za-z0-9 ./_-]*(#\d+;[A-Za-z0-9 ./_-]*)*"', label)
    assert re.sub(r"#(\d+);", lambda found: chr(int(found[1])), label[1:-1]) == text


@given(HOSTILE)
def test_comment_ends_where_it_should(text: str) -> None:
    tokens = MarkdownIt().parse(f"{markdown.comment(text)}\n\nz")
    assert [token.type for token in tokens] == ["html_block", "paragraph_open", "inline", "paragraph_close"]
    assert markdown.comment(text).index("-->") == len(markdown.comment(text)) - 3


@given(
    st.lists(
        st.sampled_from(["word", "-", "+", "1.", "2)", "#", ">", "|", "===", "`a - b`", "``x ` y``", "a" * 50]),
        min_size=1,
        max_size=60,
    )
)
def test_wrapped_words_stay_one_paragraph(words: list[str]) -> None:
    text = "start " + " ".join(words)
    children = inline(markdown.prose(text))
    assert {child.type for child in children} <= {"text", "softbreak", "code_inline"}
    assert " ".join(markdown.prose(text).split("\n")) == text


@given(HOSTILE, HOSTILE)
def test_words_of_a_spec_change_no_heading(description: str, log: str) -> None:
    plain = plan_of(FORMS["tracer"])._replace(accepted=(Accepted("ids-fixed", "so", "it is"),))
    text = log.replace("%", "%%") + " %REQ(X-B3-TRACEID)% %REQ(X-B3-SPANID)%"
    hostile = plain._replace(
        description=description,
        source=description,
        log=plain.log._replace(pieces=(plain.log.pieces[0]._replace(text=text),)),
        accepted=(Accepted("ids-fixed", description, log),),
    )
    pages = [MarkdownIt().enable("table").parse(_page(plan)) for plan in (plain, hostile)]
    first, second = (
        [token.content for before, token in pairwise(tokens) if before.type == "heading_open"] for tokens in pages
    )
    assert first == second


def _page(plan: Plan) -> str:
    return next(iter(ARTIFACT.files(plan))).text
