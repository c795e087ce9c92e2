"""One rehearsal from its first process to the last line of its logs: Plan -> Observation."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import TypeVar

import aiohttp
from aiohttp import web

from labspec.observe.values import Answer, Observation
from labspec.plan import Plan, Workload
from labspec.rehearse import admin
from labspec.rehearse.apps import Apps, First, new_session
from labspec.rehearse.collector import Collector
from labspec.rehearse.errors import RehearsalError
from labspec.rehearse.interrupt import Interrupt
from labspec.rehearse.launch import Launch, sidecar_named
from labspec.rehearse.logs import IncompleteError, passages
from labspec.rehearse.order import Order, Progress, Stage, sendings
from labspec.rehearse.places import Place, Places, places
from labspec.rehearse.workspace import Workspace, workspace

_DRAIN = 10.0
"""Seconds until spans and log lines have to be there."""
_QUIET = 0.12
"""Seconds without a new span after which none is expected: more than two of the sidecars' flushes."""
_AT_ONCE = 8
"""Requests under way at a time."""

Result = TypeVar("Result")


def observed(
    plan: Plan, envoy: str, rounds: int, headers: Callable[[int], Mapping[str, str]] = lambda _: {}
) -> Observation:
    """What is seen of a lab when each of its requests is sent so often."""
    found: list[Observation] = []

    def seen(observation: Observation, _: Places) -> bool:
        found.append(observation)
        return False

    rehearse(Order(plan, envoy, rounds, seen, headers), lambda _: None)
    return found[0]


def rehearse(order: Order, progress: Progress) -> None:
    """Runs the lab, and hands over what was seen; raises RehearsalError where it cannot run, or not to its end."""
    if not sendings(order.plan):
        raise RehearsalError("nobody in this lab sends a request: there is nothing to rehearse")
    with Interrupt() as interrupt, workspace() as space, places(order.plan) as where:
        asyncio.run(_Rehearsal(order, space, where, progress, interrupt).run())


class _Rehearsal:
    def __init__(self, order: Order, space: Workspace, where: Places, progress: Progress, interrupt: Interrupt) -> None:
        self._interrupt = interrupt
        self._order = order
        self._plan = order.plan
        self._space = space
        self._places = where
        self._progress = progress
        self._collector = Collector()
        self._launch = Launch(order, space, where, progress)

    async def run(self) -> None:
        self._interrupt.ends_this_task()
        async with contextlib.AsyncExitStack() as stack:
            session = await stack.enter_async_context(new_session())
            apps = Apps(self._plan, self._places, session)
            await self._launch.configure()
            await stack.enter_async_context(self._servers(apps))
            self._launch.start()
            await self._watched(self._launch.ready(session))
            answers = await self._watched(self._requests(apps))
            await self._watched(self._drain(session))
            observation = await self._watched(self._observation(session, apps, answers))
            self._progress(Stage("stay", 0, 0))
            if self._order.seen(observation, self._places):
                await self._stay()
            self._interrupt.ends_nothing()
            self._space.check()
            self._space.stop()

    async def _observation(self, session: aiohttp.ClientSession, apps: Apps, answers: list[Answer]) -> Observation:
        """What was seen, as soon as all log lines are written."""
        totals = {service: found.requests for service, found in (await self._counts(session)).items()}
        until = time.monotonic() + _DRAIN
        while True:
            try:
                seen, skipped = passages(self._plan, self._space.folder, totals)
            except IncompleteError as error:
                if time.monotonic() > until or self._space.room():
                    raise RehearsalError(f"{error}: no verdict", self._space.room()) from None
                await asyncio.sleep(0.02)
            else:
                spans = (*self._collector.spans, *apps.spans)
                return Observation(tuple(answers), seen, spans, tuple(apps.arrivals), skipped)

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
                sent = await client.send(sending.target, First(str(number), self._order.headers(number)))
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
            found = (await self._counts(session)).values()
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

    async def _counts(self, session: aiohttp.ClientSession) -> dict[str, admin.Counts]:
        """How far each sidecar is, by its service."""
        names = [proxy.service for proxy in self._launch.sidecars]
        found = await asyncio.gather(*(admin.counts(session, self._places.admins[name]) for name in names))
        counted = {name: counts for name, counts in zip(names, found, strict=True) if counts is not None}
        if silent := next((name for name in names if name not in counted), None):
            self._space.check()
            raise RehearsalError(f"{sidecar_named(silent)} does not tell how far it is")
        return counted

    async def _stay(self) -> None:
        """Until Ctrl-C, which ends what waits: see Interrupt."""
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                await asyncio.sleep(0.1)
                self._space.check()


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


__all__ = ["Order", "Progress", "Stage", "observed", "rehearse"]
