"""The verdicts: an Observation held against the Prediction of a plan."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from labspec.finding import counted, listed
from labspec.meaning import spans_in_words
from labspec.observe.comparing import ANSWERS, CALLS, CHECKS, LOG, SPANS, TAGS, TRACES, differences
from labspec.observe.idmap import FIXED, ID, normal
from labspec.observe.matching import Cast, Gathered, Matched
from labspec.observe.shares import Share
from labspec.observe.values import Observation
from labspec.plan import Plan
from labspec.predict.values import Break, Request, whole

SAMPLING = "sampling"
_MOST = 5
"""Differences that are told one by one."""
_NAMED = 3
"""Calls of some requests only that are named."""


class Verdict(NamedTuple):
    """Whether one kind of thing was as predicted."""

    check: str
    passed: bool
    told: str
    """What was seen, in a sentence."""
    details: tuple[str, ...] = ()
    """What was otherwise, the most frequent first, each with its number of requests."""


class Broken(NamedTuple):
    """A predicted break of the trace, and in how many requests it was there."""

    found: Break
    seen: int
    of: int
    """Requests in which both sides of it were sampled."""


class Judged(NamedTuple):
    """One request of the lab: all times that it was sent, and what is to be said of them."""

    place: int
    """In the prediction."""
    request: Request
    matched: tuple[Matched, ...]
    verdicts: tuple[Verdict, ...]
    shares: tuple[Share, ...]
    """One for each predicted trace."""
    breaks: tuple[Broken, ...]
    wrong: tuple[int, ...] = ()
    """The numbers of the requests in which something was otherwise."""

    @property
    def passed(self) -> bool:
        """Whether all was as predicted."""
        return all(verdict.passed for verdict in self.verdicts)

    @property
    def example(self) -> Matched:
        """The request to show: one in which something was otherwise, else one with the most spans; of these the last, when all was warm."""
        return max(
            self.matched,
            key=lambda one: (
                one.answer.number in self.wrong,
                sum(len(hop.spans) for hop in one.hops if hop),
                one.answer.number,
            ),
        )


class Report(NamedTuple):
    """A whole run, judged."""

    plan: Plan
    observation: Observation
    judged: tuple[Judged, ...]
    general: tuple[Verdict, ...]
    """Verdicts on what belongs to no request."""

    @property
    def passed(self) -> bool:
        """Whether all was as predicted."""
        return all(one.passed for one in self.judged) and all(verdict.passed for verdict in self.general)


def judged(plan: Plan, observation: Observation) -> Report:
    """Holds what was seen against what `plan` predicts."""
    gathered = Gathered(observation)
    cast = Cast(
        frozenset(proxy.service for proxy in plan.mesh.proxies),
        frozenset(each.name for each in plan.workloads if each.stand_in.arguments is None),
    )
    numbers: dict[int, list[Matched]] = {}
    for answer in observation.answers:
        request = plan.prediction.requests[answer.request]
        numbers.setdefault(answer.request, []).append(gathered.matched(request, answer, cast))
    found = tuple(_judged(plan, index, tuple(matched)) for index, matched in sorted(numbers.items()))
    return Report(plan, observation, found, tuple(_general(plan, observation, gathered)))


def _judged(plan: Plan, index: int, matched: tuple[Matched, ...]) -> Judged:
    request = plan.prediction.requests[index]
    differing: Counter[tuple[str, str]] = Counter()
    # Ids are of one request each: what differs in nothing else is told once, with the first that was seen.
    first: dict[tuple[str, str], str] = {}
    wrong: list[int] = []
    for one in matched:
        alike: dict[tuple[str, str], None] = {}
        for found in differences(request, one, plan.mesh):
            kind = (found.check, ID.sub("", found.text))
            alike[found.check, first.setdefault(kind, found.text)] = None
        differing.update(alike.keys())
        if alike:
            wrong.append(one.answer.number)
    differing.update((TRACES, text) for text in _shared(matched))
    shares = tuple(_shares(request, matched))
    breaks = tuple(_broken(request, matched, found) for found in request.breaks)
    verdicts = [
        _verdict(check, differing, _told(check, plan, request, matched, breaks), len(matched))
        for check in CHECKS
        if check != LOG or plan.log.encoding
    ]
    return Judged(index, request, matched, (*verdicts, *_sampling(shares)), shares, breaks, tuple(wrong))


def _verdict(check: str, counted: Counter[tuple[str, str]], told: str, of: int) -> Verdict:
    found = [(text, number) for (about, text), number in counted.most_common() if about == check]
    details = [f"{text} ({number} of {of})" for text, number in found[:_MOST]]
    if len(found) > _MOST:
        details.append(f"and {len(found) - _MOST} more")
    return Verdict(check, not found, told, tuple(details))


def _told(check: str, plan: Plan, request: Request, matched: tuple[Matched, ...], breaks: tuple[Broken, ...]) -> str:
    if check == ANSWERS:
        return _answers(matched)
    if check == CALLS:
        return _calls(request, matched)
    if check == SPANS:
        return _spans(request, matched)
    if check == TRACES:
        return _traces(request, breaks)
    if check == LOG:
        return _log(plan, request, matched)
    return "names and tags of the spans" if check == TAGS else f"headers on {counted(len(request.hops), 'hop')}"


def _answers(matched: tuple[Matched, ...]) -> str:
    statuses = Counter(one.answer.status for one in matched)
    return listed(f"{number} answered {status:03}" for status, number in sorted(statuses.items()))


def _calls(request: Request, matched: tuple[Matched, ...]) -> str:
    optional = [index for index, hop in enumerate(request.hops) if hop.branch < request.hops[0].branch]
    calls = [(request.hops[index].callee, sum(one.hops[index] is not None for one in matched)) for index in optional]
    made = [f"{callee} called in {number} of {len(matched)}" for callee, number in calls[:_NAMED]]
    more = [f"and {len(calls) - _NAMED} more in some requests only"] if len(calls) > _NAMED else []
    return "; ".join([f"{counted(len(request.hops), 'call')}{', at most' if optional else ''}", *made, *more])


def _spans(request: Request, matched: tuple[Matched, ...]) -> str:
    seen = sum(len(hop.spans) for one in matched for hop in one.hops if hop)
    if not request.traces:
        return f"{counted(seen, 'span')}; none was to be"
    return f"{counted(seen, 'span')}; in a sampled request {spans_in_words(request.traces)}"


def _traces(request: Request, breaks: tuple[Broken, ...]) -> str:
    if not breaks:
        return "trace ids and parents; no break" if request.traces else "no trace"
    told = [
        f"broken between {one.found.service} and {request.hops[one.found.hop].callee} in {one.seen} of {one.of}: {one.found.detail}"
        for one in breaks
    ]
    return "; ".join(told)


def _log(plan: Plan, request: Request, matched: tuple[Matched, ...]) -> str:
    lines = sum(
        passage is not None and passage.line is not None
        for one in matched
        for hop in one.hops
        if hop
        for passage in (hop.out, hop.inward)
    )
    notes = dict.fromkeys(
        (note.operator, note.kind, note.reason) for hop in request.hops for line in hop.lines for note in line.notes
    )
    told = [f"{operator} is {'-' if kind == 'empty' else 'misleading'}: {reason}" for operator, kind, reason in notes]
    form = "JSON" if plan.log.encoding == "JSON" else "text"
    return "; ".join([f"{counted(lines, 'line')} of {form}", *told])


def _shares(request: Request, matched: tuple[Matched, ...]) -> Iterator[Share]:
    # A client's call of a share of its rounds is sent each time.
    sent = request.hops[0].branch / 100
    for number, spans in enumerate(request.traces.values(), 1):
        wanted = set(spans)
        seen = sum(any(wanted & hop.spans.keys() for hop in one.hops if hop) for one in matched)
        share = round(max(span.share for span in spans) / sent, 8)
        yield Share(f"trace {number}", seen, len(matched), min(100.0, share))


def _shared(matched: tuple[Matched, ...]) -> Iterator[str]:
    """Traces that two requests have in common, and were not to."""
    owners: dict[str, int] = {}
    for one in matched:
        found = {seen.trace_id: span for hop in one.hops if hop for span, seen in hop.spans.items()}
        for trace_id, span in found.items():
            owner = owners.setdefault(whole(trace_id), one.answer.number)
            if owner != one.answer.number and normal(span.trace_id) not in FIXED:
                yield f"the trace {trace_id} is that of two requests"


def _sampling(shares: tuple[Share, ...]) -> Iterator[Verdict]:
    if not shares:
        return
    told = []
    for share in shares:
        low, high = share.interval()
        name = f"{share.what}: " if len(shares) > 1 else ""
        few = (
            f"; too few requests to tell, {share.needed} would be enough" if share.fits and not share.is_enough else ""
        )
        told.append(
            f"{name}{share.seen} of {share.of} sampled, {share.percent:.4g} % ({low:.3g} to {high:.3g} %); "
            f"predicted {share.predicted:.4g} %{few}"
        )
    yield Verdict(SAMPLING, all(share.fits for share in shares), "; ".join(told))


def _broken(request: Request, matched: tuple[Matched, ...], found: Break) -> Broken:
    """In how many requests the spans before and behind the break are in two traces."""
    before = {span for span in request.spans if whole(span.trace_id) == whole(found.before)}
    behind = {span for span in request.spans if whole(span.trace_id) == whole(found.after)}
    seen = of = 0
    for one in matched:
        spans = {span: came for hop in one.hops if hop for span, came in hop.spans.items()}
        left = {spans[span].trace_id for span in before & spans.keys()}
        right = {spans[span].trace_id for span in behind & spans.keys()}
        if left and right:
            of += 1
            seen += left.isdisjoint(right)
    return Broken(found, seen, of)


def _general(plan: Plan, observation: Observation, gathered: Gathered) -> Iterator[Verdict]:
    if gathered.foreign:
        names = Counter(f"{span.service} {span.kind}" for span in gathered.foreign)
        details = tuple(f"{name} ({number})" for name, number in names.most_common(_MOST))
        yield Verdict(SPANS, passed=False, told="spans of no request that was sent", details=details)
    skipped = {service: number for service, number in observation.skipped.items() if number}
    if skipped and plan.log.encoding:
        told = listed(f"{number} of {service}" for service, number in skipped.items())
        yield Verdict(LOG, passed=False, told=f"log lines that are not of the lab's format: {told}")
