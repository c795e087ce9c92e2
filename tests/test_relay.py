"""The relay's program: run as a pod runs it, in front of callees that note what they get."""

import ast
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.conftest import ROOT

PROGRAM = ROOT / "labspec" / "services" / "_relay.py"
TEXT = PROGRAM.read_bytes()
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
LIMIT = 20  # seconds after which a test gives up


class Callee(ThreadingHTTPServer):
    """Answers /STATUS/... with that status and others with 200; /both waits until two are there, /slow for 0.2 s."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Echo)
        self.events: list[str] = []
        self.headers: list[tuple[str, str]] = []
        self.barrier = threading.Barrier(2, timeout=4)
        self.at = f"http://127.0.0.1:{self.server_port}"


class Echo(BaseHTTPRequestHandler):
    server: Callee
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.server.events.append(f"{self.command} {self.path}")
        self.server.headers += self.headers.items()
        status = int(self.path[1:4]) if self.path[1:4].isdigit() else 200
        if self.path.startswith("/both"):
            try:
                self.server.barrier.wait()
            except threading.BrokenBarrierError:
                status = 500
        if self.path.startswith("/slow"):
            time.sleep(0.2)
            self.server.events.append(f"end of {self.path}")
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def callee() -> Iterator[Callee]:
    with Callee() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Running:
    """A relay that runs; when it has ended, what it wrote."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port
        self.log: list[str] = []
        self.errors = ""

    def connection(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)

    def ask(self, method: str = "GET", path: str = "/", **more: Any) -> tuple[int, str]:
        connection = self.connection()
        connection.request(method, path, **more)
        answer = read(connection.getresponse())
        connection.close()
        return answer

    def raw(self, data: bytes = b"") -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT)
        client.sendall(data)
        return client


def read(response: HTTPResponse) -> tuple[int, str]:
    return response.status, response.read().decode()


@contextmanager
def relay(*args: str, calls: Any = (), env: dict[str, str] | None = None) -> Iterator[Running]:
    """Run it, and end it as Kubernetes does: it has to end with status 0 and no word on stderr."""
    command = [sys.executable, str(PROGRAM), "--host=127.0.0.1", "--port=0", f"--calls={json.dumps(calls)}", *args]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | (env or {})
    )
    with ExitStack() as stack:
        stack.enter_context(process)
        stack.callback(process.kill)
        assert process.stdout
        first = process.stdout.readline()
        assert first.startswith("listening on 127.0.0.1:")
        running = Running(process, int(first.rpartition(":")[2]))
        yield running
        process.send_signal(signal.SIGTERM)
        output, running.errors = process.communicate(timeout=LIMIT)
        running.log = output.splitlines()
        assert (process.returncode, running.errors) == (0, "")


@pytest.mark.parametrize(
    ("forward", "expected"),
    [
        ("", set()),
        ("x-request-id", {"X-Request-Id"}),
        ("X-REQUEST-ID", {"X-Request-Id"}),
        ("x-b3-*", {"x-b3-traceid", "X-B3-SpanId"}),
        ("b3, tracestate", {"b3", "tracestate"}),
        ("x-request-id,x-b3-*,b3", {"X-Request-Id", "x-b3-traceid", "X-B3-SpanId", "b3"}),
        ("traceparent", set()),
        (
            "*",
            {"X-Request-Id", "x-b3-traceid", "X-B3-SpanId", "b3", "tracestate", "Accept-Encoding", "Xx-B3-No"},
        ),
    ],
)
def test_headers_are_copied_if_named(callee: Callee, forward: str, expected: set[str]) -> None:
    given = {"X-Request-Id": "r", "x-b3-traceid": "t", "X-B3-SpanId": "s", "b3": "1-2-1", "tracestate": "a=1,b=2"}
    headers = given | {"Xx-B3-No": "n", "Accept-Encoding": "br"}
    with relay(f"--forward={forward}", calls=[f"GET {callee.at}/"]) as running:
        assert running.ask("POST", headers=headers, body=b"body") == (200, f"GET {callee.at}/ 200\n")
    got = dict(callee.headers)
    assert got.pop("Host") == callee.at.removeprefix("http://")
    assert got == {name: headers[name] for name in expected}


def test_all_values_of_a_header_are_copied_to_each_call_unchanged(callee: Callee) -> None:
    request = b"GET / HTTP/1.0\r\nHost: a\r\ntracestate: a=1\r\nTraceState:  b=\xe9 ,c\r\n\r\n"
    step = [f"GET {callee.at}/", f"GET {callee.at}/"]
    with relay("--forward=tracestate", calls=[step]) as running, running.raw(request) as client:
        while client.recv(4096):
            pass
    copied = [pair for pair in callee.headers if pair[0] != "Host"]
    assert copied == [("tracestate", "a=1"), ("TraceState", "b=\xe9 ,c")] * 2


def test_calls_use_their_method_path_and_query(callee: Callee) -> None:
    calls = [f"{method} {callee.at}/x%20y//?a=1&b=c:d" for method in METHODS]
    with relay(calls=calls) as running:
        assert running.ask() == (200, "".join(f"{call} 200\n" for call in calls))
    assert callee.events == [f"{method} /x%20y//?a=1&b=c:d" for method in METHODS]
    assert [pair for pair in callee.headers if pair[0] != "Host"] == [("Content-Length", "0")] * 3


def test_a_call_needs_no_path(callee: Callee) -> None:
    with relay(calls=[f"GET {callee.at}"]) as running:
        assert running.ask() == (200, f"GET {callee.at} 200\n")
    assert callee.events == ["GET /"]


def test_calls_of_a_step_are_made_at_the_same_time_and_told_in_order(callee: Callee) -> None:
    step = [f"GET {callee.at}/both/1", f"GET {callee.at}/both/2"]
    with relay(calls=[step]) as running:
        assert running.ask() == (200, f"{step[0]} 200\n{step[1]} 200\n")


def test_a_slower_call_keeps_its_place(callee: Callee) -> None:
    with relay(calls=[[f"GET {callee.at}/slow", f"GET {callee.at}/fast"]]) as running:
        assert running.ask()[1].split() == ["GET", f"{callee.at}/slow", "200", "GET", f"{callee.at}/fast", "200"]
    assert callee.events[-1] == "end of /slow"


def test_a_step_waits_for_the_one_before(callee: Callee) -> None:
    with relay(calls=[[f"GET {callee.at}/slow", f"GET {callee.at}/a"], f"GET {callee.at}/b"]) as running:
        assert running.ask()[0] == 200
    assert sorted(callee.events[:2]) == ["GET /a", "GET /slow"]
    assert callee.events[2:] == ["end of /slow", "GET /b"]


@pytest.mark.parametrize(("percent", "low", "high"), [(0, 0, 0), (100, 200, 200), (50, 50, 150), (12.5, 1, 80)])
def test_a_call_is_made_for_its_share_of_the_requests(callee: Callee, percent: float, low: int, high: int) -> None:
    with relay(calls=[[{"call": f"GET {callee.at}/", "percent": percent}]]) as running:
        connection = running.connection()
        bodies = []
        for _ in range(200):
            connection.request("GET", "/")
            bodies.append(read(connection.getresponse()))
        connection.close()
    made = bodies.count((200, f"GET {callee.at}/ 200\n"))
    assert low <= made <= high
    assert bodies.count((200, "ok\n")) == 200 - made
    assert running.log.count("GET / 200") == 200 - made
    assert len(callee.events) == made


@pytest.mark.parametrize(("errors", "low", "high"), [("0:503", 0, 0), ("100:503", 200, 200), ("50:404", 50, 150)])
def test_errors_are_answered_for_their_share(errors: str, low: int, high: int) -> None:
    with relay(f"--errors={errors}") as running:
        connection = running.connection()
        statuses = []
        for _ in range(200):
            connection.request("GET", "/")
            statuses.append(read(connection.getresponse())[0])
        connection.close()
    assert low <= statuses.count(int(errors[-3:])) <= high
    assert set(statuses) <= {200, int(errors[-3:])}


def test_an_error_comes_after_the_calls_and_decides(callee: Callee) -> None:
    with relay("--errors=100:418", calls=[f"GET {callee.at}/500"]) as running:
        assert running.ask() == (418, f"GET {callee.at}/500 500\n")
    assert running.log == [f"GET / 418 -> GET {callee.at}/500 500"]


@pytest.mark.parametrize(
    ("callees", "expected"), [("204", 200), ("302", 200), ("404", 200), ("500", 502), ("503", 502)]
)
def test_a_failed_call_is_a_502_and_the_others_are_made(callee: Callee, callees: str, expected: int) -> None:
    with relay(calls=[[f"GET {callee.at}/{callees}", f"GET {callee.at}/a"], f"GET {callee.at}/b"]) as running:
        answer = running.ask()
    assert answer == (expected, f"GET {callee.at}/{callees} {callees}\nGET {callee.at}/a 200\nGET {callee.at}/b 200\n")


def test_no_answer_is_000(callee: Callee) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: refused
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        with relay(calls=[f"GET {url}", f"GET {callee.at}/", "GET http://name.invalid/"]) as running:
            assert running.ask() == (502, f"GET {url} 000\nGET {callee.at}/ 200\nGET http://name.invalid/ 000\n")


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"])
def test_half_an_answer_is_none(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            client, _ = listening.accept()
            with client:
                client.recv(4096)
                client.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        with relay(calls=[f"GET {url}"]) as running:
            assert running.ask() == (502, f"GET {url} 000\n")
        thread.join(LIMIT)


def test_a_call_has_five_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with relay(calls=[[f"GET {url}", f"GET {url}"]]) as running:
            start = time.monotonic()
            assert running.ask() == (502, f"GET {url} 000\nGET {url} 000\n")
            assert 4.9 < time.monotonic() - start < 9


def test_sigterm_ends_it_at_once_even_amid_a_call() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with relay(calls=[f"GET http://127.0.0.1:{silent.getsockname()[1]}/"]) as running:
            client = running.raw(b"GET / HTTP/1.1\r\n\r\n")
            silent.accept()[0].close()
            client.close()
            second = running.raw(b"GET / HTTP/1.1\r\n\r\n")
            waiting = silent.accept()[0]
            start = time.monotonic()
        assert time.monotonic() - start < 3
        waiting.close()
        second.close()


def test_delay_comes_before_the_calls(callee: Callee) -> None:
    with relay("--delay=0.5", calls=[f"GET {callee.at}/"]) as running:
        start = time.monotonic()
        client = running.raw(b"GET / HTTP/1.0\r\n\r\n")
        time.sleep(0.1)
        assert not callee.events
        while client.recv(4096):
            pass
        client.close()
        assert time.monotonic() - start >= 0.5
    assert callee.events == ["GET /"]


def test_healthz_is_at_once_and_silent(callee: Callee) -> None:
    with relay("--delay=30", "--errors=100:503", calls=[f"GET {callee.at}/"]) as running:
        assert running.ask("GET", "/healthz") == (200, "ok\n")
    assert not running.log
    assert not callee.events


def test_any_method_and_path() -> None:
    with relay() as running:
        answers = {method: running.ask(method, "/a/b?c=d") for method in METHODS}
        assert running.ask("POST", "/healthz") == (200, "ok\n")
    assert answers == {method: (200, "" if method == "HEAD" else "ok\n") for method in METHODS}
    assert running.log == [*(f"{method} /a/b?c=d 200" for method in METHODS), "POST /healthz 200"]


def test_the_log_has_a_line_for_a_request_by_the_time_it_is_answered(callee: Callee) -> None:
    with relay(calls=[[f"GET {callee.at}/a", f"GET {callee.at}/503"], f"HEAD {callee.at}/b"]) as running:
        assert running.ask("GET", "/path?q")[0] == 502
        assert running.process.stdout
        line = running.process.stdout.readline()
    assert line == f"GET /path?q 502 -> GET {callee.at}/a 200, GET {callee.at}/503 503, HEAD {callee.at}/b 200\n"


def test_one_connection_takes_many_requests_and_drops_their_bodies() -> None:
    with relay() as running:
        connection = running.connection()
        connection.connect()
        first = connection.sock
        for body in (None, b"GET /smuggled HTTP/1.1\r\n\r\n", b"x" * 200_000, iter([b"GET /", b" chunked"]), b""):
            connection.request("POST", "/", body=body, encode_chunked=body is not None)
            assert read(connection.getresponse()) == (200, "ok\n")
            assert connection.sock is first
        connection.request("HEAD", "/")
        head = connection.getresponse()
        assert (head.read(), head.getheader("Content-Length"), head.getheader("Content-Type")) == (
            b"",
            "3",
            "text/plain",
        )
        connection.request("GET", "/last")
        assert read(connection.getresponse()) == (200, "ok\n")
        connection.close()
    assert running.log == ["POST / 200"] * 5 + ["HEAD / 200", "GET /last 200"]


def test_chunks_with_extensions_and_trailers() -> None:
    body = b"3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
    start = b"PUT /1 HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n"
    with relay() as running, running.raw(start + body + b"GET /2 HTTP/1.0\r\n\r\n") as client:
        while client.recv(4096):
            pass
    assert running.log == ["PUT /1 200", "GET /2 200"]


def test_an_answer_leaves_in_one_piece_at_once() -> None:
    with relay() as running, running.raw() as client:
        start = time.monotonic()
        for _ in range(50):
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert client.recv(4096).endswith(b"\r\n\r\nok\n")
        assert time.monotonic() - start < 1.5  # Nagle with delayed acknowledgements: 40 ms each


def test_many_clients_at_the_same_time() -> None:
    with relay("--delay=0.3") as running, ExitStack() as stack:
        start = time.monotonic()
        clients = [stack.enter_context(running.raw(b"GET / HTTP/1.0\r\n\r\n")) for _ in range(30)]
        assert all(client.recv(9) == b"HTTP/1.1 " for client in clients)
        assert time.monotonic() - start < 6
    assert running.log == ["GET / 200"] * 30


@pytest.mark.parametrize(
    "data", [b"", b"GET /", b"GET / HTTP/1.1\r\n\r\n", b"PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\nab"]
)
def test_a_client_that_goes_away_leaves_no_traceback(data: bytes) -> None:
    with relay("--delay=0.1") as running:
        client = running.raw(data)
        time.sleep(0.05)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset, not end
        client.close()
        time.sleep(0.2)
        assert running.ask() == (200, "ok\n")


def test_proxies_of_the_environment_do_not_apply(callee: Callee) -> None:
    env = dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"), "http://127.0.0.1:1")
    with relay(calls=[f"GET {callee.at}/"], env=env) as running:
        assert running.ask()[0] == 200


@pytest.mark.parametrize(
    ("arg", "message"),
    [
        ("--calls=GET http://a/", "--calls"),
        ("--calls={}", "--calls"),
        ('--calls={"GET http://a/": 1}', "--calls"),
        ('--calls=["http://a/"]', "METHOD http://HOST/PATH"),
        ('--calls=["GET https://a/"]', "METHOD http://HOST/PATH"),
        ('--calls=["GET http://a/ b"]', "METHOD http://HOST/PATH"),
        ('--calls=["GET http://a:b/"]', "METHOD http://HOST/PATH"),
        ("--calls=[[[]]]", "--calls"),
        ("--calls=[5]", "--calls"),
        ('--calls=[{"percent": 5}]', "--calls"),
        ('--calls=[{"call": "GET http://a/", "percent": "5"}]', "--calls"),
        ('--calls=[{"call": "GET http://a/", "percent": 101}]', "percent 0 to 100"),
        ('--calls=[{"call": "GET http://a/", "percent": NaN}]', "percent 0 to 100"),
        ('--calls=[{"call": "GET http://a/", "share": 5}]', "--calls"),
        ("--errors=10", "PERCENT:STATUS"),
        ("--errors=101:503", "PERCENT:STATUS"),
        ("--errors=10:200", "PERCENT:STATUS"),
        ("--delay=-1", "from 0 to 3600"),
        ("--delay=nan", "from 0 to 3600"),
        ("--delay=soon", "--delay"),
        ("--port=x", "--port"),
        ("--port=99999", "cannot listen on 127.0.0.1:99999"),
        ("--host=name.invalid", "cannot listen on name.invalid:0"),
        ("--what", "--what"),
    ],
)
def test_bad_arguments(arg: str, message: str) -> None:
    command = [sys.executable, str(PROGRAM), "--host=127.0.0.1", "--port=0", arg]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr.rpartition("error: ")[2]
    assert "Traceback" not in done.stderr


def test_it_listens_on_all_addresses() -> None:
    with subprocess.Popen(
        [sys.executable, str(PROGRAM), "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        first = process.stdout.readline()
        assert first.startswith("listening on *:")
        port = int(first.rpartition(":")[2])
        addresses = ["127.0.0.1", "::1"] if socket.has_dualstack_ipv6() else ["127.0.0.1"]
        for address in addresses:
            socket.create_connection((address, port), timeout=LIMIT).close()
        process.terminate()
        assert process.wait(LIMIT) == 0


def test_its_text_fits_a_config_map() -> None:
    text = TEXT.decode("ascii")
    assert text.endswith("\n")
    assert "\t" not in text
    assert "\r" not in text
    lines = text.splitlines()
    assert len(lines) <= 150
    assert not [line for line in lines if len(line) > 120 or line != line.rstrip()]
    assert "generated by" not in text.lower()


def test_it_imports_the_standard_library_only() -> None:
    tree = ast.parse(TEXT)
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    assert {"http.server", "http.client"} <= names
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names
