"""A Report as one page of HTML: no script, nothing loaded, nothing sent."""

from collections.abc import Iterator, Sequence

from labspec.finding import counted, listed
from labspec.observe.judging import Judged, Report, Verdict
from labspec.present._html_graph import graph
from labspec.present._html_hops import example_of, headers, log
from labspec.present._html_spans import spans
from labspec.present._html_style import STYLE
from labspec.present._html_text import Ids, lines, mark, text
from labspec.present._waterfall import traces_of
from labspec.present.about import About

_MOST_OPEN = 3
"""Requests that are unfolded from the beginning, passed or not."""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def as_html(report: Report, about: About) -> str:
    """The page: the same for the same report."""
    plan = report.plan
    form = "" if plan.is_base else f", variant {plan.variant}"
    title = f"{plan.name}{form}: {_overall(report)} - {about.title}"
    body = "".join(
        (
            _header(report, about),
            _contents(report),
            "<main>",
            _verdicts(report),
            f'<section id="calls"><h2>Call graph</h2>{graph(plan)}</section>',
            *(_request(report, judged, place) for place, judged in enumerate(report.judged, 1)),
            "".join(_endnotes(about)),
            "</main>",
        )
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f'<title>{text(title)}</title>\n<link rel="icon" href="data:,">\n<style>{STYLE}</style>\n</head>\n'
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _overall(report: Report) -> str:
    return "as predicted" if report.passed else "not as predicted"


def _header(report: Report, about: About) -> str:
    plan = report.plan
    form = "" if plan.is_base else f' <span class="variant">variant {text(plan.variant)}</span>'
    told = [found for found in (plan.description, None if plan.is_base else plan.heading) if found]
    described = "".join(f'<p class="told">{lines(found.strip())}</p>' for found in dict.fromkeys(told))
    facts = "".join(f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in about.facts)
    kind, sign = ("good", "✓") if report.passed else ("bad", "✗")
    return (
        f'<header><p class="title">labspec {text(about.title)}</p><h1>{text(plan.name)}{form}</h1>'
        f'<p class="overall {kind}"><span class="sign" aria-hidden="true">{sign}</span> <strong>{_overall(report)}</strong> '
        f"<span>{_counted(report)}</span></p>{described}"
        f'<dl class="facts">{facts}</dl></header>'
    )


def _counted(report: Report) -> str:
    """`7 of 8 checks passed`."""
    checks = [verdict for judged in report.judged for verdict in judged.verdicts] + list(report.general)
    passed = sum(verdict.passed for verdict in checks)
    sent = f"{counted(len(report.observation.answers), 'request')} sent"
    return f"{passed} of {counted(len(checks), 'check')} passed, {sent}"


def _name(judged: Judged) -> str:
    first = judged.request.hops[0]
    assumed = ""
    if judged.request.assumed:
        done = "the headers on" if judged.request.assumed == "forwards" else "nothing on"
        many = len(judged.request.unknown) > 1
        assumed = f" <small>if {text(listed(judged.request.unknown))} {'hand' if many else 'hands'} {done}</small>"
    return f'{text(judged.request.client)} <code class="wrap">{text(first.method)} {text(first.url)}</code>{assumed}'


def _contents(report: Report) -> str:
    found = [("verdicts", "Verdicts"), ("calls", "Call graph")]
    if len(report.judged) == 1:
        found += [("spans-1", "Spans"), ("log-1", "Access log"), ("headers-1", "Headers")]
    elif report.judged:
        found.append(("request-1", "Requests"))
    found += [("remarks", "Remarks"), ("spec", "Spec")]
    links = "".join(f'<li><a href="#{place}">{name}</a></li>' for place, name in found)
    return f'<nav aria-label="Contents"><ul>{links}</ul></nav>'


def _verdicts(report: Report) -> str:
    parts = []
    few = len(report.judged) <= _MOST_OPEN
    for place, judged in enumerate(report.judged, 1):
        opened = " open" if few or not judged.passed else ""
        parts.append(
            f'<details class="request"{opened}><summary>{mark(passed=judged.passed)} {_name(judged)} '
            f"<small>sent {counted(len(judged.matched), 'time')}</small></summary>{_list(judged.verdicts)}"
            f'<p><a href="#request-{place}">One of these requests, span by span</a></p></details>'
        )
    if report.general:
        parts.append(f"<h3>What belongs to no request</h3>{_list(report.general)}")
    return f'<section id="verdicts"><h2>Verdicts</h2>{"".join(parts)}</section>'


def _list(verdicts: Sequence[Verdict]) -> str:
    return f'<ul class="verdicts">{"".join(map(_verdict, verdicts))}</ul>'


def _verdict(verdict: Verdict) -> str:
    details = "".join(f"<li>{text(detail)}</li>" for detail in verdict.details)
    return (
        f'<li class="{"good" if verdict.passed else "bad"}">{mark(passed=verdict.passed)} <b>{text(verdict.check)}</b> '
        f"<div>{text(verdict.told)}{f'<ul>{details}</ul>' if details else ''}</div></li>"
    )


def _request(report: Report, judged: Judged, place: int) -> str:
    matched = judged.example
    traces = traces_of(matched)
    ids = Ids(judged, matched, traces)
    example = example_of(judged, matched, report.plan.mesh, ids)
    answer = matched.answer
    most = ": one of those with the most spans" if traces else ""
    most = ": one in which something was otherwise" if answer.number in judged.wrong else most
    shown = (
        f"<p>Request {answer.number + 1} of {len(report.observation.answers)}, answered {answer.status:03}{most}.</p>"
    )
    kept = f'<h3 id="log-{place}">Access log</h3>{log(example)}' if report.plan.log.encoding else ""
    inside = (
        f'{shown}<h3 id="spans-{place}">Spans</h3>{spans(report.plan, judged, matched, traces, ids)}'
        f'{kept}<h3 id="headers-{place}">Headers</h3>{headers(example)}'
    )
    if len(report.judged) == 1:
        return f'<section id="request-1"><h2>{_name(judged)}</h2>{inside}</section>'
    opened = " open" if place <= _MOST_OPEN and len(report.judged) <= _MOST_OPEN else ""
    return (
        f'<section id="request-{place}"><details class="whole"{opened}><summary><h2>{_name(judged)}</h2></summary>'
        f"{inside}</details></section>"
    )


def _endnotes(about: About) -> Iterator[str]:
    yield '<section id="remarks"><h2>Remarks</h2>'
    yield _texts(about.remarks) or "<p>None.</p>"
    if about.uncovered:
        yield f"<h3>What this does not cover</h3>{_texts(about.uncovered)}"
    if about.addresses:
        rows = "".join(
            f'<tr><th scope="row"><code>{text(address)}</code></th><td>{text(what)}</td></tr>'
            for address, what in about.addresses
        )
        head = "<tr><th>address</th><th>stands for</th></tr>"
        table = f'<table class="flow"><thead>{head}</thead><tbody>{rows}</tbody></table>'
        yield f"<details><summary>Addresses of this machine, and what they stand for</summary>{table}</details>"
    yield "</section>"
    yield f'<section id="spec"><h2>Spec</h2><p><code class="wrap">{text(about.spec_name)}</code></p>'
    yield f'<pre class="scroll" tabindex="0" role="group" aria-label="Text of the spec">{lines(about.spec_text)}</pre>'
    yield f'<h3>Command</h3><pre class="raw">{lines(about.command)}</pre></section>'


def _texts(found: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{text(each)}</li>' for each in found)}</ul>" if found else ""
