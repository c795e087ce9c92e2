"""A tracer in the application itself: its part of a spec, shared by the kinds of service that can have one."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

import labspec.propagation
from labspec.kinds import values_in
from labspec.model import Model, unlike
from labspec.propagation._base import Format, Start
from labspec.services._base import AppTracer


def _sampled(value: object) -> bool | str:
    if isinstance(value, bool) or (isinstance(value, str) and value in {"debug", "defer"}):
        return value
    raise unlike(value, ("true", "false", "debug", "defer"), "write true, false, debug or defer")


_FORMATS = tuple(found.name for found in values_in(labspec.propagation, Format))
Sampled = Annotated[Any, AfterValidator(_sampled), Field(json_schema_extra={"enum": [True, False, "debug", "defer"]})]


class Tracer(Model):
    """A tracer in the application itself: it continues the trace of a request that it gets, or starts one."""

    format: Annotated[str, Field(json_schema_extra={"enum": list(_FORMATS)})] | None = None
    """The headers that it speaks, where it is not what the sidecars speak; no sidecar speaks b3-single or jaeger."""
    sampled: Sampled = True
    """The decision that it sends: sampled or not, `debug` (sampled, past every rate) or `defer` (the first sidecar decides);
    W3C has neither of the last two, jaeger no `defer`."""
    ids: Literal["random", "fixed"] = "random"
    """`fixed`: every request gets the same ids, to see what that does."""
    bits: Literal[64, 128] = 128
    """Width of the trace ids that it invents; W3C has room for 128, and 64 leave the left half zero."""

    def own(self, export: str) -> AppTracer:
        """The tracer as a value."""
        flag = self.sampled if isinstance(self.sampled, str) else str(self.sampled).lower()
        return AppTracer(self.format, Start(self.bits, flag, fixed=self.ids == "fixed"), export)


class SilentTracer(Tracer):
    """A tracer in the application itself, whose spans nobody reports: what a sidecar hangs below them lacks its parent."""

    export: Literal["none"] = "none"
    """It reports no span."""


class ReportingTracer(Tracer):
    """A tracer in the application itself, as a library brings it."""

    export: Literal["none", "zipkin", "otlp-grpc", "otlp-http"]
    """How it reports its spans; `none`: nobody does, and what a sidecar hangs below them lacks its parent."""
