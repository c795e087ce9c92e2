"""A relay: an HTTP server that answers each request after it has sent requests of its own, its calls.

It copies the request headers that --forward names to each call, and no others; it starts no trace of its own.
"""

import argparse
import json
import os
import random
import re
import signal
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from fnmatch import fnmatchcase
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

DICE = random.SystemRandom()
ERRORS = re.compile(r"(\d{1,2}(?:\.\d+)?|100):([45]\d\d)", re.ASCII)
CALL = re.compile(r"[A-Z]+ http://([\w.-]+|\[[\w:.]+\])(:\d{1,5})?(/[!\"$-~]*)?", re.ASCII)
NOT_FORWARDED = {"connection", "content-length", "expect", "host", "keep-alive", "te", "transfer-encoding", "upgrade"}


class Call(NamedTuple):
    """A request that is sent for a share of the requests that come in."""

    call: str  # "GET http://b:8080/path"
    percent: float = 100


def send(call: Call, headers: list[tuple[str, str]]) -> str:
    """Send a call; gives it with the status of its answer, 000 if there is none: "GET http://b:8080/path 200"."""
    method, url = call.call.split()
    host, _, path = url.removeprefix("http://").partition("/")
    with closing(HTTPConnection(host, timeout=5)) as connection, suppress(OSError, HTTPException, ValueError):
        connection.putrequest(method, f"/{path}", skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if method in {"POST", "PUT", "PATCH"}:
            connection.putheader("Content-Length", "0")
        connection.endheaders()
        answer = connection.getresponse()
        answer.read()
        return f"{call.call} {answer.status}"
    return f"{call.call} 000"


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    options: argparse.Namespace
    protocol_version = "HTTP/1.1"  # keep-alive
    wbufsize = -1  # buffered: an answer leaves in one piece,
    disable_nagle_algorithm = True  # and at once

    def answer(self) -> None:
        """Answer a request, the readiness probe's without any work."""
        self.drop_body()
        status, lines = (200, []) if (self.command, self.path) == ("GET", "/healthz") else self.relay()
        body = "".join(f"{line}\n" for line in lines or ["ok"]).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815  # http.server's

    def relay(self) -> tuple[int, list[str]]:
        """Make the calls and write the log line; gives the answer's status, and a line for each call."""
        time.sleep(self.options.delay)
        headers = [(name, value) for name, value in self.headers.items() if self.is_forwarded(name.lower())]
        lines: list[str] = []
        for step in self.options.calls:
            made = [call for call in step if DICE.random() * 100 < call.percent]
            with ThreadPoolExecutor(len(made) or 1) as pool:  # the calls of a step: at the same time
                lines += pool.map(send, made, [headers] * len(made))
        failed = any(line[-3] in "05" for line in lines)
        percent, error = self.options.errors.groups()
        answer = int(error) if DICE.random() * 100 < float(percent) else 502 if failed else 200
        sys.stdout.write(f"{self.command} {self.path} {answer}{' -> ' if lines else ''}{', '.join(lines)}\n")
        sys.stdout.flush()
        return answer, lines

    def is_forwarded(self, name: str) -> bool:
        """Whether --forward names a header; those that tell of one connection or one body are never copied."""
        return name not in NOT_FORWARDED and any(fnmatchcase(name, pattern) for pattern in self.options.forward)

    def drop_body(self) -> None:
        """Read the request's body: the connection's next request comes after it."""
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            return
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            self.rfile.read(size + 2)
        while self.rfile.readline().strip():
            pass

    def log_message(self, *_: object) -> None:
        """Leave the log to `relay`."""


class Server(ThreadingHTTPServer):
    """Listens, and starts a thread for each connection."""

    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Say nothing of a client that went away; one line of anything else."""
        if not isinstance(error := sys.exception(), OSError):
            sys.stderr.write(f"{error!r}\n")


def calls(text: str) -> list[list[Call]]:
    """Parse --calls."""
    steps = [step if isinstance(step, list) else [step] for step in list.copy(json.loads(text))]
    parsed = [[Call(**item) if isinstance(item, dict) else Call(item) for item in step] for step in steps]
    for call in (call for step in parsed for call in step):
        if not (CALL.fullmatch(call.call) and 0 <= call.percent <= 100):
            raise argparse.ArgumentTypeError(f"{call.call!r}: want METHOD http://HOST/PATH, percent 0 to 100")
    return parsed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="", help="address to listen on (default: all)")
    parser.add_argument("--port", default=8080, type=int)
    parser.add_argument("--forward", default=[], type=lambda text: re.findall(r"[^\s,]+", text.lower()))
    parser.add_argument("--delay", default=0, type=float, help="seconds before the calls")
    parser.add_argument("--errors", default="0:500", metavar="PERCENT:STATUS", help="such as 10:503")
    parser.add_argument("--calls", default="[]", type=calls, help="JSON list of steps: a call, or a list of calls")
    options = Handler.options = parser.parse_args()
    options.errors = ERRORS.fullmatch(options.errors) or parser.error("--errors is PERCENT:STATUS, such as 10:503")
    if not 0 <= options.delay <= 3600:
        parser.error("--delay is from 0 to 3600 seconds")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    if ":" in options.host or (not options.host and socket.has_dualstack_ipv6()):
        Server.address_family = socket.AF_INET6
    try:
        server = Server((options.host, options.port), Handler)
    except (OSError, OverflowError) as error:
        parser.error(f"cannot listen on {options.host}:{options.port}: {error}")
    sys.stdout.write(f"listening on {options.host or '*'}:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
