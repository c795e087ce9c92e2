"""What the access log of this lab looks like, and what its ids prove."""

import json
from collections.abc import Iterator

from labspec.envoy.format import REQUEST_OPERATORS, Operator, headers_of, parse
from labspec.guide._facts import cases, holds, logged, shown, starters
from labspec.guide._markdown import block, bullets, code, page, prose
from labspec.guide.request import chosen
from labspec.lab import FORMATS
from labspec.logreading import UNKNOWN
from labspec.plan import Plan
from labspec.predict.values import Hop, Line

_MOST = 3
"""Requests of which lines are shown."""

_TITLE = "## What the access log looks like"
_IDS = frozenset(header for form in FORMATS.values() for header in form.needed)


def section(plan: Plan) -> str:
    """The chapter on the access log."""
    if not plan.log.encoding:
        return page([_TITLE, prose("There is none: this lab writes no access log (`logs: {format: none}`).")])
    samples = examples(plan)
    return page([_TITLE, *_format(plan), *_lines(samples), *_meaning(plan, samples)])


def examples(plan: Plan) -> list[Hop]:
    """The first call of each sort of request, and calls whose lines are odd in another way."""
    found = [way.hops for case in chosen(cases(plan)) for way in case.ways]
    firsts = [hops[0] for hops in found]
    others = [hop for hops in found for hop in hops[1:] if any(line.notes for line in hop.lines)]
    sorts: dict[object, Hop] = {}
    for hop in [hop for hop in (*firsts, *others) if hop.lines]:
        sorts.setdefault(_sort(plan, hop), hop)
    return list(sorts.values())[:_MOST]


def _sort(plan: Plan, hop: Hop) -> object:
    """What lines of the same sort have in common."""
    start = next(
        (start for start, clients in starters(plan).items() if hop.caller in {each.name for each in clients}), None
    )
    ids = tuple(made is not None and holds(text, made.trace_id) for text, made in logged(hop))
    return start, ids, tuple((line.direction, line.notes) for line in hop.lines), bool(hop.received)


def _format(plan: Plan) -> Iterator[str]:
    lead = "The sidecars, not the apps, write one line for each request"
    named = " This is Istio's own format." if plan.log.is_own else ""
    if plan.log.encoding == "JSON":
        yield prose(
            f"{lead}: a JSON object with these keys, each filled by Envoy as the operators behind it say.{named}"
        )
        yield block(
            json.dumps({piece.key: piece.text for piece in plan.log.pieces}, indent=2, ensure_ascii=False), "json"
        )
        yield prose(
            "On a line the keys are sorted; a value that is not there is `null`, and a value that is one number has no quotes."
        )
        return
    yield prose(f"{lead}, each in this format of Envoy.{named}")
    yield block(plan.log.text or "", "text")


def _lines(samples: list[Hop]) -> Iterator[str]:
    for hop in samples:
        both = len(hop.lines) == 2
        for place, line in enumerate(hop.lines):
            outbound = line.direction == "outbound"
            if place == 0:
                asked = f"{code(hop.caller)} calls {code(hop.callee)} ({code(f'{hop.method} {hop.url}')})."
                side = "caller's sidecar, outbound" if outbound else f"sidecar of {code(hop.callee)}, inbound"
                only = "" if both else ", the only one"
                yield prose(f"{asked} The line of the {side}{only} (an example: times and addresses are invented too):")
            else:
                yield prose(f"The line of {code(hop.callee)}'s sidecar, inbound, for the same request:")
            yield block(line.text, "text")


def _meaning(plan: Plan, samples: list[Hop]) -> Iterator[str]:
    if not samples:
        return
    texts = [line.text for hop in samples for line in hop.lines]
    open_end = (
        [f"`{UNKNOWN}` stands for what only the cluster can tell."] if any(UNKNOWN in text for text in texts) else []
    )
    yield bullets([*_ids(plan, samples), *_notes(plan, samples), *open_end])
    yield from _dashes(plan, samples)


def _ids(plan: Plan, samples: list[Hop]) -> Iterator[str]:
    ids = shown(plan)
    pairs = [list(logged(hop)) for hop in samples if len(hop.lines) == 2]
    same = [pair for pair in pairs if all(made is not None and holds(text, made.trace_id) for text, made in pair)]
    if plan.collector is None:
        if any(value in line.text for hop in samples for value in hop.sent.values() for line in hop.lines):
            yield "A trace id in this log stands for no trace: no sidecar has a tracer, so it is the one that the client sent."
        return
    if same:
        yield "Both lines of one request show the same trace id."
    if any(made is not None and holds(text, made.span_id) for pair in same for text, made in pair):
        own = ", and none is the one that the app sent" if any(hop.app for hop in samples) else ""
        yield f"The span ids differ: each line shows the sidecar's own span{own}. Equal ids on both sides would mean that no tracer is active."
    title = plan.collector.ui.title
    if ids.trace:
        yield f"A trace id in a log proves no trace: requests that are not sampled have one too. Only {title} knows whether the trace is there."
    elif ids.request:
        yield (
            "The lines do not show the trace's id. The way to the trace is the request id: every span has it as the tag "
            f"`guid:x-request-id`, which {title} can search."
        )
    else:
        yield (
            "The lines show neither the trace's id nor the request's, so nothing leads from a line to its trace; "
            f"search in {title} by service and time."
        )


def _notes(plan: Plan, samples: list[Hop]) -> Iterator[str]:
    """What is `-`, or another id than it seems, and why; told once where all lines have it."""
    lines = [line for hop in samples for line in hop.lines]
    empty = "`null`" if plan.log.encoding == "JSON" else "`-`"
    for note in dict.fromkeys(note for line in lines for note in line.notes):
        having = [line for line in lines if note in line.notes]
        where = "on every line" if len(having) == len(lines) else f"on {_whose(having)}"
        does = f"is {empty}" if note.kind == "empty" else "misleads"
        yield f"{code(note.operator)} {does} {where}: {note.reason}."


def _whose(lines: list[Line]) -> str:
    found = dict.fromkeys(f"the {line.direction} line of {code(line.service)}" for line in lines)
    return " and ".join(found)


def _dashes(plan: Plan, samples: list[Hop]) -> Iterator[str]:
    """When an id is missing that this log usually shows."""
    wanted = _id_operators(plan)
    if not wanted:
        return
    title = "`null`" if plan.log.encoding == "JSON" else "`-`"
    if plan.collector is None:
        yield f"### When an id is {title}"
        yield prose(_without_tracer(plan, wanted))
        return
    if not shown(plan).trace:
        return
    sends = _sends(plan, wanted)
    bare = None in starters(plan) or not all(sends)
    yield f"### When an id is {title}"
    noted = any(note.kind == "empty" for hop in samples for line in hop.lines for note in line.notes)
    answered = any(hop.received for hop in samples)
    yes = "In this lab where the list above says so. It is right in these lines, too:"
    no = "Not for the requests of this lab that reach their service. It is right in these lines:"
    yield prose(yes if noted or not answered else no)
    then = (
        f"The id is then {title}, or the one that came with the request."
        if bare
        else f"The id is then the one that the app sent, or {title} if it sent none."
    )
    asked = any(operator.name == "TRACE_ID" for operator in wanted)
    right = " `%TRACE_ID%` is right even there." if asked else ""
    local = (
        "Requests that a sidecar answers itself, because it knows no route or no ready pod (503 `UH`): "
        f"it writes trace headers only when it sends a request on. {then}{right}"
    )
    reads = any(operator.name in REQUEST_OPERATORS for operator in wanted)
    yield bullets(
        [
            "Connections that are not read as HTTP: TCP, or traffic that is only passed through.",
            *([local] if reads else []),
        ]
    )
    if bare and answered:
        yield prose(f'{title} on every line means that the sidecar has no tracer: see "No trace at all" below.')


def _id_operators(plan: Plan) -> list[Operator]:
    """The operators of the log that show an id of the trace."""
    found = [token for piece in plan.log.pieces for token in parse(piece.text).tokens if isinstance(token, Operator)]
    return [
        operator
        for operator in found
        if operator.name in {"TRACE_ID", "SPAN_ID"}
        or (operator.name in REQUEST_OPERATORS and not _IDS.isdisjoint(headers_of(operator)))
    ]


def _sends(plan: Plan, wanted: list[Operator]) -> list[bool]:
    """Of each request whether its client sends a header that these operators show; nothing where they show none."""
    asked = {header for operator in wanted if operator.name in REQUEST_OPERATORS for header in headers_of(operator)}
    return [not asked.isdisjoint(request.hops[0].sent) for request in plan.prediction.requests] if asked else []


def _without_tracer(plan: Plan, wanted: list[Operator]) -> str:
    found = starters(plan)
    if set(found) <= {None}:
        return "On every line of this lab: no sidecar has a tracer and no client sends ids. That is right here."
    if not any(operator.name in REQUEST_OPERATORS for operator in wanted):
        return "On every line of this lab: these operators ask the sidecar's tracer, and there is none. That is right here."
    sends = _sends(plan, wanted)
    if not any(sends):
        return (
            "On every line of this lab: no sidecar has a tracer, and no client sends these headers. That is right here."
        )
    if not all(sends):
        return "For requests of clients that send no ids themselves. That is right here: no sidecar has a tracer."
    return "Not for the requests of this lab: each client sends ids itself, and the sidecars pass them on."
