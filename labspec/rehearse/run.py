"""One rehearsal from its first process to the last line of its logs: Plan -> Observation."""

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from pkgutil import get_data
from typing import NamedTuple, TypeVar

import aiohttp
from aiohttp import web

from labspec.observe.values import Answer, Observation
from labspec.plan import Plan, Workload
from labspec.predict.values import Request
from labspec.rehearse import admin
from labspec.rehearse.apps import Apps, First, new_session
from labspec.rehearse.collector import Collector
from labspec.rehearse.errors import RehearsalError
from labspec.rehearse.logs import passages
from labspec.rehearse.places import Place, Places, places
from labspec.rehearse.sidecar import sidecar_config
from labspec.rehearse.tracing import bridge_config
from labspec.rehearse.workspace import Process, Workspace, how, last_words, workspace
from labspec.services._base import Target

_READY = 30.0
"""Seconds until everything has to listen."""
_DRAIN = 10.0
"""Seconds until spans and log lines have to be there."""
_QUIET = 0.12
"""Seconds without a new span after which none is expected: more than two of the sidecars' flushes."""
_AT_ONCE = 8
"""Requests under way at a time."""

BRIDGE = "bridge"

Result = TypeVar("Result")


class Stage(NamedTuple):
    """How far a rehearsal is."""

    name: str
    """`configuration`, `start`, `requests`, `spans`, `stay`."""
    done: int
    total: int


Progress = Callable[[Stage], None]


class Order(NamedTuple):
    """What to rehearse, and how."""

    plan: Plan
    envoy: str
    rounds: int
    """How often each request of the lab is sent."""
    keep: Callable[[Places, Path], None] | None
    """Called when all requests are over and everything stays up; None to end then."""
    headers: Callable[[int], Mapping[str, str]] = lambda _: {}
    """By the number of a request: headers that its client sends beside its own, for experiments."""


class Sending(NamedTuple):
    """A request of the lab that is sent again and again."""

    place: int
    """In the prediction."""
    request: Request
    target: Target
    mark: str


def sendings(plan: Plan) -> list[Sending]:
    """The requests to send: of two predictions for one request, the one in which headers are handed on."""
    found = []
    for index, request in enumerate(plan.prediction.requests):
        if request.assumed == "drops":
            continue
        if request.cut:
            raise RehearsalError(f"a request of {request.client} has more calls than can be followed")
        step, number = (*request.hops[0].path[3:], 0)[:2]
        assert isinstance(step, int)  # noqa: S101  # it is the place in a list
        assert isinstance(number, int)  # noqa: S101  # and so is this
        workload = next(each for each in plan.workloads if each.name == request.client)
        found.append(Sending(index, request, workload.steps[step][number], f"c{step}-{number}"))
    return found


def rehearse(order: Order, progress: Progress) -> Observation:
    """Runs the lab; raises RehearsalError where it cannot run, or not to its end."""
    if not sendings(order.plan):
        raise RehearsalError("nobody in this lab sends a request: there is nothing to rehearse")
    with workspace() as space, places(order.plan) as where:
        return asyncio.run(_Rehearsal(order, space, where, progress).run())


class _Rehearsal:
    def __init__(self, order: Order, space: Workspace, where: Places, progress: Progress) -> None:
        self._order = order
        self._plan = order.plan
        self._space = space
        self._places = where
        self._progress = progress
        self._collector = Collector()
        self._sidecars = [proxy for proxy in order.plan.mesh.proxies if proxy.service in where.pods]
        self._needs_bridge = any(
            proxy.tracer.value is not None and proxy.tracer.value.protocol == "otlp-grpc" for proxy in self._sidecars
        )

    async def run(self) -> Observation:
        async with contextlib.AsyncExitStack() as stack:
            session = await stack.enter_async_context(new_session())
            apps = Apps(self._plan, self._places, session)
            await self._configure()
            await stack.enter_async_context(self._servers(apps))
            self._start()
            await self._watched(self._ready(session))
            answers = await self._watched(self._requests(apps))
            await self._watched(self._drain(session))
            if self._order.keep is not None:
                self._order.keep(self._places, self._space.folder)
                self._progress(Stage("stay", 0, 0))
                await self._watched(self._stay())
                await self._drain(session)
            totals = {proxy.service: await self._counts(session, proxy.service) for proxy in self._sidecars}
            self._space.check()
            self._space.stop()
            seen, skipped = passages(
                self._plan, self._space.folder, {name: found.requests for name, found in totals.items()}
            )
            return Observation(
                tuple(answers), seen, (*self._collector.spans, *apps.spans), tuple(apps.arrivals), skipped
            )

    async def _configure(self) -> None:
        """Writes the configurations, and has Envoy judge each of them."""
        texts = {
            proxy.service: sidecar_config(
                self._plan, proxy, self._places, str(self._space.folder / f"{proxy.service}.seen")
            )
            for proxy in self._sidecars
        }
        if self._needs_bridge:
            texts[f"{BRIDGE}."] = bridge_config(self._places)
        pending = {name: self._space.write(f"{name}.json", json.dumps(text)) for name, text in texts.items()}
        done = 0
        self._progress(Stage("configuration", 0, len(pending)))
        gate = asyncio.Semaphore(2 * (os.cpu_count() or 1))

        async def judged(name: str, path: Path) -> None:
            nonlocal done
            async with gate:
                await self._validate(name, path)
            done += 1
            self._progress(Stage("configuration", done, len(pending)))

        await asyncio.gather(*(judged(name, path) for name, path in pending.items()))

    async def _validate(self, name: str, path: Path) -> None:
        running = await asyncio.create_subprocess_exec(
            self._order.envoy, "--mode", "validate", "-c", str(path), "-l", "error", "--disable-hot-restart",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, said = await running.communicate()
        if running.returncode:
            raise RehearsalError(
                f"Envoy refuses the configuration of {_sidecar(name)}, {how(running.returncode)}",
                said.decode("utf-8", "replace").strip()[-2000:],
            )

    @contextlib.asynccontextmanager
    async def _servers(self, apps: Apps) -> AsyncIterator[None]:
        """The collector and the apps that labspec plays."""
        runners = []
        try:
            runners.append(await _serving(self._collect, self._places.collector))
            for workload in self._played():
                place = self._places.apps.get(workload.name)
                if place is not None:
                    runners.append(await _serving(apps.app(workload.name).handle, place))
            yield
        finally:
            for runner in runners:
                await runner.cleanup()

    async def _collect(self, request: web.BaseRequest) -> web.StreamResponse:
        kind = request.headers.get("Content-Type", "")
        status = self._collector.take(request.path, await request.read())
        return web.Response(status=status, headers={"Content-Type": kind or "text/plain"})

    def _played(self) -> Iterator[Workload]:
        return (each for each in self._plan.workloads if each.stand_in.arguments is None)

    def _start(self) -> None:
        for proxy in self._sidecars:
            self._envoy(proxy.service)
        if self._needs_bridge:
            self._envoy(f"{BRIDGE}.")
        if programs := list(self._programs()):
            config = self._space.write("programs.", json.dumps(programs))
            code = self._space.write("programs.py", (get_data("labspec.rehearse", "_programs.py") or b"").decode())
            command = [sys.executable, "-I", str(code), str(config)]
            self._space.start("the programs of the apps", command, "programs.")

    def _envoy(self, name: str) -> Process:
        command = [
            self._order.envoy, "-c", str(self._space.folder / f"{name}.json"), "--disable-hot-restart", "--concurrency", "1",
            "-l", "error", "--file-flush-interval-msec", "50", "--drain-time-s", "1",
        ]  # fmt: skip
        return self._space.start(_sidecar(name), command, name)

    def _programs(self) -> Iterator[dict[str, object]]:
        """The apps that run their own program."""
        for workload in self._plan.workloads:
            arguments, program = workload.stand_in.arguments, workload.container.program
            place = self._places.apps.get(workload.name)
            if arguments is None or program is None or place is None:
                continue
            file = self._space.folder / f"program.{program.name}"
            if not file.exists():
                self._space.write(file.name, program.text)
            yield {
                "name": workload.name,
                "file": str(file),
                "arguments": [*arguments, f"--host={place.host}", f"--port={place.port}"],
                "routes": dict(self._routes(workload)),
            }

    def _routes(self, workload: Workload) -> Iterator[tuple[str, Place]]:
        for target in workload.targets:
            callee = next(each for each in self._plan.workloads if each.name == target.service)
            found = self._places.outbound.get((workload.name, callee.name)) or self._places.entry(callee.name)
            if found is not None and callee.listener is not None:
                yield f"{callee.name}:{callee.listener.port}", found

    async def _watched(self, work: Awaitable[Result]) -> Result:
        """The result of some work, given up where a process ends meanwhile."""
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                await asyncio.wait([task], timeout=0.1)
                self._space.check()
            return await task
        finally:
            if not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _ready(self, session: aiohttp.ClientSession) -> None:
        """Waits until all listen."""
        waiting: dict[str, Callable[[], Awaitable[bool]]] = {}
        for proxy in self._sidecars:
            place = self._places.admins[proxy.service]
            waiting[_sidecar(proxy.service)] = lambda place=place: admin.is_ready(session, place)  # type: ignore[misc]
        if self._needs_bridge:
            waiting[_sidecar(f"{BRIDGE}.")] = lambda: admin.is_ready(session, self._places.bridge_admin)
        for workload in self._plan.workloads:
            app = self._places.apps.get(workload.name)
            if workload.stand_in.arguments is not None and app is not None:
                waiting[f"the app of {workload.name}"] = lambda app=app: _listens(app)  # type: ignore[misc]
        total, until = len(waiting), time.monotonic() + _READY
        while waiting:
            self._progress(Stage("start", total - len(waiting), total))
            found = await asyncio.gather(*(probe() for probe in waiting.values()))
            waiting = {
                what: probe for (what, probe), is_ready in zip(waiting.items(), found, strict=True) if not is_ready
            }
            if waiting and time.monotonic() > until:
                raise RehearsalError(f"after {_READY:.0f} seconds {next(iter(waiting))} is not ready")
            if waiting:
                await asyncio.sleep(0.01)
        self._progress(Stage("start", total, total))

    async def _requests(self, apps: Apps) -> list[Answer]:
        """Sends each request of the lab as often as it is wanted."""
        wanted = sendings(self._plan)
        total = len(wanted) * self._order.rounds
        answers: list[Answer] = []
        numbers = iter(range(total))

        async def sender() -> None:
            for number in numbers:
                sending = wanted[number % len(wanted)]
                client = apps.app(sending.request.client)
                sent = await client.send(sending.target, First(number, self._order.headers(number)), sending.mark)
                answers.append(Answer(number, sending.place, sent.status, sent.started, sent.duration, sent.headers))
                self._progress(Stage("requests", len(answers), total))

        await asyncio.gather(*(sender() for _ in range(min(_AT_ONCE, total))))
        return sorted(answers, key=lambda answer: answer.number)

    async def _drain(self, session: aiohttp.ClientSession) -> None:
        """Waits until the requests are over and their spans have come."""
        until = time.monotonic() + _DRAIN
        calm, last = 0.0, -1
        while calm < _QUIET:
            began = time.monotonic()
            found = [await self._counts(session, proxy.service) for proxy in self._sidecars]
            sent, came = sum(each.spans_sent for each in found), len(self._collector.spans)
            self._progress(Stage("spans", came, max(sent, came)))
            if began > until:
                lost = sum(each.reports_dropped for each in found)
                raise RehearsalError(
                    f"the sidecars sent {sent} spans and {came} came within {_DRAIN:.0f} seconds ({lost} reports were dropped)"
                )
            await asyncio.sleep(0.03)
            is_calm = sent == came == last and not any(each.active for each in found)
            calm, last = calm + time.monotonic() - began if is_calm else 0.0, came
        if self._collector.refused:
            raise RehearsalError(f"the collector could not read what it was sent: {self._collector.refused[0]}")

    async def _counts(self, session: aiohttp.ClientSession, service: str) -> admin.Counts:
        found = await admin.counts(session, self._places.admins[service])
        if found is None:
            self._space.check()
            raise RehearsalError(f"{_sidecar(service)} does not tell how far it is")
        return found

    async def _stay(self) -> None:
        """Until somebody ends it."""
        stop = asyncio.Event()
        await stop.wait()


async def _serving(
    handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], place: Place
) -> web.ServerRunner:
    runner = web.ServerRunner(web.Server(handler, access_log=None), handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, place.host, place.port).start()
    except OSError as error:
        raise RehearsalError(f"{place.text} cannot be listened on: {error.strerror or error}") from None
    return runner


async def _listens(place: Place) -> bool:
    try:
        _, writer = await asyncio.open_connection(place.host, place.port)
    except OSError:
        return False
    writer.close()
    return True


def _sidecar(name: str) -> str:
    return "the Envoy that takes OTLP/gRPC" if name == f"{BRIDGE}." else f"the sidecar of {name}"


__all__ = ["Order", "Progress", "Sending", "Stage", "last_words", "rehearse", "sendings"]
