"""A Report for a terminal: verdicts, the log lines and the spans of one request, last the verdict on all of it."""

import io
from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from labspec.finding import counted
from labspec.observe.judging import Broken, Judged, Report
from labspec.predict.values import Span, whole
from labspec.present._waterfall import Trace, hung, logged, milliseconds, traces_of
from labspec.present.about import About
from labspec.show.text import visible

_NARROWEST, _WIDEST = 60, 160
_BAR = "━"
_MOST_LINES, _MOST_SPANS = 6, 30
"""What is shown of a request: the page has it all."""


def as_terminal(report: Report, about: About, *, width: int, colour: bool) -> str:
    """The whole of it, `width` columns wide but for log lines, which are never cut."""
    width = max(_NARROWEST, min(width, _WIDEST))
    console = Console(
        width=width, force_terminal=colour, no_color=not colour, highlight=False, emoji=False,
        color_system="standard" if colour else None, legacy_windows=False, file=io.StringIO(),
    )  # fmt: skip
    with console.capture() as captured:
        _whole(console, report, about, width)
    return captured.get()


def _whole(console: Console, report: Report, about: About, width: int) -> None:
    plan = report.plan
    form = "" if plan.is_base else f", variant {plan.variant}"
    facts = ", ".join(f"{label} {value}" for label, value in about.facts)
    console.print(f"[bold]{escape(plan.name + form)}[/]: {escape(facts)}", soft_wrap=True)
    for remark in about.remarks:
        console.print(f"  [yellow]{escape(visible(remark))}[/]", soft_wrap=True)
    for one in report.judged:
        _request(console, one, width)
    for verdict in report.general:
        console.print(f"\n  {_mark(passed=verdict.passed)} {escape(verdict.told)}", soft_wrap=True)
        for detail in verdict.details:
            console.print(f"      {escape(visible(detail))}", soft_wrap=True)
    briefly = "; ".join(part.partition(":")[0] for part in about.uncovered)
    console.print(f"\n[dim]not covered: {escape(briefly)}[/]", soft_wrap=True)
    console.print(_summary(report), soft_wrap=True)


def _mark(*, passed: bool) -> str:
    return "[green]ok[/]  " if passed else "[bold red]not[/] "


def _request(console: Console, one: Judged, width: int) -> None:
    first = one.request.hops[0]
    assumed = f"  (if {', '.join(one.request.unknown)} hand on all headers)" if one.request.assumed else ""
    console.print(
        f"\n[bold]{escape(one.request.client)} {first.method} {escape(first.url)}[/]{escape(assumed)}", soft_wrap=True
    )
    for verdict in one.verdicts:
        console.print(
            f"  {_mark(passed=verdict.passed)}{verdict.check:9}{escape(visible(verdict.told))}", soft_wrap=True
        )
        for detail in verdict.details:
            console.print(f"        [red]{escape(visible(detail))}[/]", soft_wrap=True)
    example = one.example
    lines = list(logged(example, one))
    if lines:
        console.print(f"  [cyan]access log[/] of request {example.answer.number + 1}")
    for entry in lines[:_MOST_LINES]:
        text = entry.passage.line.text if entry.passage.line else ""
        console.print(f"    {escape(entry.passage.service)} {entry.passage.direction}", soft_wrap=True)
        console.print(Text(f"      {visible(text)}"), soft_wrap=True)
    if len(lines) > _MOST_LINES:
        console.print(f"    and {len(lines) - _MOST_LINES} more: --report writes them all")
    traces = traces_of(example)
    numbers = {whole(trace_id): number for number, trace_id in enumerate(one.request.traces, 1)}
    breaks = hung(one, traces)
    for trace in traces:
        number = numbers.get(whole(trace.rows[0].predicted.trace_id))
        title = f"trace {number}" if number and len(numbers) > 1 else "trace"
        spans = counted(len(trace.rows), "span")
        console.print(f"  [cyan]{title}[/]  {trace.trace_id}  {spans}  {milliseconds(trace.duration)}")
        for line in _tree(trace, breaks, width - 4):
            console.print(Text("    ").append_text(line), soft_wrap=True, no_wrap=True)
    if not traces:
        console.print("  no span came of this request")


def _tree(trace: Trace, breaks: Mapping[Span | None, list[Broken]], width: int) -> Iterator[Text]:
    """The spans below each other, and when each of them was."""
    shown = trace.rows[:_MOST_SPANS]
    branches = ["".join("    " if last else "│   " for last in row.is_last[:-1]) for row in shown]
    heads = [
        f"{way}{'└── ' if row.is_last[-1] else '├── '}{row.label} {row.what}"
        for way, row in zip(branches, shown, strict=True)
    ]
    left = max(len(head) for head in heads)
    room = max(8, width - left - 12)
    for head, row in zip(heads, shown, strict=True):
        start = min(room - 1, int(row.start * room))
        length = max(1, min(room - start, round(row.width * room)))
        colour = (
            "red" if row.seen.tags.get("error") == "true" else "green" if row.predicted.kind == "SERVER" else "blue"
        )
        line = Text(head.ljust(left)).append(f" {milliseconds(row.seen.duration):>9} ").append(" " * start)
        yield line.append(_BAR * length, style=colour)
        for broken in breaks.get(row.predicted, ()):
            yield Text(f"{' ' * (4 * row.depth + 4)}broken here: {broken.found.detail}", style="red")
    if len(trace.rows) > len(shown):
        yield Text(f"and {len(trace.rows) - len(shown)} more spans")


def _summary(report: Report) -> Text:
    sent = len(report.observation.answers)
    spans = len(report.observation.spans)
    of = f"{counted(sent, 'request')}, {counted(spans, 'span')}"
    if report.passed:
        return Text(f"as predicted: {of}", style="bold green")
    failed = sum(not one.passed for one in report.judged) + sum(not verdict.passed for verdict in report.general)
    return Text(f"not as predicted: {failed} of {len(report.judged) + len(report.general)}; {of}", style="bold red")
