"""What was written and sent for the example request: lines of the access log, and the headers on each hop."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from labspec.logreading import Field
from labspec.mesh import Mesh
from labspec.observe.comparing import HEADERS, LOG, STAGES, Difference, Place, differences
from labspec.observe.judging import Judged
from labspec.observe.matching import Made, Matched
from labspec.observe.values import Passage
from labspec.predict.values import Hop, Line
from labspec.present._html_text import Ids, sides, text
from labspec.present._waterfall import Logged, logged

_MOST_OPEN = 2
"""Of lines or hops that are unfolded from the beginning."""


class Example(NamedTuple):
    """One request that is shown."""

    judged: Judged
    matched: Matched
    ids: Ids
    found: tuple[Difference, ...]
    """What is otherwise in it."""


def example_of(judged: Judged, matched: Matched, mesh: Mesh, ids: Ids) -> Example:
    """The request with what is otherwise in it."""
    return Example(judged, matched, ids, tuple(differences(judged.request, matched, mesh)))


def log(example: Example) -> str:
    """Each line as it was written, and its fields."""
    found = list(logged(example.matched, example.judged))
    if not found:
        return "<p>No line of the lab's access log belongs to this request.</p>"
    return "".join(_line(example, entry, is_open=len(found) <= _MOST_OPEN) for entry in found)


def _line(example: Example, entry: Logged, *, is_open: bool) -> str:
    passage, hop = entry.passage, entry.hop
    if passage.line is None:
        return ""
    line = next((each for each in hop.lines if _is_of(each, passage)), None)
    rows = [
        _field(example, field, line, (entry.place, passage.direction, number))
        for number, field in enumerate(passage.line.fields)
    ]
    has_notes = any("<p" in row for row in rows)
    head = f"<tr>{'<th>key</th>' if _has_keys(passage) else ''}<th>operator</th><th>value</th></tr>"
    table = f'<table class="flow fields"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table>'
    call = (
        f"call of {text(hop.callee)}" if passage.service == hop.caller != hop.callee else f"call by {text(hop.caller)}"
    )
    return (
        f'<div class="line"><h4>{text(passage.service)} <span class="kind">{text(passage.direction)}</span> '
        f"<small>{call}, {passage.status:03}</small></h4>"
        f'<pre class="raw">{_raw(passage.line.text, example.ids)}</pre>'
        f"<details{' open' if is_open or has_notes else ''}><summary>Its fields</summary>{table}</details></div>"
    )


def _raw(found: str, ids: Ids) -> str:
    return "\n".join(ids.marked(line, "", named=False) for line in found.split("\n"))


def _is_of(line: Line, passage: Passage) -> bool:
    return (line.service, line.direction) == (passage.service, passage.direction)


def _has_keys(passage: Passage) -> bool:
    return passage.line is not None and any(field.key is not None for field in passage.line.fields)


def _field(example: Example, field: Field, line: Line | None, place: Place) -> str:
    key = f"<td>{text(field.key)}</td>" if field.key is not None else ""
    operator = field.operator
    told = f"%{operator.name}({operator.argument})%" if operator.argument else f"%{operator.name}%"
    notes = "".join(
        f'<p class="note"><strong>{"Predicted to be -" if note.kind == "empty" else "Predicted to mislead"}:</strong> '
        f"{text(note.reason)}.</p>"
        for note in (line.notes if line else ())
        if note.operator == told
    )
    others = _otherwise(example, LOG, place)
    value = example.ids.marked(field.value, told, named=True) or '<span class="dim">empty</span>'
    return f'<tr>{key}<th scope="row">{text(field.name)}</th><td>{value}{notes}{others}</td></tr>'


def _otherwise(example: Example, check: str, place: Place) -> str:
    """The differences at one place."""
    return "".join(
        f'<p class="otherwise"><span aria-hidden="true">✗</span> {text(found.text)}</p>'
        for found in example.found
        if (found.check, found.place) == (check, place)
    )


def headers(example: Example) -> str:
    """A table for each call: predicted and seen, from app to app."""
    hops = list(zip(example.judged.request.hops, example.matched.hops, strict=True))
    tables = "".join(
        _hop(example, place, hop, made, is_open=len(hops) <= _MOST_OPEN) for place, (hop, made) in enumerate(hops)
    )
    return f"{_decision(example)}{tables}"


def _decision(example: Example) -> str:
    by_chance = any(0 < span.chance.percent < 100 for span in example.judged.request.reported)
    if not by_chance or any(made.spans for made in example.matched.hops if made):
        return ""
    return "<p>What is predicted is that of a request which is sampled; this one was not, and its headers say so.</p>"


def _hop(example: Example, place: int, hop: Hop, made: Made | None, *, is_open: bool) -> str:
    title = f"{text(hop.caller)} → {text(hop.callee)} <small><code>{text(hop.method)} {text(hop.url)}</code></small>"
    if made is None:
        return f"<details{' open' if is_open else ''}><summary>{title}</summary><p>{_absent(hop)}</p></details>"
    groups = "".join(_groups(example, place, hop, made))
    head = "<tr><th>header</th><th>predicted</th><th>seen</th></tr>"
    table = f'<table class="flow hops"><thead>{head}</thead>{groups}</table>'
    opened = " open" if is_open or 'class="otherwise"' in groups else ""
    return f"<details{opened}><summary>{title}</summary>{table}</details>"


def _absent(hop: Hop) -> str:
    often = f": it is to be made in {hop.branch:.4g} % of the requests" if hop.branch < 100 else ""
    return f"This request did not make the call{often}."


def _groups(example: Example, number: int, hop: Hop, made: Made) -> Iterator[str]:
    stages = zip(STAGES, sides(hop, made, example.matched), strict=True)
    before: tuple[Mapping[str, str], Mapping[str, str] | None] | None = None
    for place, (predicted, seen) in stages:
        if not hop.reached and place != STAGES[0]:
            continue
        if before is not None and before == (predicted, seen):
            yield f'<tbody><tr class="group"><th colspan="3" scope="rowgroup">{place}: the same</th></tr></tbody>'
            continue
        before = (predicted, seen)
        rows = "".join(_header_rows(example, (number, place), predicted, seen))
        unseen = ' <span class="dim">(not watched)</span>' if seen is None else ""
        none = "" if rows else ": no trace header"
        yield f'<tbody><tr class="group"><th colspan="3" scope="rowgroup">{place}{none}{unseen}</th></tr>{rows}</tbody>'
    if not hop.reached:
        yield f'<tbody><tr><td colspan="3">Nothing arrives: {text(hop.callee)} has no pod.</td></tr></tbody>'


def _header_rows(
    example: Example, place: Place, predicted: Mapping[str, str], seen: Mapping[str, str] | None
) -> Iterator[str]:
    for name in dict.fromkeys((*predicted, *(seen or {}))):
        wanted, found = (_header(example.ids, name, side) for side in (predicted, seen))
        others = _otherwise(example, HEADERS, (*place, name)) if seen is not None else ""
        yield (f'<tr><th scope="row">{text(name)}</th><td>{wanted}</td><td>{found}{others}</td></tr>')


def _header(ids: Ids, name: str, side: Mapping[str, str] | None) -> str:
    if side is None:
        return ""
    if name not in side:
        return '<span class="dim">none</span>'
    return ids.marked(side[name], name, named=True) or "&quot;&quot;"
