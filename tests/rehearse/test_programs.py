"""The programs of the apps: how they find the Services that they call, and how they end."""

import http.client
import json
import signal
import socket
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from labspec.rehearse import _programs

SAYS = """
import socket, sys
print(__name__, sys.argv, flush=True)
try:
    socket.create_connection(("backend", 80))
except OSError as error:
    sys.exit(str(error))
"""
WAITS = "import sys, time\nprint(sys.argv[1], flush=True)\ntime.sleep(60)\n"


def test_names_of_services_lead_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(f"{self.headers['Host']}{self.path}")
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    monkeypatch.setattr(socket, "create_connection", socket.create_connection)
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        _programs.redirect({"backend:80": ("127.0.0.1", server.server_port)})
        connection = http.client.HTTPConnection("backend", timeout=5)
        connection.request("GET", "/x")
        assert connection.getresponse().status == 204
        connection.close()
        thread.join()
    assert seen == ["backend/x"]


@pytest.mark.parametrize("address", [("frontend", 80), ("backend", 81), ("localhost", 80), ("127.0.0.1", 80)])
def test_other_names_are_not_known(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "create_connection", socket.create_connection)
    _programs.redirect({"backend:80": ("127.0.0.1", 1)})
    with pytest.raises(socket.gaierror, match=f"{address[0]}:{address[1]} is no Service of the lab"):
        socket.create_connection(address)


def start(folder: Path, **programs: str) -> "subprocess.Popen[str]":
    """Runs them as a rehearsal does; each is told its own name."""
    for name, text in programs.items():
        (folder / f"{name}.py").write_text(text)
    told = [{"name": name, "file": str(folder / f"{name}.py"), "arguments": [name], "routes": {}} for name in programs]
    (folder / "programs.json").write_text(json.dumps(told))
    command = [sys.executable, "-I", _programs.__file__, str(folder / "programs.json")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_program_is_the_main_module_and_its_end_is_told(tmp_path: Path) -> None:
    out, err = start(tmp_path, a=SAYS).communicate(timeout=10)
    assert out == "__main__ ['a.py', 'a']\n"
    assert err.splitlines()[-1] == "the program of a ended with status 1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise SystemExit(3)", ["the program of a ended with status 3"]),
        ("", ["the program of a ended with status 0"]),
        ("1 / 0", ["a: ZeroDivisionError('division by zero')", "the program of a ended with status 1"]),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", ["the program of a ended with status -9"]),
    ],
)
def test_the_first_end_is_the_end_of_all(text: str, said: list[str], tmp_path: Path) -> None:
    process = start(tmp_path, b=WAITS, a=f"import time\ntime.sleep(0.05)\n{text}\n")
    out, err = process.communicate(timeout=10)
    # The pipe's end comes when the last program has let go of it.
    assert (out, err.splitlines(), process.returncode) == ("b\n", said, 1)


def test_all_end_when_they_are_asked_to(tmp_path: Path) -> None:
    process = start(tmp_path, a=WAITS, b=WAITS)
    assert process.stdout is not None
    assert {process.stdout.readline() for _ in "ab"} == {"a\n", "b\n"}
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 0
