"""The spans of the example request: each trace as a tree with times, and the predicted breaks where they are."""

from labspec.finding import counted
from labspec.observe.judging import Broken, Judged
from labspec.observe.matching import Matched
from labspec.observe.values import SeenSpan
from labspec.plan import Plan
from labspec.predict.values import Span, whole
from labspec.present._html_text import Ids, chip, text
from labspec.present._waterfall import Row, Trace, hung, milliseconds

_DEEPEST = 24
"""Levels that are moved to the right; what is below them stands as far right as they."""


def spans(plan: Plan, judged: Judged, matched: Matched, traces: tuple[Trace, ...], ids: Ids) -> str:
    """All traces of the request, and the spans that were not predicted."""
    view = _View(judged, traces, ids)
    parts = [view.breaks(None)]
    parts += [view.trace(trace) for trace in traces]
    if not traces:
        parts.append(f"<p>No span of this request came: {_silence(plan, judged)}.</p>")
    if matched.strays:
        rows = "".join(_span_alone(span) for span in matched.strays)
        parts.append(f'<h4>Spans that were not to be</h4><div class="fall">{rows}</div>')
    return "".join(parts)


def _silence(plan: Plan, judged: Judged) -> str:
    if plan.receiver is None and not judged.request.traces:
        return "the lab has no collector"
    if not judged.request.traces:
        return "none was to be"
    share = max(span.share for span in judged.request.reported)
    return f"{share:.4g} % of the requests are to be sampled" if share < 100 else "see the verdicts"


class _View:
    def __init__(self, judged: Judged, traces: tuple[Trace, ...], ids: Ids) -> None:
        self._judged = judged
        self._ids = ids
        self._places = hung(judged, traces)

    def breaks(self, span: Span | None, depth: int = 0) -> str:
        """The breaks behind a span."""
        return "".join(self._break(broken, depth) for broken in self._places.get(span, ()))

    def _break(self, broken: Broken, depth: int) -> str:
        found = broken.found
        callee = self._judged.request.hops[found.hop].callee
        place = self._ids.number(found.after)
        where = chip(place) if place else "a trace of which nobody reports a span"
        often = f"seen in {counted(broken.seen, 'request')} of {broken.of}"
        if not broken.of:
            often = "no request had spans on both sides of it"
            if not any(whole(found.before) == whole(trace_id) for trace_id in self._judged.request.traces):
                often = "nobody reports the spans before it"
        return (
            f'<p class="break" style="--d:{min(depth, _DEEPEST)}"><strong>Predicted break:</strong> '
            f"{text(found.service)}'s call of {text(callee)} is in {where}, because {text(found.detail)} ({often}).</p>"
        )

    def trace(self, trace: Trace) -> str:
        place = self._ids.numbers[trace.trace_id]
        begun = next(
            (
                f'<p class="begun">It begins at the break at {text(broken.found.service)}.</p>'
                for broken in self._judged.breaks
                if self._ids.number(broken.found.after) == place
            ),
            "",
        )
        head = (
            f'<h4>{chip(place)} <code class="wrap">{text(trace.trace_id)}</code> '
            f"<small>{counted(len(trace.rows), 'span')}, {milliseconds(trace.duration)}</small></h4>{begun}"
        )
        axis = (
            '<div class="row axis" aria-hidden="true"><span>span</span>'
            f"<span><i>0</i><i>{milliseconds(trace.duration / 2)}</i><i>{milliseconds(trace.duration)}</i></span>"
            "<span>took</span></div>"
        )
        rows = "".join(f"{self._row(row, trace)}{self.breaks(row.predicted, row.depth + 1)}" for row in trace.rows)
        return f'{head}<div class="fall">{axis}{rows}</div>'

    def _row(self, row: Row, trace: Trace) -> str:
        kind = "call" if row.predicted.kind == "CLIENT" else "answer"
        status = row.seen.tags.get("http.status_code", "200")
        is_bad = row.seen.tags.get("error") == "true"
        told = f' <span class="status">{text(status)}</span>' if status != "200" else ""
        error = ' <span class="status bad">error</span>' if is_bad else ""
        left, width = 100 * min(max(row.start, 0.0), 1.0), 100 * min(row.width, 1.0)
        begin = min(each.seen.started for each in trace.rows)
        what = row.what.replace(" ", " → ", 1) if kind == "call" else row.what
        return (
            f'<details class="span" style="--d:{min(row.depth, _DEEPEST)}"><summary class="row">'
            f'<span class="who"><span class="vh">level {row.depth + 1}: </span><b>{text(row.label)}</b> '
            f'<span class="kind">{text(what)}</span>{told}{error}</span>'
            f'<span class="track"><i class="{"bad" if is_bad else kind}" style="left:{left:.2f}%;width:{width:.2f}%"></i></span>'
            f'<span class="took">{milliseconds(row.seen.duration)}</span></summary>'
            f"{self._inside(row.seen, row.predicted, row.seen.started - begin)}</details>"
        )

    def _inside(self, seen: SeenSpan, predicted: Span, start: float) -> str:
        parent = (
            f"{self._ids.marked(seen.parent_id, 'parent span', named=True)}" if seen.parent_id else "none: it is a root"
        )
        facts = [
            ("trace id", self._ids.marked(seen.trace_id, "trace", named=True)),
            ("span id", f"<code>{text(seen.span_id)}</code>"),
            ("parent", parent),
            ("service name", text(seen.service)),
            ("operation", text(seen.name) or "none"),
            ("began", f"{milliseconds(start)} after the trace"),
            ("came by", text(seen.protocol)),
        ]
        return f'<div class="inside">{_facts(facts)}{_tags(seen, predicted)}</div>'


def _facts(found: list[tuple[str, str]]) -> str:
    return f'<dl class="facts">{"".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in found)}</dl>'


def _tags(seen: SeenSpan, predicted: Span | None) -> str:
    wanted = dict(predicted.tags) if predicted else {}
    names = [*sorted(seen.tags), *(name for name in wanted if name not in seen.tags)]
    if not names:
        return "<p>It has no tags.</p>"
    rows = "".join(
        f'<tr><th scope="row">{text(name)}</th><td>{_value(seen.tags.get(name))}</td>'
        f"<td>{_wanted(seen.tags.get(name), wanted.get(name))}</td></tr>"
        for name in names
    )
    head = "<tr><th>tag</th><th>seen</th><th>predicted</th></tr>"
    return f'<table class="flow tags"><thead>{head}</thead><tbody>{rows}</tbody></table>'


def _value(found: str | None) -> str:
    if not found:
        return f'<span class="dim">{"missing" if found is None else "empty"}</span>'
    return text(found)


def _wanted(seen: str | None, wanted: str | None) -> str:
    if wanted is None:
        return ""
    if seen == wanted:
        return '<span class="dim">the same</span>'
    return f'<span class="otherwise"><span aria-hidden="true">✗</span> {_value(wanted)}</span>'


def _span_alone(seen: SeenSpan) -> str:
    """A span that belongs to no predicted one."""
    facts = [
        ("trace id", f"<code>{text(seen.trace_id)}</code>"),
        ("span id", f"<code>{text(seen.span_id)}</code>"),
        ("parent", f"<code>{text(seen.parent_id)}</code>" if seen.parent_id else "none: it is a root"),
        ("operation", text(seen.name) or "none"),
        ("came by", text(seen.protocol)),
    ]
    return (
        f'<details class="span"><summary class="row"><span class="who"><b>{text(seen.service)}</b> '
        f'<span class="kind">{text(seen.kind)}</span></span><span class="track"></span>'
        f'<span class="took">{milliseconds(seen.duration)}</span></summary>'
        f'<div class="inside">{_facts(facts)}{_tags(seen, None)}</div></details>'
    )
