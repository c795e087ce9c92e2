"""The apps that a rehearsal plays: what they send is what the real ones send."""

import asyncio
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from labspec.plan import Plan
from labspec.rehearse.apps import Apps, First, Sent, new_session
from labspec.rehearse.places import Place, _laid_out, _Shared
from tests.conftest import plan_of
from tests.test_loop import Handler, Server

Seen = tuple[str, str, dict[str, str]]
HEAD = "apiVersion: labspec/v1\nname: lab\npropagation: {format: %s}\n"
CLIENT = "services:\n  a: {kind: curl, calls: [%s], every: 10ms%s}\n  b: {kind: http-echo}\n"


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server(("127.0.0.1", 0), Handler)
    found.seen = []
    thread = Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.shutdown()
    thread.join()
    found.server_close()


def by_the_loop(plan: Plan, server: Server, folder: Path) -> Seen:
    """The first request of the client's own loop; its curl is told where the Service is."""
    (folder / ".curlrc").write_text(f'connect-to = "::127.0.0.1:{server.server_port}"\n')
    script = plan.workloads[0].container.args[0].replace("$$", "$")
    loop = subprocess.Popen(
        ["sh", "-c", script], stdout=subprocess.DEVNULL, env={**os.environ, "CURL_HOME": str(folder)}
    )
    end = time.monotonic() + 10
    while not server.seen and time.monotonic() < end:
        time.sleep(0.01)
    loop.terminate()
    loop.wait(10)
    return server.seen.pop(0)


async def sent(plan: Plan, port: int, first: First) -> Sent:
    where = _laid_out(plan, _Shared())._replace(outbound={("a", "b"): Place("127.0.0.1", port)})
    async with new_session() as session:
        return await Apps(plan, where, session).app("a").send(plan.workloads[0].targets[0], first)


def by_the_stand_in(plan: Plan, server: Server) -> Seen:
    """The same request as a rehearsal sends it."""
    server.seen.clear()
    answer = asyncio.run(sent(plan, server.server_port, First("7", {})))
    assert answer.status == 200
    (found,) = server.seen
    assert {name: found[2][name] for name in answer.headers} == answer.headers
    return found


def shape(value: str) -> str:
    """A value without its ids."""
    return re.sub("[0-9a-f]{16,}", lambda found: "#" * len(found[0]), value)


CASES = [
    ("w3c", "b", ""),
    ("b3", "b", ", tracer: {}"),
    ("b3", "b", ", tracer: {sampled: false, bits: 64}"),
    ("b3", "b", ", tracer: {sampled: debug}"),
    ("b3", "b", ", tracer: {sampled: defer}"),
    ("b3", "b", ", tracer: {format: w3c}"),
    ("w3c", "b", ", tracer: {bits: 64}"),
    ("w3c", "b", ", tracer: {sampled: false}"),
    ("b3+w3c", "b", ", tracer: {bits: 64}"),
    ("w3c", "{to: b, method: HEAD, path: \"/%41'$(id)'?a=%25&b=%7e$HOME;~\"}", ""),
    ("w3c", "{to: b, method: POST}", ""),
]


@pytest.mark.parametrize(("form", "call", "tracer"), CASES)
def test_the_requests_of_a_client_are_those_of_its_loop(
    form: str, call: str, tracer: str, server: Server, tmp_path: Path
) -> None:
    plan = plan_of(HEAD % form + CLIENT % (call, tracer))
    method, path, headers = by_the_loop(plan, server, tmp_path)
    played = by_the_stand_in(plan, server)
    assert played[:2] == (method, path)
    way, agent = played[2].pop("x-labspec-way"), played[2].pop("user-agent")
    assert (way, agent) == ("7", plan.workloads[0].user_agent)
    assert re.fullmatch(r"curl/[0-9.]+", headers.pop("user-agent"))
    assert {name: shape(value) for name, value in played[2].items()} == {
        name: shape(value) for name, value in headers.items()
    }
    assert (headers["accept"], headers["host"]) == ("*/*", "b")


def test_fixed_ids_are_those_of_the_loop(server: Server, tmp_path: Path) -> None:
    plan = plan_of(HEAD % "b3" + CLIENT % ("b", ", tracer: {ids: fixed, bits: 64}"))
    real = by_the_loop(plan, server, tmp_path)[2]
    played = by_the_stand_in(plan, server)[2]
    names = ("x-b3-traceid", "x-b3-spanid", "x-b3-sampled")
    assert [played[name] for name in names] == [real[name] for name in names]


def test_ids_are_new_for_each_request(server: Server) -> None:
    plan = plan_of(HEAD % "b3" + CLIENT % ("b", ", tracer: {}"))
    found = [by_the_stand_in(plan, server)[2]["x-b3-traceid"] for _ in range(3)]
    assert len(set(found)) == 3


def test_nobody_there_is_no_answer() -> None:
    plan = plan_of(HEAD % "w3c" + CLIENT % ("b", ""))
    assert asyncio.run(sent(plan, 9, First("0", {}))).status == 0


def test_headers_of_an_experiment_go_along(server: Server) -> None:
    plan = plan_of(HEAD % "b3" + CLIENT % ("b", ", tracer: {}"))
    asyncio.run(sent(plan, server.server_port, First("0", {"x-b3-traceid": "mine", "b3": "0"})))
    headers = server.seen[0][2]
    assert headers["b3"] == "0"
    # What the app itself says counts.
    assert re.fullmatch("[0-9a-f]{32}", headers["x-b3-traceid"])
