"""Where images come from, and when they are pulled: a part of the spec, which the services and the collector share."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator

from labspec.model import Model, described, quoted, wrong

_REGISTRY = re.compile(
    r"(?=.{1,200}$)(localhost|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+|[A-Za-z0-9-]+(?=:))(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
)
_DOCKER_HUB = {"docker.io", "index.docker.io"}


def _registry(value: str) -> str:
    if _REGISTRY.fullmatch(value):
        return value
    advice = "write its host, with a dot or a port in it, and a path if there is one: registry.example.com/mirror"
    if "://" in value:
        problem = f"{quoted(value)} is a URL"
        advice = f"write it without {value.partition('://')[0]}://"
    elif value.endswith("/") and _REGISTRY.fullmatch(value.rstrip("/")):
        problem, advice = f"{quoted(value)} ends with a slash", "leave the slash out"
    else:
        problem = f"{quoted(value)} names no registry"
    raise wrong("invalid-image", problem, advice)


class Images(Model):
    """Where images come from, and when they are pulled; the sidecars' image is Istio's, and none of these."""

    registry: Annotated[str, AfterValidator(_registry), described(f"^{_REGISTRY.pattern}$")] | None = None
    """A registry that has what Docker Hub has, such as a mirror; it takes Docker Hub's place: `python:3` is pulled as REGISTRY/library/python:3.
    An image that names another registry stays as it is."""
    pullPolicy: Literal["Always", "IfNotPresent", "Never"] | None = None  # noqa: N815  # the key in the spec
    """When a node pulls an image; without it Kubernetes decides by the tag."""

    def located(self, image: str) -> str:
        """Where a container's image comes from."""
        if self.registry is None:
            return image
        host, slash, path = image.partition("/")
        has_host = bool(slash) and ("." in host or ":" in host or host == "localhost")
        if has_host and host not in _DOCKER_HUB:
            return image
        name = path if has_host else image
        # Docker Hub's own name for its official images; mirrors know them by no other.
        return f"{self.registry}/{name if '/' in name else f'library/{name}'}"

    def policy(self) -> dict[str, str]:
        """The key of a container that says when its image is pulled."""
        return {"imagePullPolicy": self.pullPolicy} if self.pullPolicy else {}
