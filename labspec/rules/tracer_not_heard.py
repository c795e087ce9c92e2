"""An application's tracer that sidecars do not understand."""

from collections.abc import Iterator

from labspec.finding import WARNING
from labspec.lab import SIDECAR_FORMATS, Lab
from labspec.mesh import Mesh
from labspec.predict.breaks import apart
from labspec.predict.values import Hop, Prediction, Request
from labspec.propagation._base import Format
from labspec.rules._base import Hit, Rule
from labspec.rules._tracing import NEEDS, blamed, in_words, optional, sizes, spoken, trace_of, tracers


def _check(lab: Lab, mesh: Mesh, prediction: Prediction) -> Iterator[Hit]:  # noqa: ARG001  # the prediction says it all
    for name, tracer in tracers(lab):
        form = spoken(lab, tracer)
        found = next((request for request in prediction.requests if any(_apart(request, name))), None)
        if found is None or form == lab.format():
            continue
        path, key = blamed(lab, name, "tracer", "format")
        broken = [(one.before, one.after) for one in found.breaks if one.service == name]
        now, whole = sizes(found), sizes(found, [*_apart(found, name), *broken])
        lead = apart(form, lab.format()).replace("its", f"{name}'s", 1)
        if now == whole:
            left = f"; one request of {found.client} leaves {in_words(now)} with other ids" if now else ""
            message = f"{lead}: the ids that it sends are in no trace{left}"
        else:
            message = f"{lead}: one request of {found.client} leaves {in_words(now)} instead of {in_words(whole)}"
        yield Hit(path, message + optional(found), _advice(lab, form), key=key)


def _apart(request: Request, service: str) -> Iterator[tuple[str, str]]:
    """The app's trace and the sidecars', wherever they differ at the service."""
    for hop in request.hops:
        for own, other in _pairs(hop, service):
            if own != other:
                yield own, other


def _pairs(hop: Hop, service: str) -> Iterator[tuple[str, str]]:
    out, into = hop.client or hop.server, hop.server or hop.client
    if hop.app is not None and out is not None and hop.caller == service:
        yield trace_of(hop.app), trace_of(out)
    if hop.answering is not None and into is not None and hop.callee == service:
        yield trace_of(hop.answering), trace_of(into)


def _advice(lab: Lab, own: Format) -> str:
    """What both would understand."""
    form = lab.format()
    if not own.tracer:
        return f"let the app speak {form.name}, as the sidecars do: none of Istio's speaks {own.name}"
    both = [each for each in SIDECAR_FORMATS.values() if each.reads(own) and each.reads(form) and own.reads(each)]
    mixed = next((other.name for other in both if other not in (own, form)), None)
    other = (
        f"; propagation: {{format: {mixed}}} understands both" if mixed and lab.spec.istio.api == "telemetry" else ""
    )
    return f"let both speak the same, {form.name} or {own.name}{other}"


RULE = Rule(
    id="tracer-not-heard",
    severity=WARNING,
    summary="An app's own tracer speaks other headers than the sidecars.",
    why="Each reads only its own headers and passes the others through. The sidecars' spans and the app's are then in different traces; "
    "an access log that prints the app's header shows an id which no trace of the mesh has.",
    failing="propagation: {format: w3c}\nservices:\n  frontend: {kind: curl, calls: [backend], tracer: {format: b3}}\n  backend: {kind: http-echo}",
    mended="propagation: {format: w3c}\nservices:\n  frontend: {kind: curl, calls: [backend], tracer: {format: w3c}}\n  backend: {kind: http-echo}",
    source="https://github.com/istio/istio/issues/46414; measured on Envoy 1.38.3",
    on_prediction=_check,
    needs=NEEDS,
)
