"""A label or an annotation that labspec, or kustomize, needs for itself."""

from collections.abc import Iterator

from labspec.finding import ERROR
from labspec.lab import Lab
from labspec.rules._base import Hit, Rule
from labspec.services._base import Service

_LABELS = {
    "app": "it is the service's name: the Service and the Deployment find its pods by it, and its spans are called by it",
    "version": "Istio and Kiali tell the versions of a service by it",
}
_BOTH = {"sidecar.istio.io/inject": "it says whether a pod has a sidecar: write mesh: true or mesh: false"}
_PREFIXES = {
    "app.kubernetes.io/": "deploy.sh and teardown.sh find what is of the lab by these",
    "labspec/": "the scripts read these",
}
_CONFIG = "proxy.istio.io/config"


def _check(lab: Lab) -> Iterator[Hit]:
    for name, service in lab.spec.services.items():
        for key in service.labels:
            if fault := _fault("label", key, _LABELS | _BOTH):
                yield Hit(("services", name, "labels", key), *fault, key=True)
        for key in service.annotations:
            if fault := _kustomizes(key) or _fault("annotation", key, _BOTH | _written(lab, service)):
                yield Hit(("services", name, "annotations", key), *fault, key=True)


def _fault(what: str, key: str, reserved: dict[str, str]) -> tuple[str, str] | None:
    """Why nobody else can have it; None where anybody can."""
    if key in reserved:
        return f'labspec writes the {what} "{key}" itself', reserved[key]
    prefix = next((prefix for prefix in _PREFIXES if key.startswith(prefix)), None)
    return (f'{what}s that begin with "{prefix}" are labspec\'s own', _PREFIXES[prefix]) if prefix else None


def _kustomizes(key: str) -> tuple[str, str] | None:
    # config.kubernetes.io/local-config would take the whole Deployment out of the lab.
    prefix, slash, _ = key.partition("/")
    if slash and prefix.endswith(("config.kubernetes.io", "config.k8s.io")):
        return (
            f'annotations that begin with "{prefix}/" are kustomize\'s own, and it takes them away',
            "give it another name",
        )
    return None


def _written(lab: Lab, service: Service) -> dict[str, str]:
    """The annotation with the sampling of a service, with the older API."""
    if lab.spec.istio.api != "meshConfig" or service.sampling is None or not service.mesh:
        return {}
    return {_CONFIG: "it carries the service's own sampling; with istio: {api: telemetry} a Telemetry resource does"}


RULE = Rule(
    id="reserved-label",
    severity=ERROR,
    summary="A label or an annotation of a service is one that labspec writes itself.",
    why="Selectors, sidecars, spans and the scripts go by them: with another value the lab would lose its own pods.",
    failing="services:\n  frontend: {kind: curl, calls: [backend], labels: {app: web}}\n  backend: {kind: http-echo}",
    mended="services:\n  frontend: {kind: curl, calls: [backend], labels: {example.com/app: web}}\n  backend: {kind: http-echo}",
    source="labspec/resource.py; https://kubectl.docs.kubernetes.io/references/kustomize/",
    on_lab=_check,
)
