"""The applications that a rehearsal plays: each answers, and sends its calls with the headers that the spec says of it."""

import asyncio
import random
import secrets
import time
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from labspec.calls import parted
from labspec.lab import HANDED_ON
from labspec.observe.values import TAG, Arrival, SeenSpan, mark
from labspec.plan import Plan, Workload
from labspec.predict.values import APP, CLIENT, SERVER
from labspec.propagation._base import FIXED_SPAN, FIXED_TRACE, Context, started
from labspec.rehearse.places import Places
from labspec.services._base import WAY, Target
from labspec.services._relay import NOT_FORWARDED

_TIMEOUT = aiohttp.ClientTimeout(total=5)
"""As the loops and relays of a lab have it."""

# What no relay hands on, no other app does; the way is sent in any case.
_OF_ONE_HOP = {*NOT_FORWARDED, WAY}

_DICE = random.SystemRandom()


class Incoming(NamedTuple):
    """A request at an app."""

    way: str
    """Of the request; of a call that is sent because of it, with the step that tells it from the app's other calls."""
    headers: Mapping[str, str]
    """Lower case."""
    context: Context | None
    """Of the app's own tracer, its span being the parent of what follows."""


class First(NamedTuple):
    """The cause of a request that nothing came before."""

    way: str
    """The number of the request."""
    headers: Mapping[str, str]
    """What it carries beside what its app says."""


class Sent(NamedTuple):
    """One call, and what came back."""

    status: int
    """0 for no answer."""
    headers: Mapping[str, str]
    """The trace headers that the app sent."""
    started: float
    duration: float


class Apps:
    """All apps that labspec plays, with what they saw."""

    def __init__(self, plan: Plan, places: Places, session: aiohttp.ClientSession) -> None:
        self._places = places
        self._session = session
        self._played = {each.name: _App(each, self) for each in plan.workloads}
        self.arrivals: list[Arrival] = []
        self.spans: list[SeenSpan] = []
        """Of apps whose tracer exports them."""

    def app(self, service: str) -> "_App":
        """The app of a service."""
        return self._played[service]

    async def post(self, caller: str, target: Target, headers: Mapping[str, str]) -> int:
        """Sends a request; gives the status of its answer, 0 for none."""
        place = self._places.target(caller, target.service)
        if place is None:
            return 0
        authority, path = parted(target.url)
        url = URL(f"http://{place.text}{path}", encoded=True)
        try:
            async with self._session.request(
                target.method, url, headers=CIMultiDict({"Host": authority, **headers}), allow_redirects=False
            ) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0


class _App:
    def __init__(self, workload: Workload, apps: Apps) -> None:
        self._workload = workload
        self._apps = apps

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers one request, after its calls."""
        began = time.time()
        await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        traced = {name: headers[name] for name in HANDED_ON if name in headers}
        way = headers.get(WAY, "")
        self._apps.arrivals.append(Arrival(self._workload.name, way, traced))
        context, parent = self._context(headers)
        for index in range(len(self._workload.steps)):
            await self._step(index, Incoming(way, headers, context))
        answer = self._workload.stand_in
        if context is not None:
            self._report(SERVER, context, parent, way, began)
        return web.Response(status=answer.status, text=answer.text)

    async def _step(self, index: int, incoming: Incoming) -> None:
        """The calls of one step, at the same time."""
        calls = [
            self.send(target, incoming._replace(way=f"{incoming.way}.{mark(index, number)}"))
            for number, target in enumerate(self._workload.steps[index])
            if target.percent >= 100 or _DICE.random() * 100 < target.percent
        ]
        await asyncio.gather(*calls)

    async def send(self, target: Target, cause: Incoming | First) -> Sent:
        """Sends one call: because of a request that came, or as a request's first."""
        began = time.time()
        headers = dict(cause.headers) if isinstance(cause, First) else self._forwarded(cause)
        context, parent, written = self._own(None if isinstance(cause, First) else cause.context)
        headers |= written
        sent = {name: headers[name] for name in HANDED_ON if name in headers}
        agent = self._workload.user_agent
        known = {"User-Agent": agent} if agent != "-" else {}
        status = await self._apps.post(
            self._workload.name, target, {**known, "Accept": "*/*", **headers, WAY: cause.way}
        )
        if context is not None:
            self._report(CLIENT, context, parent, cause.way, began)
        return Sent(status, sent, began, time.time() - began)

    def _forwarded(self, incoming: Incoming) -> dict[str, str]:
        forwarding = self._workload.forwarding
        # Where nobody says what it hands on, it hands on what it knows: all trace headers.
        patterns = forwarding.patterns if forwarding.is_known else HANDED_ON
        return {
            name: value
            for name, value in incoming.headers.items()
            if name not in _OF_ONE_HOP and any(fnmatchcase(name, pattern) for pattern in patterns)
        }

    def _own(self, above: Context | None) -> tuple[Context | None, str, dict[str, str]]:
        """The context of its own tracer for a call below `above`, the parent of that span, and the headers."""
        form = self._workload.speaks
        if self._workload.tracer is None:
            return None, "", {}
        if above is None:
            written = self._started()
            return form.read(written).context, "", written
        context = above._replace(span_id=secrets.token_hex(8), parent_id=above.span_id)
        return context, above.span_id, form.write(context)

    def _context(self, headers: Mapping[str, str]) -> tuple[Context | None, str]:
        """What its own tracer makes of a request: its span of it, and that span's parent."""
        tracer, form = self._workload.tracer, self._workload.speaks
        if tracer is None:
            return None, ""
        came = form.read(headers).context
        if came is None:
            return form.read(self._started()).context, ""
        sampled = tracer.start.sampled if came.sampled is None else came.sampled
        own = came._replace(span_id=secrets.token_hex(8), parent_id=came.span_id, sampled=sampled)
        return own, came.span_id

    def _started(self) -> dict[str, str]:
        tracer = self._workload.tracer
        assert tracer is not None  # noqa: S101  # who has none starts nothing
        ids = (FIXED_TRACE, FIXED_SPAN) if tracer.start.fixed else (secrets.token_hex(16), secrets.token_hex(8))
        return started(self._workload.speaks, tracer.start, *ids)

    def _report(self, kind: str, context: Context, parent: str, way: str, began: float) -> None:
        tracer = self._workload.tracer
        if tracer is None or tracer.export == "none" or context.sampled is False:
            return
        self._apps.spans.append(
            SeenSpan(
                way, self._workload.name, kind, "", context.trace_id, context.span_id, parent, began, time.time() - began,
                {TAG: way, "labspec.app": "played"}, APP,
            )
        )  # fmt: skip


class _Request(aiohttp.ClientRequest):
    """As curl sends it: without a length where there is no body."""

    def update_body_from_data(self, body: Any, *arguments: Any, **options: Any) -> None:  # noqa: ANN401  # as its base
        """Leaves out what the base adds to a POST."""
        super().update_body_from_data(body, *arguments, **options)
        if body is None:
            self.headers.pop("Content-Length", None)


def new_session() -> aiohttp.ClientSession:
    """What the apps send their requests with; they say for themselves which headers go along."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=_TIMEOUT,
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        request_class=_Request,
        cookie_jar=aiohttp.DummyCookieJar(),
    )
