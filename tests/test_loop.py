"""The frontend's own loop, run by a local shell with a local curl against a local server."""

import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import yaml

from labspec.compile import bundle
from tests.conftest import ROOT, plan_of

HEAD = "apiVersion: labspec/v1\nname: lab\nistio: {api: meshConfig}\npropagation: {format: b3}\n"


class Server(ThreadingHTTPServer):
    """Notes every request."""

    daemon_threads = True
    seen: list[tuple[str, str, dict[str, str]]]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.seen.append(
            (self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
        )
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_POST = do_GET  # noqa: N815  # the names that http.server calls

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  # its own name
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server(("127.0.0.1", 0), Handler)
    found.seen = []
    thread = threading.Thread(target=found.serve_forever)
    thread.start()
    yield found
    found.shutdown()
    thread.join()
    found.server_close()


def container(spec: str, service: str) -> dict[str, Any]:
    file = bundle(plan_of(spec))[f"base/{service}.yaml"]
    deployment = next(body for body in yaml.safe_load_all(file.text) if body["kind"] == "Deployment")
    found: dict[str, Any] = deployment["spec"]["template"]["spec"]["containers"][0]
    return found


def run_loop(script: str, host: str, server: Server, requests: int) -> str:
    """Runs the loop until the server has seen that many requests; gives its output. Kubernetes' expansion is done first."""
    assert host in script
    script = script.replace("$$", "$").replace(host, f"http://127.0.0.1:{server.server_port}")
    shell = shutil.which("sh")
    assert shell
    loop = subprocess.Popen([shell, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    end = time.monotonic() + 20
    while len(server.seen) < requests and time.monotonic() < end:
        time.sleep(0.05)
    loop.terminate()
    output, _ = loop.communicate(timeout=10)
    assert loop.returncode == 0, output
    return output


def test_origin_loop(server: Server) -> None:
    origin = (ROOT / "specs" / "istio-jaeger.yaml").read_text()
    command = container(origin, "frontend")
    assert command["command"] == ["/bin/sh", "-c"]
    script = command["args"][0]
    assert "sleep 5 " in script
    assert "--max-time 5" in script
    output = run_loop(script.replace("sleep 5 ", "sleep 0.1 "), "http://backend", server, 3)
    traces, spans = set(), set()
    for method, path, headers in server.seen:
        assert (method, path) == ("GET", "/")
        assert re.fullmatch("[0-9a-f]{16}", headers["x-b3-traceid"])
        assert re.fullmatch("[0-9a-f]{16}", headers["x-b3-spanid"])
        assert headers["x-b3-sampled"] == "1"
        assert not {"b3", "traceparent", "x-b3-parentspanid"} & set(headers)
        traces.add(headers["x-b3-traceid"])
        spans.add(headers["x-b3-spanid"])
    assert len(traces) == len(spans) == len(server.seen) >= 3
    shown = [
        f"GET http://127.0.0.1:{server.server_port}/ 200 traceID={headers['x-b3-traceid']} spanID={headers['x-b3-spanid']}"
        for _, _, headers in server.seen
    ]
    assert output.splitlines()[: len(shown) - 1] == shown[: len(output.splitlines())][: len(shown) - 1]


HEX16, HEX32 = "[0-9a-f]{16}", "[0-9a-f]{32}"


@pytest.mark.parametrize(
    ("tracer", "headers"),
    [
        ("", {}),
        (", tracer: {format: b3-single}", {"b3": f"{HEX32}-{HEX16}-1"}),
        (", tracer: {format: b3-single, sampled: false, bits: 64}", {"b3": f"{HEX16}-{HEX16}-0"}),
        (", tracer: {format: b3-single, sampled: debug}", {"b3": f"{HEX32}-{HEX16}-d"}),
        (", tracer: {format: b3-single, sampled: defer}", {"b3": f"{HEX32}-{HEX16}"}),
        (", tracer: {format: jaeger}", {"uber-trace-id": f"{HEX32}:{HEX16}:0:1"}),
        (", tracer: {format: jaeger, sampled: false, bits: 64}", {"uber-trace-id": f"{HEX16}:{HEX16}:0:0"}),
        (", tracer: {format: jaeger, sampled: debug}", {"uber-trace-id": f"{HEX32}:{HEX16}:0:3"}),
        (", tracer: {format: w3c}", {"traceparent": f"00-{HEX32}-{HEX16}-01"}),
        (", tracer: {}", {"x-b3-traceid": "[0-9a-f]{32}", "x-b3-spanid": "[0-9a-f]{16}", "x-b3-sampled": "1"}),
        (
            ", tracer: {sampled: false, bits: 64}",
            {"x-b3-traceid": "[0-9a-f]{16}", "x-b3-spanid": "[0-9a-f]{16}", "x-b3-sampled": "0"},
        ),
    ],
)
def test_trace_headers(tracer: str, headers: dict[str, str], server: Server) -> None:
    spec = f"{HEAD}services:\n  a: {{kind: curl, calls: [b], every: 100ms{tracer}}}\n  b: {{kind: http-echo}}\n"
    run_loop(container(spec, "a")["args"][0], "http://b", server, 2)
    for _, _, sent in server.seen:
        found = {name: value for name, value in sent.items() if name not in {"host", "user-agent", "accept"}}
        assert found.keys() == headers.keys()
        assert all(re.fullmatch(pattern, found[name]) for name, pattern in headers.items())


def test_each_call_with_its_method_and_path_byte_for_byte(server: Server) -> None:
    path = "/'$(id)'?a=%25&b=$HOME;~$$(KUBERNETES_PORT)*!"
    calls = f'[{{to: b, path: "{path}", method: POST}}, {{to: b, method: HEAD}}]'
    spec = f"{HEAD}services:\n  a: {{kind: curl, calls: {calls}, every: 100ms}}\n  b: {{kind: http-echo}}\n"
    output = run_loop(container(spec, "a")["args"][0], "http://b", server, 2)
    assert [(method, where) for method, where, _ in server.seen[:2]] == [("POST", path), ("HEAD", "/")]
    assert output.splitlines()[0] == f"POST http://127.0.0.1:{server.server_port}{path} 200"


def test_a_callee_that_does_not_answer_does_not_end_the_loop() -> None:
    spec = f"{HEAD}services:\n  a: {{kind: curl, calls: [b], every: 100ms}}\n  b: {{kind: http-echo}}\n"
    script = container(spec, "a")["args"][0].replace("http://b", "http://127.0.0.1:9")
    loop = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert loop.stdout is not None
    assert [loop.stdout.readline() for _ in range(2)] == ["GET http://127.0.0.1:9/ 000\n"] * 2
    loop.terminate()
    loop.communicate(timeout=10)


def test_a_manual_client_sends_nothing_of_its_own(server: Server) -> None:
    spec = f"{HEAD}services:\n  a: {{kind: curl, calls: [b], every: manual}}\n  b: {{kind: http-echo}}\n"
    script = container(spec, "a")["args"][0]
    assert "curl -" not in script
    loop = subprocess.Popen(["sh", "-c", script])
    time.sleep(0.3)
    assert loop.poll() is None
    loop.terminate()
    assert loop.wait(timeout=10) == 0
    assert server.seen == []
