"""No collector: the mesh traces nothing."""

from typing import Literal

from labspec.collectors._base import Collector


class NoCollector(Collector):
    """No tracer in any sidecar: no spans, no trace headers of the mesh's own."""

    kind: Literal["none"]
