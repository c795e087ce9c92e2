"""Two Envoys with the settings that Istio's own code makes do to a request what two sidecars of a rehearsal do to it.

Of Istio's settings the connection managers are used, with their routes and clusters, and the bootstrap's tracing and runtime; filters
that the request does not need are cut out, everything is on this machine, and there is no mutual TLS.
"""

import asyncio
import json
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from labspec.envoy.versions import ENVOY_RELEASES, envoy_of
from labspec.lab import HANDED_ON
from labspec.logreading import LogLine, read_lines
from labspec.observe.idmap import ID
from labspec.observe.judging import judged
from labspec.observe.values import TAG, SeenSpan
from labspec.plan import Plan, Workload
from labspec.predict.sidecar import REQUEST_ID
from labspec.predict.values import APP, Hop
from labspec.rehearse import admin
from labspec.rehearse.apps import new_session
from labspec.rehearse.collector import Collector
from labspec.rehearse.order import sendings
from labspec.rehearse.places import Place, Places, places
from labspec.rehearse.run import observed
from labspec.rehearse.tracing import bridge_config, quick
from labspec.rehearse.workspace import Workspace, workspace
from tests.real.cases import Case, cases
from tests.real.dumps import MANAGER, Config, Dump, Traffic, dumps_of, seen_of
from tests.real.verification import record

pytestmark = pytest.mark.real

EACH = 2
"""Requests of each kind."""

OTHER_TAGS = {
    "node_id": "names the pod",
    "peer.address": "an address",
    "response_size": "the apps say other things",
    TAG: "the rehearsal's own",
}
"""Tags that are not compared."""

OTHER_FIELDS = re.compile(
    "START_TIME|.*DURATION|BYTES_.*|UPSTREAM_HOST|.*_ADDRESS(_WITHOUT_PORT)?|.*_PORT|CONNECTION_ID|RESP|HOSTNAME"
)
"""Operators of a log format that are not compared: times, sizes and addresses."""


ZEROS = "0" * 16
"""Before an id of 64 bits where there is room for 128."""


class Kind(NamedTuple):
    """A kind of requests, by what their client sends beside what its app says."""

    name: str
    first: str
    """The part of the request id by which a rate decides; empty for no id."""
    more: Mapping[str, str]

    def headers(self, number: int) -> dict[str, str]:
        """Those of one request, with an id of its own."""
        request_id = {REQUEST_ID: f"{self.first}-52d8-4b0e-a4c6-{number:012x}"} if self.first else {}
        return {**request_id, **self.more}


DRAWN = [
    Kind("sampled by any rate but 0", f"{0:08x}", {}),
    Kind("sampled by no rate but 100", f"{9_999:08x}", {}),
    Kind("forced by its client", f"{9_999:08x}", {"x-client-trace-id": "1"}),
]
UNDRAWN = Kind("with an id of the sidecar's", "", {})


class First(NamedTuple):
    """The first hop of a lab's request, between two sidecars."""

    place: int
    """Of the request in the prediction."""
    hop: Hop
    caller: Workload
    callee: Workload
    kinds: list[Kind]
    """Of requests, such that it is known whether they are sampled."""


def first_of(plan: Plan) -> First | None:
    """The first such hop; None where there is none."""
    workloads = {workload.name: workload for workload in plan.workloads}
    for sending in sendings(plan):
        hop = sending.request.hops[0]
        caller, callee = workloads[hop.caller], workloads[hop.callee]
        if caller.sidecar and callee.sidecar and hop.reached:
            rates = {proxy.sampling.value for proxy in plan.mesh.proxies if proxy.service in {caller.name, callee.name}}
            kinds = [*DRAWN, UNDRAWN] if rates <= {0, 100} else DRAWN
            return First(sending.place, hop, caller, callee, kinds)
    return None


class Result(NamedTuple):
    """What became of one request."""

    sent: Mapping[str, str]
    """Trace headers and x-request-id, as the client's app sends them."""
    got: Mapping[str, str]
    """The same, as they come to the other app."""
    spans: tuple[SeenSpan, ...]
    lines: tuple[LogLine | None, ...]
    """Of the caller's and of the callee's sidecar."""


# What is compared: ids are other ones each time, and their pattern is the same.


class Labels:
    """Names ids in the order in which they are met."""

    def __init__(self) -> None:
        self._labels: dict[str, str] = {}

    def of(self, text: str) -> str:
        """A text with labels in place of its ids."""
        return ID.sub(lambda found: self._label(found[0]), text)

    def _label(self, found: str) -> str:
        if found.startswith(ZEROS):
            return f"zeros and {self._label(found[16:])}"
        # The mark of a request id says whether it is sampled.
        mark, plain = (found[14], f"{found[:14]}?{found[15:]}") if len(found) == 36 else ("", found)
        halves = [label for known, label in self._labels.items() if len(known) == 32 and known[16:] == plain]
        label = f"{halves[0]}'s right half" if halves else f"id {len(self._labels) + 1}"
        return f"{self._labels.setdefault(plain, label)}{mark and f' marked {mark}'}"


def shape(result: Result, hop: Hop) -> list[str]:
    """All that is compared, one by one."""
    labels = Labels()
    said = [f"{where} {name}: {labels.of(value)}" for where, name, value in _headers(result)]
    for span in sorted(result.spans, key=lambda span: span.kind):
        who = f"{span.service} {span.kind}"
        ids = " ".join(labels.of(each) or "none" for each in (span.trace_id, span.span_id, span.parent_id))
        said += [f"{who}: {span.name}", f"{who}: trace, span, parent: {ids}"]
        varying = {"http.status_code", "error"} if len(hop.statuses) > 1 else set()
        kept = {name: value for name, value in span.tags.items() if name not in OTHER_TAGS.keys() | varying}
        said += [f"{who}: {name}={labels.of(value)}" for name, value in sorted(kept.items())]
    for side, line in zip(("caller", "callee"), result.lines, strict=True):
        for field in line.fields if line else ():
            is_varying = len(hop.statuses) > 1 and field.operator.name == "RESPONSE_CODE"
            if not is_varying and not OTHER_FIELDS.fullmatch(field.operator.name):
                said.append(f"{side} logs {field.key or ''} {field.name}: {labels.of(field.value)}")
    return said


def _headers(result: Result) -> Iterator[tuple[str, str, str]]:
    for where, headers in (("sent", result.sent), ("got", result.got)):
        yield from ((where, name, headers[name]) for name in HANDED_ON if name in headers)


# The rehearsal.


def rehearsed(plan: Plan, first: First, envoy: str) -> list[Result]:
    """The first hops of a rehearsal: of each kind of requests so many."""
    count, wanted = len(sendings(plan)), first.kinds

    def headers(number: int) -> dict[str, str]:
        return wanted[number // count % len(wanted)].headers(number)

    observation = observed(plan, envoy, EACH * len(wanted), headers)
    (found,) = (each for each in judged(plan, observation).judged if each.place == first.place)
    results = []
    for one in found.matched:
        made = one.hops[0]
        assert made is not None
        assert made.out is not None
        assert made.inward is not None
        got = made.arrival.headers if made.arrival else made.inward.headers
        spans = tuple(span for span in made.spans.values() if span.protocol != APP)
        results.append(Result(one.answer.sent, got, spans, (made.out.line, made.inward.line)))
    return results


# Istio's settings.


def sidecar(dump: Dump, traffic: Traffic, place: Place, admin_at: Place, clusters: Mapping[str, Place]) -> Config:
    """An Envoy with one connection manager of Istio's, and clusters that lead to places of this machine."""
    router = traffic.manager["http_filters"][-1]
    assert router["name"] == "envoy.filters.http.router"
    chain = {"filters": [{"name": MANAGER, "typed_config": {**traffic.manager, "http_filters": [router]}}]}
    bootstrap = dump.bootstrap
    return {
        "node": {key: bootstrap["node"][key] for key in ("id", "cluster", "locality")},
        "admin": {"address": address(admin_at)},
        **({"tracing": bootstrap["tracing"]} if "tracing" in bootstrap else {}),
        # Without the quick rhythm each form would take five seconds.
        "layered_runtime": {
            "layers": [*bootstrap["layered_runtime"]["layers"], {"name": "quick", "static_layer": quick()}]
        },
        "static_resources": {
            "clusters": [moved(dump.clusters[name], place) for name, place in clusters.items()],
            "listeners": [
                {
                    "name": "only",
                    "address": address(place),
                    "enable_reuse_port": False,
                    "traffic_direction": traffic.direction,
                    "filter_chains": [chain],
                }
            ],
        },
    }


def moved(cluster: Config, place: Place) -> Config:
    """A cluster of Istio's whose only endpoint is at a place."""
    kept = ("name", "alt_stat_name", "connect_timeout", "circuit_breakers", "typed_extension_protocol_options")
    endpoint = {"lb_endpoints": [{"endpoint": {"address": address(place)}}]}
    assignment = {"cluster_name": cluster["name"], "endpoints": [endpoint]}
    return {**{key: cluster[key] for key in kept if key in cluster}, "type": "STATIC", "load_assignment": assignment}


def address(place: Place) -> Config:
    return {"socket_address": {"address": place.host, "port_value": place.port}}


def strings(value: Any) -> Iterator[str]:
    """Every string in a configuration."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


class Run:
    """The two Envoys between a client and an app."""

    def __init__(self, plan: Plan, first: First, dumps: Mapping[str, Dump], envoy: str) -> None:
        self._plan = plan
        self._first = first
        self._dumps = dumps
        self._envoy = envoy
        self._collector = Collector()
        self._got: list[dict[str, str]] = []

    def results(self) -> list[Result]:
        """Of each kind of requests so many."""
        with workspace() as space, places(self._plan) as where:
            sent = asyncio.run(self._run(space, where))
            space.stop()
            lines = [self._lines(space, name) for name in (self._first.caller.name, self._first.callee.name)]
        assert [len(self._got), *map(len, lines)] == [len(sent)] * 3
        by_id: dict[str, list[SeenSpan]] = {got[REQUEST_ID]: [] for got in self._got}
        for span in self._collector.spans:
            by_id[span.tags["guid:x-request-id"]].append(span)
        found = zip(sent, self._got, *lines, strict=True)
        return [Result(one, got, tuple(by_id[got[REQUEST_ID]]), (out, inward)) for one, got, out, inward in found]

    def _lines(self, space: Workspace, name: str) -> list[LogLine | None]:
        (log,) = (proxy.log.value for proxy in self._plan.mesh.proxies if proxy.service == name)
        read = read_lines(log, (space.folder / f"{name}.out").read_text(encoding="utf-8"))
        assert read.skipped == ()
        return [*read.lines] if log.encoding else [None] * len(self._got)

    async def _run(self, space: Workspace, where: Places) -> list[dict[str, str]]:
        caller, callee = self._first.caller.name, self._first.callee.name
        entry = where.outbound[caller, callee]
        configs = dict(self._configs(where))
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(new_session())
            for handler, place in ((self._take, where.collector), (self._answer, where.apps[callee])):
                runner = web.ServerRunner(web.Server(handler, access_log=None), handle_signals=False)
                stack.push_async_callback(runner.cleanup)
                await runner.setup()
                await web.TCPSite(runner, place.host, place.port).start()
            for name, config in configs.items():
                file = space.write(f"{name}.json", json.dumps(config))
                command = [self._envoy, "-c", str(file), "--disable-hot-restart", "--concurrency", "1", "-l", "error"]
                space.start(name, [*command, "--file-flush-interval-msec", "50"], name)
            admins = {name: where.admins.get(name, where.bridge_admin) for name in configs}
            await until(space, lambda: self._all(admin.is_ready(session, place) for place in admins.values()))
            wanted = self._first.kinds
            sent = [
                await self._send(session, entry, wanted[number % len(wanted)].headers(number))
                for number in range(EACH * len(wanted))
            ]
            await self._drain(space, session, [admins[caller], admins[callee]])
            assert self._collector.refused == []
            return sent

    def _configs(self, where: Places) -> Iterator[tuple[str, Config]]:
        caller, callee = self._first.caller, self._first.callee
        assert callee.listener is not None
        host = f"{callee.name}.{callee.namespace}.svc.{self._plan.cluster_domain}"
        outbound = self._dumps[caller.name].outbound(host, callee.listener.port)
        inbound = self._dumps[callee.name].inbound(callee.listener.target_port)
        for workload, traffic, place, onward in (
            (caller, outbound, where.outbound[caller.name, callee.name], where.inbound[callee.name]),
            (callee, inbound, where.inbound[callee.name], where.apps[callee.name]),
        ):
            dump, (virtual_host,) = self._dumps[workload.name], traffic.table["virtual_hosts"]
            (route,) = virtual_host["routes"]
            tracing = [traffic.manager.get("tracing"), dump.bootstrap.get("tracing")]
            to = where.bridge if self._has_grpc else where.collector
            clusters = {name: to for name in strings(tracing) if name in dump.clusters}
            clusters[route["route"]["cluster"]] = onward
            yield workload.name, sidecar(dump, traffic, place, where.admins[workload.name], clusters)
        if self._has_grpc:
            yield "bridge.", bridge_config(where)

    @property
    def _has_grpc(self) -> bool:
        return self._plan.receiver is not None and self._plan.receiver.protocol == "otlp-grpc"

    async def _send(self, session: aiohttp.ClientSession, entry: Place, more: Mapping[str, str]) -> dict[str, str]:
        """Sends what the prediction says of the app, with new ids."""
        hop, ids = self._first.hop, dict[str, str]()
        invented = {name: ID.sub(lambda found: fresh(ids, found[0]), value) for name, value in hop.sent.items()}
        sent = {**invented, **more}
        asked, agent = urlsplit(hop.url), self._first.caller.user_agent
        known = {"Host": asked.netloc, "Accept": "*/*", **({"User-Agent": agent} if agent != "-" else {})}
        path = f"{asked.path}{'?' + asked.query if asked.query else ''}"
        url = URL(f"http://{entry.text}{path}", encoded=True)
        async with session.request(hop.method, url, headers=CIMultiDict({**known, **sent})) as answer:
            await answer.read()
            assert answer.status == hop.statuses[0]
        return sent

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self._got.append({name: headers[name] for name in HANDED_ON if name in headers})
        return web.Response(status=self._first.hop.statuses[0], text="done")

    async def _take(self, request: web.BaseRequest) -> web.StreamResponse:
        kind = request.headers.get("Content-Type", "text/plain")
        status = self._collector.take(request.path, await request.read())
        return web.Response(status=status, headers={"Content-Type": kind})

    async def _all(self, probes: Iterable[Any]) -> bool:
        return all(await asyncio.gather(*probes))

    async def _drain(self, space: Workspace, session: aiohttp.ClientSession, admins: list[Place]) -> None:
        """Waits until all spans are there: until none came for longer than an Envoy keeps one."""
        since, before = time.monotonic(), [-1]

        async def is_over() -> bool:
            nonlocal since, before
            counts = [await admin.counts(session, place) for place in admins]
            sent = [each.spans_sent if each else -1 for each in counts]
            now = [len(self._collector.spans), *sent]
            if now != before or sum(sent) != now[0]:
                since, before = time.monotonic(), now
            return time.monotonic() > since + 0.15

        await until(space, is_over)


async def until(space: Workspace, is_so: Callable[[], Any]) -> None:
    end = time.monotonic() + 20
    while not await is_so():
        space.check()
        assert time.monotonic() < end, "it takes too long"
        await asyncio.sleep(0.02)


def fresh(ids: dict[str, str], found: str) -> str:
    """An id in place of another, the same for the same one."""
    if found.startswith(ZEROS):
        return f"{ZEROS}{fresh(ids, found[16:])}"
    return ids.setdefault(found, secrets.token_hex(len(found) // 2))


def with_a_hop() -> list[Case]:
    return [case for case in cases() if first_of(case.plan())]


@pytest.mark.parametrize("case", with_a_hop(), ids=lambda case: case.name)
def test_istios_settings_do_what_a_rehearsal_does(
    case: Case, tool: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    plan = case.plan()
    first = first_of(plan)
    assert first is not None
    minor = envoy_of(plan.istio_version)
    envoy = tool(f"envoy-{minor}")
    by_istio = Run(plan, first, dumps_of(plan, seen_of(case, tool, tmp_path_factory)), envoy).results()
    ours = rehearsed(plan, first, envoy)
    assert len(ours) == len(by_istio) == EACH * len(first.kinds)
    is_sampled = first.hop.client is not None and first.hop.client.chance.possible
    assert any(one.spans for one in by_istio) == is_sampled
    shapes = [(shape(one, first.hop), shape(other, first.hop)) for one, other in zip(ours, by_istio, strict=True)]
    for one, other in shapes:
        assert one == other
    record(
        spec=case.name,
        tool="Envoy",
        version=ENVOY_RELEASES[minor],
        what="with Istio's settings and in a rehearsal: the spans, log lines and headers of a request",
        count=sum(len(one) for one, _ in shapes),
    )


def test_left_out_is_the_lab_without_requests() -> None:
    assert [case.name for case in cases() if case not in with_a_hop()] == ["no-log"]
