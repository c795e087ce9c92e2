"""The mesh settings of a lab and of its variants: the IstioOperator, and which file holds it."""

import json
from typing import Any

from labspec.mesh import Provider
from labspec.plan import Plan
from labspec.propagation._base import ZIPKIN
from labspec.resource import Body

OTLP_PATH = "/v1/traces"
"""Where a collector takes OTLP over HTTP: https://opentelemetry.io/docs/specs/otlp/#otlphttp-request."""


def operator(plan: Plan, form: Plan) -> Body:
    """The IstioOperator of one form of a lab. The providers of all forms are in it: one that no Telemetry selects does nothing."""
    return {
        "apiVersion": "install.istio.io/v1alpha1",
        "kind": "IstioOperator",
        "metadata": {"name": plan.name, "namespace": form.istio_namespace},
        "spec": {"profile": form.istio_profile, "meshConfig": _mesh_config(plan, form)},
    }


def operator_path(plan: Plan, form: Plan) -> str:
    """The file of the form's IstioOperator: that of the lab itself where both are equal."""
    is_other = not form.is_base and operator(plan, form) != operator(plan, plan)
    return f"istio/{form.variant}.yaml" if is_other else "istio/operator.yaml"


def providers(plan: Plan) -> list[Provider]:
    """The extension providers of a lab and its variants, each once, in the order of the forms."""
    return list({form.provider.name: form.provider for form in plan.forms if form.provider}.values())


def _mesh_config(plan: Plan, form: Plan) -> dict[str, Any]:
    extensions = [_extension(provider) for provider in providers(plan)]
    return {**_tracing(form), **_access_log(form), **({"extensionProviders": extensions} if extensions else {})}


def _tracing(form: Plan) -> dict[str, Any]:
    """The older API; with Telemetry resources these fields say nothing, and are left out."""
    if form.api != "meshConfig":
        return {}
    if form.receiver is None:
        return {"enableTracing": False}
    address = f"{form.receiver.host}:{form.receiver.port}"
    tracing = {"sampling": form.percent, "zipkin": {"address": address}}
    return {"enableTracing": True, "defaultConfig": {"tracing": tracing}}


def _access_log(form: Plan) -> dict[str, Any]:
    log = form.log
    if not log.encoding:
        return {"accessLogFile": ""}
    text = log.text
    # istiod reads a JSON format as one object in a string.
    own = {piece.key: piece.text for piece in log.pieces}
    wanted = json.dumps(own, indent=2, ensure_ascii=False) if text is None else text
    return {
        "accessLogFile": "/dev/stdout",
        "accessLogEncoding": log.encoding,
        **({} if log.is_own else {"accessLogFormat": f"{wanted}\n"}),
    }


def _extension(provider: Provider) -> dict[str, Any]:
    place: dict[str, Any] = {"service": provider.host, "port": provider.port}
    if provider.format.tracer == ZIPKIN:
        return {"name": provider.name, "zipkin": {**place, "traceContextOption": provider.format.option}}
    # Without a time-out Envoy refuses a tracer that sends over HTTP.
    http = {"http": {"path": OTLP_PATH, "timeout": "5s"}} if provider.protocol == "otlp-http" else {}
    return {"name": provider.name, "opentelemetry": {**place, **http}}
