"""The page of a real rehearsal in a real browser: nothing that it complains of, nothing that leaves, no scrolling sideways."""

import asyncio
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from labspec.observe.judging import judged
from labspec.present.about import About
from labspec.present.html import as_html
from labspec.rehearse.run import observed
from tests.conftest import ROOT, plan_of
from tests.real.verification import record

pytestmark = pytest.mark.real

_NARROW, _WIDE = 390, 1440
_START = 30.0
"""Seconds until the browser listens."""
_SETTLED = 0.5
"""Seconds in which a page that wants something would ask for it."""

_UNFOLD = "document.querySelectorAll('details').forEach(found => { found.open = true; })"
_WIDTH = "document.documentElement.scrollWidth"
_VERDICT = """(() => {
  const found = document.querySelector('.overall strong'), box = found.getBoundingClientRect();
  return found.checkVisibility() && box.width > 0 && box.top < innerHeight && box.right <= innerWidth ? found.innerText : '';
})()"""


class Tab:
    """One page of a browser, through the DevTools protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self.events: list[tuple[str, dict[str, Any]]] = []

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json(timeout=_START)
            if message.get("id") == self._number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result
            self.events.append((message["method"], message["params"]))

    async def value(self, expression: str) -> Any:
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def loaded(self, address: str) -> None:
        await self.call("Page.navigate", url=address)
        until = time.monotonic() + _START
        while await self.value("document.readyState + ' ' + location.href") != f"complete {address}":
            assert time.monotonic() < until
            await asyncio.sleep(0.02)
        # What comes late is still an event of this page.
        await asyncio.sleep(_SETTLED)
        await self.value("1")


@contextmanager
def browser(path: str, folder: Path) -> Iterator[int]:
    """A headless browser with nothing in it; gives its port."""
    command = [
        path, "--headless", "--no-sandbox", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage",
        "--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        told, until = folder / "DevToolsActivePort", time.monotonic() + _START
        while not told.exists() or "\n" not in told.read_text():
            assert process.poll() is None, "the browser ended"
            assert time.monotonic() < until, "the browser does not listen"
            time.sleep(0.05)
        yield int(told.read_text().splitlines()[0])
    finally:
        process.terminate()
        process.wait(_START)


async def looked_at(port: int, address: str) -> int:
    """Looks at the page narrow and wide, light and dark, folded and unfolded; gives the number of looks."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            pages = [found for found in await answer.json(content_type=None) if found["type"] == "page"]
        async with session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            tab = Tab(socket)
            for domain in ("Page", "Runtime", "Log", "Network"):
                await tab.call(f"{domain}.enable")
            looks = 0
            for width in (_NARROW, _WIDE):
                for scheme in ("light", "dark"):
                    await tab.call(
                        "Emulation.setDeviceMetricsOverride",
                        width=width, height=900, deviceScaleFactor=1, mobile=width == _NARROW,
                    )  # fmt: skip
                    await tab.call(
                        "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
                    )
                    await tab.loaded(address)
                    assert await tab.value(f"matchMedia('(prefers-color-scheme: {scheme})').matches")
                    assert await tab.value(_VERDICT) == "as predicted"
                    assert await tab.value(_WIDTH) <= width
                    await tab.value(_UNFOLD)
                    assert await tab.value(_WIDTH) <= width
                    looks += 1
            complaints(tab, address)
            return looks


def complaints(tab: Tab, address: str) -> None:
    """What the browser said while it looked."""
    asked = [told["request"]["url"] for event, told in tab.events if event == "Network.requestWillBeSent"]
    # The page's icon is empty, and stands in the page.
    assert address in asked
    assert {found.partition("#")[0] for found in asked} <= {address, "data:,"}
    bad = {"error", "warning", "assert"}
    assert not [told for event, told in tab.events if event == "Runtime.exceptionThrown"]
    assert not [told for event, told in tab.events if event == "Log.entryAdded" and told["entry"]["level"] in bad]
    assert not [told for event, told in tab.events if event == "Runtime.consoleAPICalled" and told["type"] in bad]


@pytest.mark.parametrize(("spec", "envoy"), [("istio-jaeger", "envoy-1.38"), ("fan-out", "envoy-1.39")])
def test_the_page_in_a_browser(spec: str, envoy: str, tool: Callable[..., str], tmp_path: Path) -> None:
    chromium = tool("chromium", "chromium-browser", "google-chrome")
    path = ROOT / "specs" / f"{spec}.yaml"
    plan = plan_of(path)
    report = judged(plan, observed(plan, tool(envoy), 20))
    assert report.passed, json.dumps([verdict for one in report.judged for verdict in one.verdicts])
    about = About(
        title="rehearsal",
        command=f"labspec rehearse {path.name}",
        spec_name=path.name,
        spec_text=path.read_text(encoding="utf-8"),
        facts=(("Envoy", envoy),),
        remarks=(),
        uncovered=("mutual TLS",),
        addresses=(("127.0.0.1:1", "the collector"),),
    )
    page = tmp_path / "report.html"
    page.write_text(as_html(report, about), encoding="utf-8")
    with browser(chromium, tmp_path / "browser") as port:
        looks = asyncio.run(looked_at(port, page.as_uri()))
    record(
        spec=spec,
        tool="Chromium",
        version="-",
        what="the rehearsal's report: no console error, no request leaves, no sideways scrolling",
        count=looks,
    )
