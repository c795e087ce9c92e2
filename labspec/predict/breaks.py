"""Where a request leaves its trace, and why."""

from labspec.finding import listed
from labspec.lab import FORMATS, Lab
from labspec.predict.values import DROPPED, FOREIGN, INCOMPLETE, UNKNOWN, Break, Hop, Span, whole
from labspec.propagation._base import Format


def break_at(lab: Lab, hop: Hop, index: int, before: str, span: Span | None) -> Break | None:
    """The break between what came to the caller of `hop` and the sidecars' span of it; None where the trace goes on.

    `before` is the trace in which the request came; for a client that starts its own, the app's.
    """
    left = before or (hop.app.trace_id if hop.app else "")
    if span is None or not left or whole(span.trace_id) == whole(left):
        return None
    reason, detail = _reason(lab, hop)
    return Break(hop.caller, index, reason, detail, left, span.trace_id)


def _reason(lab: Lab, hop: Hop) -> tuple[str, str]:
    form, service = lab.format(), lab.spec.services[hop.caller]
    tracer = service.own_tracer()
    if tracer is not None:
        own = FORMATS.get(tracer.format or "", form)
        return FOREIGN, apart(own, form)
    forwarding = service.forwarding()
    if not forwarding.is_known:
        return UNKNOWN, "nobody says what it hands on: here it hands on nothing"
    carried = [name for name in hop.sent if name != "x-request-id"]
    if not forwarding.patterns or not carried:
        others = " (x-request-id alone does not hold a trace)" if hop.sent else ""
        return DROPPED, f"it hands on no trace header{others}"
    missing = [name for name in _needed(form.name) if name not in hop.sent]
    return INCOMPLETE, f"it hands on {listed(carried)}, but not {listed(missing)}"


def apart(own: Format, form: Format) -> str:
    """Why an app's own tracer, which speaks `own`, and sidecars that speak `form` are in different traces."""
    if form.reads(own):
        return f"its own tracer reads {listed(own.needed)} alone, the sidecars write {listed(form.needed)}"
    return f"its own tracer speaks {own.name}, the sidecars {form.name}"


def _needed(form: str) -> tuple[str, ...]:
    """Headers without which a tracer of that format starts anew."""
    return FORMATS[form].needed
