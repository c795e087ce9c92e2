"""A Prediction as a Mermaid sequence diagram, all requests one below the other.

Names and texts are escaped: https://mermaid.js.org/syntax/sequenceDiagram.html#entity-codes-to-escape-characters.
"""

import re
from collections.abc import Iterator

from labspec.calls import parted
from labspec.finding import listed
from labspec.meaning import spans_in_words
from labspec.plan import Plan
from labspec.predict.values import APP, Request, Span
from labspec.show._tree import Forest, is_shown
from labspec.show.text import some

_PLAIN = re.compile(r"[A-Za-z0-9 ./,()\[\]'-]")
_KEYWORD = re.compile(r"\bend\b", re.IGNORECASE)


def as_mermaid(plan: Plan) -> str:
    """The diagram; arrows are requests, notes hold their spans and the breaks."""
    found = plan.prediction.requests
    names = dict.fromkeys(name for request in found for hop in request.hops for name in (hop.caller, hop.callee))
    people = {name: f"p{number}" for number, name in enumerate(names)}
    form = "" if plan.is_base else f", variant {plan.variant}"
    lines = ["sequenceDiagram", f"  title {_text(plan.name + form)}"]
    lines += [f"  participant {alias} as {_text(name)}" for name, alias in people.items()]
    if not found:
        lines += ["  participant nobody", "  Note over nobody: nobody sends a request"]
    for request in found:
        lines += [f"  {line}" for line in _request(request, people)]
    return "\n".join(lines) + "\n"


def _request(request: Request, people: dict[str, str]) -> Iterator[str]:
    first = request.hops[0]
    assumed = ""
    if request.assumed:
        done = "the headers on" if request.assumed == "forwards" else "nothing on"
        assumed = f", if {listed(request.unknown)} {'hand' if len(request.unknown) > 1 else 'hands'} {done}"
    shares = listed(dict.fromkeys(f"{max(span.share for span in spans):.4g}" for spans in request.traces.values()))
    often = f", in {shares} percent of the requests" if shares not in {"", "100"} else ""
    title = f"{request.client}, {first.method} {first.callee}{assumed}: {spans_in_words(request.traces)}{some(request)}{often}"
    yield f"Note over {people[request.client]}: {_text(title)}"
    yield from _Drawing(request, people).hop(0, "")


class _Drawing:
    def __init__(self, request: Request, people: dict[str, str]) -> None:
        self._request = request
        self._people = people
        self._forest = Forest(request)
        self._below: dict[int | None, list[int]] = {}
        for index, hop in enumerate(request.hops):
            self._below.setdefault(hop.above, []).append(index)

    def hop(self, index: int, indent: str) -> Iterator[str]:
        """One call with those below it, and its answer."""
        hop = self._request.hops[index]
        caller, callee = self._people[hop.caller], self._people[hop.callee]
        above = self._request.hops[hop.above].branch if hop.above is not None else 100.0
        is_optional = hop.branch < above
        if is_optional:
            yield f"{indent}opt {_text(f'in {hop.branch:.4g} percent of the requests')}"
        inner = f"{indent}  " if is_optional else indent
        for found in self._request.breaks:
            if found.hop == index:
                yield f"{inner}Note over {caller}: {_text(f'break: {self._forest.consequence(found)}, {found.detail}')}"
        yield f"{inner}{caller}->>{callee}: {_text(f'{hop.method} {parted(hop.url)[1]}')}"
        for span in hop.spans:
            yield f"{inner}Note over {self._people[span.service]}: {_text(self._span(span))}"
        for below in self._below.get(index, []):
            yield from self.hop(below, inner)
        yield f"{inner}{callee}-->>{caller}: {' or '.join(f'{status:03}' for status in hop.statuses)}"
        if is_optional:
            yield f"{indent}end"

    def _span(self, span: Span) -> str:
        who = "app's " if span.maker == APP else ""
        place = (
            self._forest.name(span.trace_id)
            if is_shown(span)
            else "never sampled"
            if span.reported
            else "nobody reports it"
        )
        text = f"{who}{span.kind} span ..{span.span_id[-8:]}, {place}"
        return text if is_shown(span) else f"[{text}]"


def _text(text: str) -> str:
    # The word `end` closes a block wherever it stands; : and # with ; would end a text.
    whole = "".join(character if _PLAIN.fullmatch(character) else f"#{ord(character)};" for character in text)
    return _KEYWORD.sub(lambda found: f"#{ord(found.group()[0])};{found.group()[1:]}", whole)
