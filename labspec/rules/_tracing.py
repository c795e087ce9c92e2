"""What the rules on tracing share: places to blame, and what the prediction says in words."""

from collections.abc import Iterable, Iterator, Mapping

from pydantic import BaseModel

from labspec.finding import Path, counted, listed
from labspec.lab import FORMATS, Lab
from labspec.mesh import Mesh
from labspec.predict.values import SIDECAR, Hop, Prediction, Request, Span, whole
from labspec.propagation._base import Format
from labspec.services._base import AppTracer

NEEDS = ("services", "propagation", "sampling", "collector", "istio.version", "istio.api")
"""What must have been read where a rule speaks of the prediction."""


def blamed(lab: Lab, service: str, *fields: str) -> tuple[Path, bool]:
    """The place of a service's setting as far as the spec writes it, and whether its key is meant, for want of the value."""
    path: Path = ("services", service)
    part: object = lab.spec.services[service]
    for field in fields:
        if not isinstance(part, BaseModel) or field not in part.model_fields_set:
            return path, True
        path, part = (*path, field), getattr(part, field)
    return path, False


def spoken(lab: Lab, tracer: AppTracer) -> Format:
    """What an app's own tracer reads and writes."""
    return FORMATS.get(tracer.format or "", lab.format())


def tracers(lab: Lab) -> Iterator[tuple[str, AppTracer]]:
    """The services with a tracer of their own."""
    for name, service in lab.spec.services.items():
        tracer = service.own_tracer()
        if tracer is not None:
            yield name, tracer


def is_traced(mesh: Mesh) -> bool:
    """Whether any sidecar has a tracer."""
    return any(proxy.tracer.value is not None for proxy in mesh.proxies)


def trace_of(span: Span) -> str:
    """Its trace id in full width: a collector takes one of 64 bits for the same with zeros before it."""
    return whole(span.trace_id)


def sizes(request: Request, joined: Iterable[tuple[str, str]] = ()) -> list[int]:
    """How many spans a collector gets for each trace of a request, if the traces of each pair in `joined` were one."""
    into: dict[str, str] = {}
    for one, other in joined:
        into[_end(into, whole(other))] = _end(into, whole(one))
    found: dict[str, int] = {}
    for span in request.reported:
        trace = _end(into, trace_of(span))
        found[trace] = found.get(trace, 0) + 1
    return list(found.values())


def _end(into: Mapping[str, str], trace: str) -> str:
    while into.get(trace, trace) != trace:
        trace = into[trace]
    return trace


def in_words(found: list[int]) -> str:
    """`1 trace of 4 spans`, `2 traces (2 and 2 spans)`."""
    if len(found) < 2:
        return f"1 trace of {counted(found[0], 'span')}" if found else "no trace"
    if len(found) > 4:
        low, high = min(found), max(found)
        return f"{len(found)} traces of {low if low == high else f'{low} to {high}'} spans each"
    return f"{len(found)} traces ({listed(str(size) for size in found)} spans)"


def optional(request: Request) -> str:
    """What to add where a request has calls that are not always made."""
    return ", with every optional call" if any(hop.branch < 100 for hop in request.hops) else ""


def started(prediction: Prediction, service: str) -> Iterator[tuple[Request, Hop, Span]]:
    """Where the app of a service starts a trace: the request, the hop, and the span with which it does."""
    for request in prediction.requests:
        for hop in request.hops:
            if hop.app is not None and hop.caller == service and not hop.app.parent_id:
                yield request, hop, hop.app
            if hop.answering is not None and hop.callee == service and not hop.answering.parent_id:
                yield request, hop, hop.answering


def first_sidecar(request: Request, span: Span) -> Span | None:
    """The first sidecar's span in the trace that an app's span started."""
    return next((other for other in request.spans if other.maker == SIDECAR and other.trace_id == span.trace_id), None)
