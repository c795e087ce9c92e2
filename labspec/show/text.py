"""A Prediction as text for a terminal, 100 columns wide where ids and log lines allow."""

import re
from collections.abc import Iterator, Mapping

from labspec.finding import listed
from labspec.meaning import deciders, maker, spans_in_words
from labspec.plan import Plan
from labspec.predict.values import APP, Hop, Line, Request, Span
from labspec.report import Painter, plain
from labspec.show._tree import Forest

_WIDTH = 100
_ID = re.compile(r"[0-9a-f]{16,32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def as_text(plan: Plan, paint: Painter = plain) -> str:
    """Each request of one form of a lab: its traces, the headers on each hop, the log lines."""
    form = "" if plan.is_base else f", variant {plan.variant}"
    tracer = f"the sidecars speak {plan.propagation.name}" if plan.receiver else "the sidecars have no tracer"
    lines = [f"{plan.name}{form}: Istio {plan.istio_version}, {tracer}"]
    for request in plan.prediction.requests:
        lines += ["", *_request(plan, request, paint)]
    if not plan.prediction.requests:
        lines += ["", "Nobody sends a request."]
    return "\n".join(lines) + "\n"


def _request(plan: Plan, request: Request, paint: Painter) -> Iterator[str]:
    first, forest = request.hops[0], Forest(request)
    traces = request.traces
    told = f"{spans_in_words(traces)}{some(request)}" if traces else f"no span: {_silence(plan, request)}"
    yield f"{paint(f'{request.client} {first.method} {first.url}', 'bold')}  {told}"
    if request.assumed:
        done = "the headers on" if request.assumed == "forwards" else "nothing on"
        yield f"  if {listed(request.unknown)} {'hand' if len(request.unknown) > 1 else 'hands'} {done}"
    for found in forest.loose:
        yield f"  {paint(f'break: {forest.consequence(found)}', 'red')}: {found.detail}"
    for trace in forest.traces:
        yield f"  {paint(forest.name(trace.trace_id), 'cyan')}  {trace.trace_id}"
        if trace.trace_id in traces:
            yield from (f"    {line}" for line in _decision(plan, request, trace.trace_id))
        yield from (f"    {line}" for line in forest.lines(trace, paint))
    by_chance = any(0 < span.chance.percent < 100 for span in request.reported)
    yield f"  {paint('headers', 'cyan')}{' where the request is sampled' if by_chance else ''}"
    for hop in request.hops:
        yield from (f"    {line}" for line in _headers(hop, paint))
    lines = [line for hop in request.hops for line in hop.lines]
    if lines:
        yield f"  {paint('access log', 'cyan')}"
    for line in lines:
        yield from (f"    {text}" for text in _logged(line, paint))


def _decision(plan: Plan, request: Request, trace_id: str) -> Iterator[str]:
    """`in 100 % of the requests; frontend's app decides (x-b3-sampled: 1)`, and who has to want it too."""
    share = max(span.share for span in request.traces[trace_id])
    first, *others = deciders(request, trace_id)
    yield f"in {share:.4g} % of the requests; {maker(first)} decides ({_why(plan, request, first)})"
    for span in others:
        yield f"and so does {maker(span)} ({_why(plan, request, span)}): both must want it"


def _silence(plan: Plan, request: Request) -> str:
    if plan.receiver is None:
        return "the lab has no collector, so the sidecars have no tracer"
    decider = next((span for span in request.spans if span.decides), None)
    if decider is None:
        return "no sidecar with a tracer is on its way"
    return f"{maker(decider)} decides so ({_why(plan, request, decider)})"


def _why(plan: Plan, request: Request, span: Span) -> str:
    """What the decision goes by."""
    proxy = plan.mesh.proxy(span.service)
    if span.maker != APP:
        if proxy and span.chance.percent > proxy.sampling.value:
            return "a sidecar before it has marked x-request-id"
        return f"its rate is {proxy.sampling.value:g} %" if proxy else "its own rate"
    sent = next((hop.sent for hop in request.hops if hop.app == span), {})
    speaks = next(workload.speaks for workload in plan.workloads if workload.name == span.service)
    carrier = speaks.read(sent).carrier
    value = sent.get(carrier)
    if value is None:
        return "its own tracer"
    # All but the end of a long one is ids.
    return f"{carrier}: {value if len(value) <= 8 else '…' + re.split('(?=[-:])', value)[-1]}"


def _headers(hop: Hop, paint: Painter) -> list[str]:
    """A table: how each header leaves the app, leaves the pod, and comes to the other app."""
    names = list(dict.fromkeys((*hop.sent, *hop.carried, *hop.received)))
    title = f"{hop.caller} -> {hop.callee}"
    if not names:
        return [f"{paint(title, 'cyan')}  none"]
    # Where nothing arrives, the callee has no pod; what the caller's sidecar would add goes nowhere.
    is_dead = not hop.reached
    shown = 2 if is_dead else 4
    rows = [[title, "from the app", "from the pod", "to the app"][:shown]]
    rows += [[name, *_cells(hop, name)][:shown] for name in (hop.sent if is_dead else names)]
    table = _aligned(rows)
    for digits in (8, 6, 4):
        if max(map(len, table)) + 4 > _WIDTH:
            table = _aligned(
                [rows[0], *([row[0], *(shortened_ids(cell, digits) for cell in row[1:])] for row in rows[1:])]
            )
    if is_dead:
        table.append(f"nothing arrives: {hop.callee} has no pod")
    return [paint(table[0], "cyan"), *table[1:]]


def _cells(hop: Hop, name: str) -> list[str]:
    sides: tuple[Mapping[str, str], ...] = (hop.sent, hop.carried, hop.received)
    values = [visible(side[name]) or '""' if name in side else "-" for side in sides]
    return [
        value if not index or value != values[index - 1] or value == "-" else "=" for index, value in enumerate(values)
    ]


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _logged(line: Line, paint: Painter) -> Iterator[str]:
    yield f"{line.service} {line.direction}"
    yield f"  {visible(line.text)}"
    for note in line.notes:
        kind = "is empty" if note.kind == "empty" else "misleads"
        yield paint(f"  {visible(note.operator)} {kind}: {note.reason}", "yellow")


def some(request: Request) -> str:
    """`, 2 of them in some requests only`; empty where all its calls are always made."""
    number = sum(span.branch < request.hops[0].branch for span in request.reported)
    return f", {number} of them in some requests only" if number else ""


def shortened_ids(text: str, digits: int) -> str:
    """`00-…a1b965f4-…8009454f-01`: by their ends, because the left half of an id of 64 bits may be zeros."""
    return _ID.sub(lambda found: f"…{found.group()[-digits:]}", text)


def visible(text: str) -> str:
    """`text` with what a terminal would obey, or hide, shown as escapes."""
    return "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in text)
