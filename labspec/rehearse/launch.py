"""What a rehearsal starts: the sidecars' configurations, their Envoys, the programs of the apps, until all of them listen."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from pkgutil import get_data

import aiohttp

from labspec.plan import Workload
from labspec.rehearse import admin
from labspec.rehearse.errors import RehearsalError
from labspec.rehearse.order import Order, Progress, Stage
from labspec.rehearse.places import Place, Places
from labspec.rehearse.sidecar import sidecar_config
from labspec.rehearse.tracing import bridge_config
from labspec.rehearse.workspace import Workspace, how

_READY = 30.0
"""Seconds until everything has to listen."""
_BRIDGE = "bridge."
"""No service can be called so."""


class Launch:
    """The processes of one rehearsal."""

    def __init__(self, order: Order, space: Workspace, where: Places, progress: Progress) -> None:
        self._order = order
        self._plan = order.plan
        self._space = space
        self._places = where
        self._progress = progress
        self.sidecars = tuple(proxy for proxy in order.plan.mesh.proxies if proxy.service in where.pods)
        """Those that run: a service without pods has none."""
        tracers = [proxy.tracer.value for proxy in self.sidecars]
        self._needs_bridge = any(tracer is not None and tracer.protocol == "otlp-grpc" for tracer in tracers)

    async def configure(self) -> None:
        """Writes the configurations, and has Envoy judge each of them."""
        texts = {
            proxy.service: sidecar_config(
                self._plan, proxy, self._places, str(self._space.folder / f"{proxy.service}.seen")
            )
            for proxy in self.sidecars
        }
        if self._needs_bridge:
            texts[_BRIDGE] = bridge_config(self._places)
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
        command = [self._order.envoy, "--mode", "validate", "-c", str(path), "-l", "error", "--disable-hot-restart"]
        process = self._space.start("Envoy", command, f"{name}.validation")
        # Not asyncio's own processes: a loop that ends before they do says so on stderr.
        while (status := process.running.poll()) is None:  # noqa: ASYNC110  # it is a process, and sends no event
            await asyncio.sleep(0.005)
        self._space.processes.remove(process)
        if status:
            raise RehearsalError(
                f"Envoy refuses the configuration of {sidecar_named(name)}, {how(status)}",
                process.said.read_text(encoding="utf-8", errors="replace").strip()[-2000:],
            )

    def start(self) -> None:
        """Starts all of them."""
        for proxy in self.sidecars:
            self._envoy(proxy.service)
        if self._needs_bridge:
            self._envoy(_BRIDGE)
        if programs := list(self._programs()):
            config = self._space.write("programs.", json.dumps(programs))
            code = self._space.write("programs.py", (get_data("labspec.rehearse", "_programs.py") or b"").decode())
            command = [sys.executable, "-I", str(code), str(config)]
            self._space.start("the programs of the apps", command, "programs.")

    def _envoy(self, name: str) -> None:
        command = [
            self._order.envoy, "-c", str(self._space.folder / f"{name}.json"), "--disable-hot-restart", "--concurrency", "1",
            "-l", "error", "--file-flush-interval-msec", "50", "--drain-time-s", "1",
        ]  # fmt: skip
        self._space.start(sidecar_named(name), command, name)

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
            found = self._places.target(workload.name, callee.name)
            if found is not None and callee.listener is not None:
                yield f"{callee.name}:{callee.listener.port}", found

    async def ready(self, session: aiohttp.ClientSession) -> None:
        """Waits until all listen."""
        waiting: dict[str, Callable[[], Awaitable[bool]]] = {}
        for proxy in self.sidecars:
            place = self._places.admins[proxy.service]
            waiting[sidecar_named(proxy.service)] = partial(admin.is_ready, session, place)
        if self._needs_bridge:
            waiting[sidecar_named(_BRIDGE)] = partial(admin.is_ready, session, self._places.bridge_admin)
        for workload in self._plan.workloads:
            app = self._places.apps.get(workload.name)
            if workload.stand_in.arguments is not None and app is not None:
                waiting[f"the app of {workload.name}"] = partial(_listens, app)
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


async def _listens(place: Place) -> bool:
    try:
        _, writer = await asyncio.open_connection(place.host, place.port)
    except OSError:
        return False
    writer.close()
    return True


def sidecar_named(name: str) -> str:
    """What people call an Envoy."""
    return "the Envoy that takes OTLP/gRPC" if name == _BRIDGE else f"the sidecar of {name}"
