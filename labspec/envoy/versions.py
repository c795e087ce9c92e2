"""Which Envoy stands behind an Istio release, and which Envoy release the tables of this package were measured with."""

from collections.abc import Mapping

from labspec.errors import UsageError

ISTIO_VERSIONS = {"1.29": "1.37", "1.30": "1.38", "1.31": "1.39"}
"""Istio minor -> the Envoy minor that its proxy is built from."""

ENVOY_RELEASES = {"1.37": "1.37.0", "1.38": "1.38.3", "1.39": "1.39.3"}
"""Envoy minor -> the release whose `envoy --mode validate` settled what this package says of it."""


KUBERNETES: Mapping[str, tuple[int, int]] = {"1.29": (31, 35), "1.30": (32, 36), "1.31": (32, 36)}
"""Istio's minor version -> the first and the last minor of Kubernetes 1.x: https://istio.io/latest/docs/releases/supported-releases/."""


def envoy_of(istio_version: str) -> str:
    """The Envoy minor of an Istio minor such as `1.30`.

    Raises UsageError for an Istio minor that labspec does not know.
    """
    envoy = ISTIO_VERSIONS.get(istio_version)
    if envoy is None:
        raise UsageError(f"Istio {istio_version} is not known here; known are {', '.join(ISTIO_VERSIONS)}")
    return envoy


def istio_with(envoy: str) -> str:
    """The first Istio minor with this Envoy minor."""
    return next(istio for istio, minor in ISTIO_VERSIONS.items() if minor == envoy)
