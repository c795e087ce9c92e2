"""The sidecars of a rehearsal are set as Istio sets them: held against what Istio's own code makes of every lab and variant.

A mistake that the prediction and the rehearsal share would show nowhere else.
"""

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import pytest

from labspec.mesh import LISTENER, Proxy
from labspec.plan import Plan, Workload
from labspec.rehearse.places import Places, places
from labspec.rehearse.sidecar import sidecar_config
from tests.real.cases import Case, cases, every_case
from tests.real.comparison import Comparison
from tests.real.dumps import Config, Dump, Traffic, dumps_of, seen_of
from tests.real.oracle import VERSION
from tests.real.verification import record

pytestmark = pytest.mark.real

WITNESS = "the rehearsal's second access log"
OURS, ISTIOS, BOTH = "the rehearsal's", "Istio's", "both"


class LeftOut(NamedTuple):
    """Something that is not compared."""

    whose: str
    where: str
    """Pattern of its path."""
    why: str
    when: Callable[[Proxy, object], bool] = lambda proxy, value: True  # noqa: ARG005  # all of it


LEFT_OUT = [
    LeftOut(OURS, "*/tracing/custom_tags/labspec.way/*", "tells which request a span is of"),
    LeftOut(OURS, f"*/access_log/{WITNESS}/*", "tells what passed, whatever the lab's own format tells"),
    LeftOut(OURS, "outbound/*/request_headers_to_add/*", "the step that a sidecar adds to a request's way"),
    LeftOut(ISTIOS, "*/tracing/custom_tags/istio.authorization.dry_run.*", "say something only where RBAC is"),
    LeftOut(ISTIOS, "*/http_filters/istio.*", "metadata of peers, metrics, ALPN: only Istio's build of Envoy has them"),
    LeftOut(ISTIOS, "*/http_filters/envoy.filters.http.grpc_stats/*", "metrics of gRPC"),
    LeftOut(ISTIOS, "*/http_filters/envoy.filters.http.fault/*", "does nothing without a VirtualService"),
    LeftOut(ISTIOS, "*/http_filters/envoy.filters.http.cors/*", "does nothing without a VirtualService"),
    LeftOut(ISTIOS, "outbound/route_config/max_direct_response_body_size_bytes", "no route answers by itself"),
    LeftOut(
        ISTIOS, "outbound/route_config/validate_clusters", "routes come before clusters; a rehearsal has both at once"
    ),
    LeftOut(
        ISTIOS,
        "outbound/route_config/virtual_hosts/*/domains/*",
        "the address of the Service: apps of a lab call it by name",
        lambda _, value: bool(re.fullmatch(r"[0-9.]+", str(value))),
    ),
    LeftOut(
        BOTH,
        "*/tracing/random_sampling*",
        "a rate without a tracer: where no Telemetry is, Istio writes its default",
        lambda proxy, _: proxy.tracer.value is None,
    ),
    # Clusters: everything is on one machine, with fixed addresses, in plain text.
    LeftOut(BOTH, "cluster/*/type", "where addresses come from"),
    LeftOut(BOTH, "cluster/*/load_assignment/*", "addresses"),
    LeftOut(BOTH, "cluster/outbound|*/upstream_bind_config/*", "the address that stands for the pod's"),
    LeftOut(ISTIOS, "cluster/*/eds_cluster_config/*", "where addresses come from"),
    LeftOut(ISTIOS, "cluster/*/dns_*", "where addresses come from"),
    LeftOut(ISTIOS, "cluster/*/respect_dns_ttl", "where addresses come from"),
    LeftOut(ISTIOS, "cluster/*/cleanup_interval", "of addresses"),
    LeftOut(BOTH, "cluster/inbound|*/lb_policy", "one endpoint: there is nothing to choose"),
    LeftOut(BOTH, "cluster/zipkin/lb_policy", "one endpoint: there is nothing to choose"),
    LeftOut(BOTH, "cluster/zipkin/connect_timeout", "the rehearsal's collector is there before the sidecars are"),
    LeftOut(ISTIOS, "cluster/*/common_lb_config*", "one endpoint, without health checks"),
    LeftOut(ISTIOS, "cluster/*/circuit_breakers/*", "Envoy's own limits are high enough for a rehearsal"),
    LeftOut(ISTIOS, "cluster/*/transport_socket_matches/*", "mutual TLS"),
    LeftOut(ISTIOS, "cluster/*/filters/*", "metadata of peers"),
    LeftOut(ISTIOS, "cluster/*/metadata/*", "for Istio's metrics"),
]
"""What a rehearsal's sidecar has and Istio's has not, or the other way round, or otherwise, and why. All else has to be the same.

Not looked at: addresses of listeners, the admin interface, the layered runtime, statistics, certificates, the node's id and metadata.
"""


class Part(NamedTuple):
    """One thing that both have."""

    name: str
    ours: object
    istios: object


def parts(plan: Plan, proxy: Proxy, where: Places, dump: Dump) -> Iterator[Part]:
    """The parts of one sidecar that are compared."""
    workloads = {workload.name: workload for workload in plan.workloads}
    config = sidecar_config(plan, proxy, where, WITNESS)
    resources = config["static_resources"]
    clusters = {cluster["name"]: cluster for cluster in resources["clusters"]}
    listeners = {listener["name"]: traffic(listener) for listener in resources["listeners"]}
    yield Part("node/cluster", config["node"]["cluster"], dump.bootstrap["node"]["cluster"])
    yield Part("bootstrap/tracing", config.get("tracing", {}), dump.bootstrap.get("tracing", {}))
    workload = workloads[proxy.service]
    if workload.has_service:
        ours = listeners["virtualInbound"]
        # In a cluster the sidecars' requests come encrypted, by a chain of their own.
        for name, transport in (("inbound", "raw_buffer"), ("inbound by TLS", "tls")):
            theirs = dump.inbound(port_of(workload)[1], transport)
            yield Part(name, ours.manager, theirs.manager)
            yield Part(f"{name}/direction", ours.direction, theirs.direction)
    else:
        # Istio has no place for requests that nobody sends.
        clusters = {name: cluster for name, cluster in clusters.items() if not name.startswith("inbound|")}
    for caller, callee in where.outbound:
        if caller == proxy.service:
            port = port_of(workloads[callee])[0]
            theirs = dump.outbound(f"{callee}.{workloads[callee].namespace}.svc.{plan.cluster_domain}", port)
            yield Part("outbound", listeners[f"{callee}_{port}"].manager, theirs.manager)
            yield Part("outbound/direction", listeners[f"{callee}_{port}"].direction, theirs.direction)
    for name, cluster in clusters.items():
        yield Part(f"cluster/{name}", cluster, dump.clusters.get(name))


def traffic(listener: Config) -> Traffic:
    """What a listener of the rehearsal does."""
    ((chain,), direction) = (listener["filter_chains"], listener["traffic_direction"])
    (manager,) = chain["filters"]
    return Traffic(direction, manager["typed_config"])


def port_of(workload: Workload) -> tuple[int, int]:
    """The port of a Service, and that of its pods."""
    assert workload.listener is not None
    return workload.listener.port, workload.listener.target_port


def leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    """All that a configuration says, one by one, with its place."""
    # Protobuf's JSON leaves zeros out.
    inner = (
        {key: each for key, each in value.items() if type(each) not in {int, float} or each}
        if isinstance(value, dict)
        else {}
    )
    if inner:
        for key, each in inner.items():
            yield from leaves(each, f"{path}/{key}")
    elif isinstance(value, list) and value:
        labels = [label(each, index) for index, each in enumerate(value)]
        assert len(labels) == len(set(labels)), (path, labels)
        for name, each in zip(labels, value, strict=True):
            yield from leaves(each, f"{path}/{name}")
    else:
        yield path, {} if isinstance(value, dict) else value


def label(value: Any, index: int) -> str:
    """What tells it from the others of a list whose order says nothing."""
    if not isinstance(value, dict):
        return str(index)
    path = value.get("typed_config", {}).get("path")
    return str(path or value.get("tag") or value.get("name") or index)


class Comparing:
    """Compares, and notes what it leaves out."""

    def __init__(self) -> None:
        self.comparison = Comparison()
        self.used: set[LeftOut] = set()

    def sidecar(self, plan: Plan, proxy: Proxy, where: Places, dump: Dump) -> None:
        """Everything of one sidecar."""
        for part in parts(plan, proxy, where, dump):
            ours = self._compared(proxy, OURS, dict(leaves(part.ours, part.name)))
            istios = self._compared(proxy, ISTIOS, dict(leaves(part.istios, part.name)))
            for path in {**ours, **istios}:
                self.comparison.same(f"{proxy.service}: {path}", ours.get(path), istios.get(path))

    def _compared(self, proxy: Proxy, whose: str, found: dict[str, object]) -> dict[str, object]:
        kept = {}
        for path, value in found.items():
            reason = next((each for each in LEFT_OUT if _is_of(each, proxy, whose, path, value)), None)
            if reason is None:
                kept[path] = value
            else:
                self.used.add(reason)
        return kept


def _is_of(left_out: LeftOut, proxy: Proxy, whose: str, path: str, value: object) -> bool:
    is_there = left_out.whose in {whose, BOTH} and fnmatchcase(path, left_out.where)
    return is_there and left_out.when(proxy, value)


def compared(case: Case, tool: Callable[..., str], folders: pytest.TempPathFactory) -> Comparing:
    """All sidecars of one form."""
    comparing, plan = Comparing(), case.plan()
    dumps = dumps_of(plan, seen_of(case, tool, folders))
    with places(plan) as where:
        for proxy in plan.mesh.proxies:
            if proxy.service in dumps:
                comparing.sidecar(plan, proxy, where, dumps[proxy.service])
    return comparing


@every_case
def test_sidecars_are_set_as_istio_sets_them(
    case: Case, tool: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    comparison = compared(case, tool, tmp_path_factory).comparison
    assert comparison.disagreements == []
    record(
        spec=case.name,
        tool="Istio's control plane",
        version=VERSION,
        what="the rehearsal's sidecars: tracing, request id, access log, route: as Istio makes them",
        count=comparison.count,
    )


def test_nothing_is_left_out_in_vain(tool: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> None:
    used = {reason for case in cases() for reason in compared(case, tool, tmp_path_factory).used}
    assert [reason for reason in LEFT_OUT if reason not in used] == []


def test_forms_have_every_kind_of_tracing() -> None:
    tracers = [proxy.tracer.value for case in cases() for proxy in case.plan().mesh.proxies]
    kinds = {(tracer.protocol, tracer.format.name, tracer.source) for tracer in tracers if tracer is not None}
    assert kinds >= {
        ("zipkin", "b3", LISTENER),
        ("zipkin", "b3", "bootstrap"),
        ("zipkin", "b3+w3c", LISTENER),
        ("otlp-grpc", "w3c", LISTENER),
        ("otlp-http", "w3c", LISTENER),
    }
    assert None in tracers
