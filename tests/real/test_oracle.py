"""Istio's own code makes of each lab what its plan says, and Envoy loads what Istio makes."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from labspec.envoy.versions import ENVOY_RELEASES, envoy_of
from tests.real.cases import cases
from tests.real.dumps import Seen, seen_of
from tests.real.objects import selected
from tests.real.oracle import VERSION, compared
from tests.real.verification import record

pytestmark = pytest.mark.real

# What only Istio's build of Envoy has.
ISTIO_ONLY = re.compile(
    r"istio|stats\.PluginConfig|metadata_?exchange|peer_metadata|workload_?discovery", re.IGNORECASE
)


@pytest.fixture(scope="module", params=cases(), ids=lambda case: case.name)
def seen(request: pytest.FixtureRequest, tool: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Seen:
    return seen_of(request.param, tool, tmp_path_factory)


def test_istio_makes_what_the_plan_says(seen: Seen) -> None:
    plan = seen.case.plan()
    objects, comparison = selected(plan, seen.stream), compared(plan, seen.report)
    assert objects.disagreements == []
    assert comparison.disagreements == []
    record(
        spec=seen.case.name,
        tool="Istio's control plane",
        version=VERSION,
        what="each sidecar's injection, tracer, sampling, collector, tags, access log, names, protocols and routes",
        count=comparison.count,
    )


def test_envoy_loads_what_istio_makes(seen: Seen, tool: Callable[..., str]) -> None:
    plan = seen.case.plan()
    minor = envoy_of(plan.istio_version)
    proxies = sorted(folder for folder in seen.dump.iterdir() if folder.name.startswith(f"{plan.namespace}."))
    injected = [f"{each.namespace}.{each.name}" for each in plan.workloads if each.sidecar and each.replicas]
    assert [folder.name for folder in proxies] == sorted(injected)
    program = tool(f"envoy-{minor}")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        refusals = dict(pool.map(lambda folder: (folder.name, refusal(program, folder)), proxies))
    assert {name: said for name, said in refusals.items() if said is not None} == {}
    record(
        spec=seen.case.name,
        tool="Envoy",
        version=ENVOY_RELEASES[minor],
        what="loads bootstrap, listeners, clusters, endpoints and routes of each sidecar as Istio makes them",
        count=len(proxies),
    )


def refusal(program: str, folder: Path) -> str | None:
    """What an Envoy says against the proxy that was dumped to `folder`; None where it loads it."""
    file = folder / "envoy.json"
    file.write_text(json.dumps(static(folder)), encoding="utf-8")
    done = subprocess.run(
        [program, "--mode", "validate", "-c", str(file), "-l", "error"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stderr if done.returncode else None


def static(folder: Path) -> dict[str, Any]:
    """What the program dumped of one proxy as a bootstrap without a control plane."""

    def load(name: str) -> Any:
        return without_istio(json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))

    bootstrap: dict[str, Any] = load("bootstrap")
    resources = bootstrap["static_resources"]
    endpoints = {assignment["cluster_name"]: assignment for assignment in load("endpoints")}
    own = {cluster["name"] for cluster in resources["clusters"]}
    for cluster in load("clusters"):
        if cluster["name"] in own:
            continue
        if cluster.get("type") == "EDS":
            del cluster["eds_cluster_config"]
            assignment = endpoints.get(cluster["name"], {"cluster_name": cluster["name"]})
            cluster |= {"type": "STATIC", "load_assignment": assignment}
        resources["clusters"].append(cluster)
    routes = {route["name"]: route for route in load("routes")}
    resources["listeners"] = [*resources.get("listeners", []), *with_routes(load("listeners"), routes)]
    del bootstrap["dynamic_resources"]
    return bootstrap


def without_istio(value: Any) -> Any:
    """Without filters and extensions that upstream Envoy does not know."""
    if isinstance(value, dict):
        return {key: without_istio(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_istio(inner) for inner in value if not is_istios(inner)]
    return value


def is_istios(value: Any) -> bool:
    config = value.get("typed_config") if isinstance(value, dict) else None
    if not isinstance(config, dict):
        return False
    return bool(ISTIO_ONLY.search(" ".join([value.get("name", ""), config["@type"], config.get("type_url", "")])))


def with_routes(value: Any, routes: dict[str, Any]) -> Any:
    """With the route tables in the place of their names."""
    if isinstance(value, dict):
        inner = {key: with_routes(part, routes) for key, part in value.items() if key != "rds"}
        if "rds" in value:
            name = value["rds"]["route_config_name"]
            table = routes.get(name, {"name": name})
            inner["route_config"] = {key: part for key, part in table.items() if key != "validate_clusters"}
        return inner
    if isinstance(value, list):
        return [with_routes(part, routes) for part in value]
    return value
