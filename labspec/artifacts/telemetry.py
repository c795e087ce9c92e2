"""base/telemetry.yaml: which tracer the sidecars have, and what they sample, in Istio's newer API."""

from collections.abc import Iterator

from labspec.artifacts._base import Manifests
from labspec.plan import Plan
from labspec.resource import Object, metadata
from labspec.yamltext import Comments


def _objects(plan: Plan) -> Iterator[tuple[str, tuple[Object, ...]]]:
    if plan.provider is None:
        return
    # One without a selector for the namespace: of two, Istio takes the older.
    whole = _telemetry(plan, plan.name, plan.percent, None)
    own = (
        _telemetry(plan, workload.name, workload.sampling, workload.name)
        for workload in plan.workloads
        if workload.sampling is not None and workload.sidecar
    )
    yield "telemetry.yaml", (whole, *own)


def _telemetry(plan: Plan, name: str, percent: float, app: str | None) -> Object:
    assert plan.provider is not None  # noqa: S101  # who calls this has seen it
    selector = {"selector": {"matchLabels": {"app": app}}} if app else {}
    tracing = {"providers": [{"name": plan.provider.name}], "randomSamplingPercentage": percent}
    body = {
        "apiVersion": "telemetry.istio.io/v1",
        "kind": "Telemetry",
        "metadata": metadata(name if app is None else f"{plan.name}-{app}", plan.namespace, plan.name, owner=app),
        "spec": {**selector, "tracing": [tracing]},
    }
    providers = "An extension provider of the mesh (istio/operator.yaml). Without one this would switch tracing off."
    comments: Comments = {("spec", "tracing", 0, "providers"): providers} if app is None else {}
    return Object(body, comments)


ARTIFACT = Manifests(_objects)
