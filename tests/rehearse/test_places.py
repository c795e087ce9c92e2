"""Where the parts of a rehearsal listen."""

import random
import socket
import sys
from pathlib import Path

import pytest

from labspec.plan import Plan
from labspec.rehearse import places as module
from labspec.rehearse.errors import RehearsalError
from labspec.rehearse.places import Place, Places, meanings, places
from tests.conftest import ROOT, SPECS, plan_of

ORIGIN = ROOT / "specs" / "istio-jaeger.yaml"
OTHER_PORTS = ROOT / "tests" / "labs" / "own-namespace.yaml"
# Blocks that no rehearsal claims.
TAKEN, MANY = 252, 253


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> set[Place]:
    """Any port is free, whatever else runs here, but for those that are put into this set; below 1024 only root may listen."""
    taken: set[Place] = set()

    def probed(host: str, port: int) -> int:
        return 0 if 0 < port < 1024 or (host, port) in taken else port or 40_000

    monkeypatch.setattr(module, "_free", probed)
    return taken


def all_of(where: Places) -> list[Place]:
    parts = (where.inbound, where.outbound, where.apps, where.admins)
    return [*(place for part in parts for place in part.values()), where.collector, where.bridge, where.bridge_admin]


@pytest.mark.parametrize("platform", ["linux", "darwin"])
@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_no_two_parts_share_a_place(spec: Path, platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    with places(plan_of(spec)) as where:
        found = all_of(where)
    assert len(set(found)) == len(found)
    assert {place.host.partition(".")[0] for place in found} == {"127"}
    assert where.is_separate is (platform == "linux")
    hosts = set(where.pods.values())
    assert len(hosts) == (len(where.pods) if where.is_separate else 1)


def test_each_part_has_its_own_place() -> None:
    with places(plan_of(ORIGIN)) as where:
        assert where.pods.keys() == {"frontend", "backend"}
        assert where.outbound.keys() == {("frontend", "backend")}
        assert where.inbound.keys() == where.apps.keys() == {"backend"}
        assert where.admins.keys() == {"frontend", "backend"}
        assert where.inbound["backend"].host == where.admins["backend"].host == where.pods["backend"]
        assert where.apps["backend"].host != where.pods["backend"]
        assert (where.entry("backend"), where.entry("frontend")) == (where.inbound["backend"], None)


@pytest.mark.usefixtures("free")
def test_what_is_not_there_has_no_place() -> None:
    spec = "apiVersion: labspec/v1\nname: lab\nservices:\n  a: {kind: curl, calls: [b, c], mesh: false}\n  b: {kind: http-echo, mesh: false}\n  c: {kind: http-echo, replicas: 0}\n"
    where = module._laid_out(plan_of(spec), module._Separate(TAKEN))
    assert where.pods.keys() == {"a", "b"}
    assert (where.inbound, where.outbound, where.admins) == ({}, {}, {})
    assert where.entry("b") == where.apps["b"] == Place(where.pods["b"], 5678)
    assert where.entry("c") is None


@pytest.mark.usefixtures("free")
def test_ports_are_those_of_the_lab() -> None:
    where = module._laid_out(plan_of(OTHER_PORTS), module._Separate(TAKEN))
    assert {where.inbound["orders"].port, where.apps["orders"].port} == {9090}
    assert where.outbound["reader", "orders"].port == where.outbound["teacher", "orders"].port == 8080
    assert {place.port for place in where.admins.values()} == {15000}
    assert (where.collector.port, where.bridge.port) == (4318, 4317)
    # Where only root may listen on 80, it is a port that looks like it.
    assert where.outbound["reader", "stock"].port == 8080


def test_a_port_that_is_taken_is_another(free: set[Place]) -> None:
    plan = plan_of(OTHER_PORTS)
    usual = module._laid_out(plan, module._Separate(TAKEN))
    free |= {usual.inbound["orders"], usual.outbound["reader", "stock"]}
    other = module._laid_out(plan, module._Separate(TAKEN))
    assert other.inbound["orders"] == (usual.inbound["orders"].host, 40_000)
    assert other.outbound["reader", "stock"] == (usual.outbound["reader", "stock"].host, 40_000)
    assert (other.apps, other.collector) == (usual.apps, usual.collector)


def test_where_no_port_is_free() -> None:
    with pytest.raises(RehearsalError, match=r"^no port is free on 192\.0\.2\.1$"):
        module._Separate(TAKEN).place("192.0.2.1", 8080)


def test_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken = listening.getsockname()[1]
        assert module._free("127.0.0.1", taken) == 0
    assert module._free("127.0.0.1", 0) not in {0, taken}
    assert module._free("127.0.0.1", 70_000) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there are no blocks")
def test_a_block_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(ORIGIN)
    with places(plan) as one, places(plan) as two:
        assert not {place.host for place in all_of(one)} & {place.host for place in all_of(two)}
        block = int(one.collector.host.split(".")[1])
        monkeypatch.setattr(random, "sample", lambda *_: [block])
        with pytest.raises(RehearsalError, match=r"no block of loopback addresses is free: .*\n  help: .* port 15021"):
            places(plan).__enter__()
    with places(plan) as again:
        assert again.collector.host.startswith(f"127.{block}.")


def test_addresses_never_repeat() -> None:
    space = module._Separate(MANY)
    hosts = [space.host() for _ in range(2000)]
    assert len(set(hosts)) == 2000
    assert "127.253.0.1" not in hosts
    assert all(0 < int(host.rpartition(".")[2]) < 255 for host in hosts)


def test_meanings() -> None:
    plan: Plan = plan_of(ORIGIN)
    with places(plan) as where:
        found = dict(meanings(plan, where))
        assert found == {
            where.outbound[
                "frontend", "backend"
            ].text: "the Service backend, port 80, as frontend reaches it: through its sidecar",
            where.inbound["backend"].text: "the pod of backend: its sidecar",
            where.apps["backend"].text: "the app of backend",
            where.admins["frontend"].text: "the admin interface of frontend's sidecar",
            where.admins["backend"].text: "the admin interface of backend's sidecar",
            where.collector.text: "the collector, for spans by HTTP",
        }
