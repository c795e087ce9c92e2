"""What Istio's own code makes of a case, and the parts of it that each sidecar gets."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from labspec.plan import Plan
from tests.real.cases import Case
from tests.real.objects import rendered
from tests.real.oracle import Refused, report

Config = dict[str, Any]

MANAGER = "envoy.filters.network.http_connection_manager"


class Seen(NamedTuple):
    """What Istio made of a case."""

    case: Case
    stream: str
    report: dict[str, Any] | Refused
    dump: Path


def seen_of(case: Case, tool: Callable[..., str], folders: pytest.TempPathFactory) -> Seen:
    """What Istio makes of a case: asked once in a run of the tier, whichever worker wants it."""
    base = folders.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / f"istio of {case.name}"
    folder.mkdir(exist_ok=True)
    answer, tree, dump = folder / "answer.json", folder / "tree", folder / "dump"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not answer.exists():
            plan = case.build(tree)
            stream = rendered(tool("kubectl", "kustomize"), case.overlay(tree))
            dump.mkdir(exist_ok=True)
            found = report(tool("oracle"), plan, case.operator(tree), stream, dump)
            answer.write_text(json.dumps([stream, found]), encoding="utf-8")
    stream, found = json.loads(answer.read_text(encoding="utf-8"))
    return Seen(case, stream, Refused(*found) if isinstance(found, list) else found, dump)


class Traffic(NamedTuple):
    """How a sidecar handles one kind of requests."""

    direction: str
    """Of the listener."""
    manager: Config
    """The HTTP connection manager, its route table in it."""

    @property
    def table(self) -> Config:
        """The route table."""
        found: Config = self.manager["route_config"]
        return found


class Dump:
    """One sidecar as Istio makes it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.bootstrap: Config = self._load("bootstrap")

    def _load(self, name: str) -> Any:
        return json.loads((self._folder / f"{name}.json").read_text(encoding="utf-8"))

    @cached_property
    def clusters(self) -> dict[str, Config]:
        """By name, those of the bootstrap too."""
        return {
            each["name"]: each for each in (*self._load("clusters"), *self.bootstrap["static_resources"]["clusters"])
        }

    @cached_property
    def _listeners(self) -> list[Config]:
        found: list[Config] = self._load("listeners")
        return found

    @cached_property
    def _tables(self) -> dict[str, Config]:
        return {table["name"]: table for table in self._load("routes")}

    def outbound(self, host: str, port: int) -> Traffic:
        """Its own requests for a Service; the route table holds what concerns that one."""
        for listener in self._listeners:
            for _, manager in _managers(listener):
                name = manager.get("rds", {}).get("route_config_name")
                if listener["traffic_direction"] != "OUTBOUND" or name != str(port):
                    continue
                table = self._tables[name]
                hosts = [each for each in table["virtual_hosts"] if each["name"] == f"{host}:{port}"]
                inner = {key: value for key, value in manager.items() if key != "rds"}
                return Traffic("OUTBOUND", {**inner, "route_config": {**table, "virtual_hosts": hosts}})
        raise AssertionError(f"{self._folder.name} has no way to {host}:{port}")

    def inbound(self, port: int, transport: str = "raw_buffer") -> Traffic:
        """Requests for its app, in plain text or by mutual TLS."""
        wanted = {"destination_port": port, "transport_protocol": transport}
        for listener in self._listeners:
            for chain, manager in _managers(listener):
                match = chain.get("filter_chain_match", {})
                if listener["traffic_direction"] == "INBOUND" and wanted.items() <= match.items():
                    return Traffic("INBOUND", manager)
        raise AssertionError(f"{self._folder.name} takes nothing on port {port} by {transport}")


def _managers(listener: Config) -> Iterator[tuple[Config, Config]]:
    for chain in listener.get("filter_chains", []):
        for each in chain["filters"]:
            if each["name"] == MANAGER:
                yield chain, each["typed_config"]


def dumps_of(plan: Plan, seen: Seen) -> dict[str, Dump]:
    """By service: its sidecar as Istio makes it."""
    running = [workload.name for workload in plan.workloads if workload.sidecar and workload.replicas]
    return {name: Dump(seen.dump / f"{plan.namespace}.{name}") for name in running}
