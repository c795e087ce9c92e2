"""Where images come from when a registry takes Docker Hub's place."""

import pytest

from labspec.images import Images
from tests.conftest import plan_of

DIGEST = f"@sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("image", "pulled"),
    [
        ("python:3.13-alpine", "r.example:5000/m/library/python:3.13-alpine"),
        ("docker.io/python:3", "r.example:5000/m/library/python:3"),
        (f"python{DIGEST}", f"r.example:5000/m/library/python{DIGEST}"),
        ("curlimages/curl:8.17.0", "r.example:5000/m/curlimages/curl:8.17.0"),
        ("docker.io/curlimages/curl:8", "r.example:5000/m/curlimages/curl:8"),
        ("index.docker.io/library/python", "r.example:5000/m/library/python"),
        ("a/b/c:1", "r.example:5000/m/a/b/c:1"),
        ("ghcr.io/a/b:1", "ghcr.io/a/b:1"),
        ("localhost/a:1", "localhost/a:1"),
        ("localhost:5000/a:1", "localhost:5000/a:1"),
    ],
)
def test_what_is_pulled(image: str, pulled: str) -> None:
    assert Images(registry="r.example:5000/m").located(image) == pulled
    assert Images().located(image) == image


@pytest.mark.parametrize(
    "registry", ["r.example", "localhost", "localhost:5000", "mirror:5000", "10.0.0.1:80/a/b_c", "A.example"]
)
def test_registries(registry: str) -> None:
    assert Images(registry=registry).registry == registry


@pytest.mark.parametrize(
    "registry",
    ["", "mirror", "a.example/", "http://a.example", "a.example/B", "a.example:port", "a b.example", "a.example/x:1"],
)
def test_what_is_no_registry(registry: str) -> None:
    with pytest.raises(ValueError, match=r"registry|URL|slash"):
        Images(registry=registry)


def test_every_container_has_the_policy() -> None:
    spec = "apiVersion: labspec/v1\nname: lab\nimages: {pullPolicy: Never}\nservices: {a: {kind: curl, calls: [b]}, b: {kind: relay}}\n"
    plan = plan_of(spec)
    assert plan.images.policy() == {"imagePullPolicy": "Never"}
    assert plan.collector is not None
    assert str([found.body for found in plan.collector.objects]).count("'imagePullPolicy': 'Never'") == 1
