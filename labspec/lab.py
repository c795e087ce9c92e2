"""The Lab: a spec that was read, validated and filled with its defaults."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Union, get_args

from pydantic import AfterValidator, Field

import labspec.collectors
import labspec.propagation
import labspec.services
from labspec.accesslog import NAMED
from labspec.collectors._base import Collector, Surroundings
from labspec.envoy.versions import ISTIO_VERSIONS
from labspec.finding import Path, alternatives
from labspec.images import Images
from labspec.kinds import classes_in, values_in
from labspec.model import DnsLabel, Line, Model, ServiceName, described, variant_name, wrong
from labspec.propagation._base import Format
from labspec.resource import BASE
from labspec.sampling import Sampling
from labspec.services._base import Call, Service

API_VERSION = "labspec/v1"
NEWEST_ISTIO = list(ISTIO_VERSIONS)[-1]

_SERVICES = classes_in(labspec.services, Service)  # type: ignore[type-abstract]  # the kinds are concrete
SERVICE_KINDS = {get_args(model.model_fields["kind"].annotation)[0]: model for model in _SERVICES}
COLLECTOR_KINDS = {
    get_args(model.model_fields["kind"].annotation)[0]: model for model in classes_in(labspec.collectors, Collector)
}
DEFAULT_COLLECTOR = "jaeger"
DEFAULT_FORMAT = "w3c"
FORMATS = {found.name: found for found in values_in(labspec.propagation, Format)}
HANDED_ON = tuple(dict.fromkeys(header for found in FORMATS.values() for header in found.forward))
"""Every trace header known, and x-request-id."""
SIDECAR_FORMATS = {name: found for name, found in FORMATS.items() if found.tracer}
"""Those that Istio's sidecars speak; the others are for applications."""

if TYPE_CHECKING:
    AnyService = Service
    AnyCollector = Collector
else:
    AnyService = Annotated[Union[tuple(SERVICE_KINDS.values())], Field(discriminator="kind")]  # noqa: UP007  # made at run time
    AnyCollector = Annotated[Union[tuple(COLLECTOR_KINDS.values())], Field(discriminator="kind")]  # noqa: UP007  # made at run time


def one_of(value: str, known: Mapping[str, object]) -> str:
    """`value`, where `known` has it; raises the error that lists what is allowed."""
    if value not in known:
        raise wrong(
            "unknown-value",
            f'"{value}" is not known here{alternatives(value, list(known))}',
            f"known here: {', '.join(known)}",
        )
    return value


def _format_name(value: str) -> str:
    if value in FORMATS and value not in SIDECAR_FORMATS:
        advice = f"known here: {', '.join(SIDECAR_FORMATS)}; an app that speaks it says so: tracer: {{format: {value}}}"
        raise wrong("unknown-value", f'no sidecar of Istio speaks "{value}"', advice)
    return one_of(value, SIDECAR_FORMATS)


def _istio_version(value: str) -> str:
    minor = ".".join(value.split(".")[:2])
    if value not in ISTIO_VERSIONS and minor in ISTIO_VERSIONS:
        raise wrong("unknown-value", f'"{value}" is more than a minor version', f'write "{minor}"')
    if f"{value}0" in ISTIO_VERSIONS:
        raise wrong(
            "unknown-value",
            f'"{value}" is not known here; did you mean "{value}0"?',
            f"known here: {', '.join(ISTIO_VERSIONS)}",
        )
    return one_of(value, ISTIO_VERSIONS)


VariantName = Annotated[str, AfterValidator(variant_name), described()]


class Istio(Model):
    """The mesh."""

    version: Annotated[str, AfterValidator(_istio_version), Field(json_schema_extra={"enum": list(ISTIO_VERSIONS)})] = (
        NEWEST_ISTIO
    )
    """Istio's minor version, quoted: it decides Envoy's version, and with it the log operators."""
    profile: Literal["demo", "default", "minimal", "openshift", "preview", "stable"] = "demo"
    """Istio's configuration profile."""
    api: Literal["telemetry", "meshConfig"] = "telemetry"
    """Which of Istio's two tracing APIs carries the settings; `meshConfig` is the older one: zipkin with B3, read at a pod's start."""


class Propagation(Model):
    """Which headers carry a trace."""

    format: Annotated[str, AfterValidator(_format_name), Field(json_schema_extra={"enum": list(SIDECAR_FORMATS)})] = (
        DEFAULT_FORMAT
    )
    """What the sidecars read and write; an application hands the same headers on."""


def _log_format(value: object) -> str | dict[str, str]:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, dict) and value and all(isinstance(text, str) and text for text in value.values()):
        return value
    empty = value in ("", {})
    if isinstance(value, dict) and not empty:
        odd = next(key for key, text in value.items() if not (isinstance(text, str) and text))
        raise wrong("wrong-type", f'the key "{odd}" needs a text', "write operators, as in code: '%RESPONSE_CODE%'")
    raise wrong(
        "empty-string" if empty else "wrong-type",
        "the format is empty" if empty else "a text or a map belongs here",
        f"write a text, a map for JSON, or a name: {', '.join(NAMED)}",
    )


class Logs(Model):
    """The sidecars' access log."""

    format: Annotated[Any, AfterValidator(_log_format), described(examples=NAMED)] = "traced"
    """Envoy's format, in which `${trace_id}` and other symbols stand for the operators of the sidecars' tracer: a text, or a map for JSON;
    or a name: `istio`, `istio-json` (Istio's own), `traced`, `traced-json` (Istio's own followed by the ids), `none` (no access log)."""


class Spec(Model):
    """A tracing lab: services and who calls whom, trace headers, sampling, the collector, the access log."""

    apiVersion: Literal["labspec/v1"]  # noqa: N815  # the key in the spec
    """Version of this language."""
    name: DnsLabel
    """Name of the lab; every object carries it as a label."""
    description: Line | None = None
    """One sentence: what one learns here."""
    namespace: DnsLabel | None = None
    """Namespace of the services; without it the lab makes one of its own name."""
    createNamespace: bool | None = None  # noqa: N815  # the key in the spec
    """Whether the lab makes its namespace; without it only where `namespace` is not given. One that is there already is never taken over."""
    istio: Istio = Istio()
    """The mesh."""
    services: dict[ServiceName, AnyService]
    """The services by name, in the order of the story."""
    propagation: Propagation = Propagation()
    """Which headers carry a trace."""
    sampling: Sampling = Sampling()
    """Which requests are traced."""
    collector: AnyCollector = Field(default_factory=lambda: COLLECTOR_KINDS[DEFAULT_COLLECTOR](kind=DEFAULT_COLLECTOR))
    """Where spans are stored and looked at."""
    logs: Logs = Logs()
    """The sidecars' access log."""
    images: Images = Images()
    """Where images come from, and when they are pulled."""
    accept: dict[str, Line] = {}  # noqa: RUF012  # pydantic copies it
    """Rules whose warnings are meant to be: the rule, and the reason, which the guide tells."""
    defaults: dict[str, Any] = {}  # noqa: RUF012  # pydantic copies it
    """What all services of a kind have, where they do not say otherwise."""
    variants: dict[str, Any] = {}  # noqa: RUF012  # pydantic copies it
    """The lab's other forms, in the order of its chapters: what each says otherwise; null takes something away."""


class Lab(NamedTuple):
    """A spec as far as it could be read, for the rules; whole where `broken` is empty."""

    source: str
    """Base name of the spec's file: generated files name it."""
    variant: str | None
    """Its name, where it is a variant."""
    spec: Spec
    broken: frozenset[Path]
    """What could not be read; the spec has a default, or nothing, in its place."""
    declared: frozenset[str]
    """The names of all services, also of those that could not be read."""
    nested: frozenset[Path]
    """The steps in `calls` that are written as a list."""

    def namespace(self) -> str:
        """Where the services run."""
        return self.spec.namespace or self.spec.name

    def makes_namespace(self) -> bool:
        """Whether it makes that itself."""
        made = self.spec.createNamespace
        return self.spec.namespace is None if made is None else made

    def format(self) -> Format:
        """The headers that the sidecars speak."""
        return FORMATS[self.spec.propagation.format]

    def surroundings(self, cluster_domain: str) -> Surroundings:
        """What the collector knows of the lab."""
        spec = self.spec
        return Surroundings(spec.name, spec.istio.version, cluster_domain, self.variant or BASE, spec.images)

    def calls(self) -> Iterator[tuple[Path, str, Call]]:
        """Every call that could be read: its path in the spec, its caller, and itself."""
        for name in self.spec.services:
            for path, call in self.calls_of(name):
                yield path, name, call

    def calls_of(self, name: str) -> Iterator[tuple[Path, Call]]:
        """The calls of one service that could be read, in order, each with its path in the spec."""
        for (index, number), call in self.spec.services[name].outgoing():
            step: Path = ("services", name, "calls", index)
            path = (*step, number) if step in self.nested else step
            if call.to and path not in self.broken:
                yield path, call

    def called(self) -> frozenset[str]:
        """The names of the services that somebody calls."""
        return frozenset(call.to for _, _, call in self.calls())

    def reads(self, *places: str) -> bool:
        """Whether all of these dotted places, and all below and above them, could be read."""
        wanted = [tuple(place.split(".")) for place in places]
        return not any(path[: len(place)] == place[: len(path)] for path in self.broken for place in wanted)
