"""Generated scripts run against stubs: programs that log how they are called and answer from a table."""

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import pytest

from labspec.compile import bundle
from tests.conftest import ROOT, plan_of

ORIGIN = ROOT / "specs" / "istio-jaeger.yaml"


class Run(NamedTuple):
    """What a script did."""

    code: int
    out: str
    err: str


class Stub:
    """A program that logs its arguments, one call a line, and answers the first rule that fits; without one, nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._log = path.with_suffix(".log")
        self._log.touch()
        self._rules: list[str] = []
        self._write()

    def answer(
        self,
        words: str,
        out: str = "",
        *,
        err: str = "",
        code: int = 0,
        after: str = "",
        before: str = "",
        stays: bool = False,
    ) -> None:
        """Calls that hold `words` get this from now on; `after`, `before`: only once, or until, a call held those words.

        `stays`: until somebody ends it.
        """
        log = shlex.quote(str(self._log))
        conditions = [f'[[ "$*" == *{shlex.quote(words)}* ]]']
        conditions += [f"grep -qF -- {shlex.quote(after)} {log}"] if after else []
        conditions += [f"! grep -qF -- {shlex.quote(before)} {log}"] if before else []
        reply = f"printf %s {shlex.quote(out)}; printf %s {shlex.quote(err)} >&2; exit {code}"
        if stays:
            reply = f"printf '%s\\n' \"$*\" >>{log}; printf %s {shlex.quote(out)}; exec sleep 20"
        self._rules.insert(0, f"if {' && '.join(conditions)}; then {reply}; fi\n")
        self._write()

    @property
    def calls(self) -> list[str]:
        """How it was called so far."""
        return self._log.read_text().splitlines()

    def called(self, *words: str) -> list[str]:
        """Its calls that hold all of these words."""
        return [call for call in self.calls if all(word in call for word in words)]

    def _write(self) -> None:
        log = shlex.quote(str(self._log))
        # A call counts for the calls after it.
        head = "#!/usr/bin/env bash\nnewline=$'\\n'\n"
        trap = f'trap \'printf "%s\\n" "${{*//$newline/ }}" >>{log}\' EXIT\n'
        self.path.write_text(head + trap + "".join(self._rules))
        self.path.chmod(0o755)


class FakeCollector:
    """A collector's API on a port of this machine: lists services, has traces, and shows a page for everything else."""

    def __init__(self) -> None:
        self.services: list[str] = []
        self.traces: list[str] = []
        self.asked: list[str] = []
        self.broken = False
        self.late = 0
        """So many times a trace is not there yet."""
        self.late_services = 0
        """So many times no service is there yet."""
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kind, body = collector.answer(self.path)
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *values: object) -> None:  # noqa: A002  # the name in the base class
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]

    def answer(self, path: str) -> tuple[str, bytes]:
        """Content type and body."""
        self.asked.append(path)
        root, _, trace = path.partition("/jaeger/api/traces/")
        found: object = None
        if path == "/jaeger/api/services" and not self.broken:
            self.late_services -= 1
            found = {"data": self.services if self.late_services < 0 else None}
        elif trace and not root:
            self.late -= 1
            known = {other.lstrip("0") for other in self.traces} if self.late < 0 else set()
            name = trace.lstrip("0")
            found = (
                {"data": [{"traceID": name.zfill(16)}]} if name in known else {"data": None, "errors": [{"code": 404}]}
            )
        return (
            ("application/json", json.dumps(found, separators=(",", ":")).encode())
            if found
            else ("text/html", b"<!doctype html>")
        )


class LabTree:
    """A generated tree, with stubs for kubectl and istioctl."""

    def __init__(self, spec: Path | str, folder: Path) -> None:
        self.out = folder / "out"
        for file in bundle(plan_of(spec)):
            path = self.out / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.text)
            path.chmod(0o755 if file.executable else 0o644)
        self.kubectl = Stub(folder / "kubectl")
        self.istioctl = Stub(folder / "istioctl")
        self.istioctl.answer("version", "client version: 1.30.3\n")

    def forwards(self, collector: FakeCollector) -> None:
        """kubectl port-forward leads to this collector from now on."""
        self.kubectl.answer("port-forward", f"Forwarding from 127.0.0.1:{collector.port} -> 16686\n", stays=True)

    def run(self, script: str, *arguments: str, **environment: str) -> Run:
        """Runs scripts/`script`.sh to its end; nothing waits unless LABSPEC_WAIT says so."""
        settings = {"PATH": os.environ["PATH"], "HOME": str(self.out), "LABSPEC_WAIT": "0", "LABSPEC_POLL": "0"}
        tools = {"KUBECTL": str(self.kubectl.path), "ISTIOCTL": str(self.istioctl.path)}
        command = ["bash", str(self.out / "scripts" / f"{script}.sh"), *arguments]
        done = subprocess.run(
            command,
            env={**settings, **tools, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
            stdin=subprocess.DEVNULL,
        )
        return Run(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def collector() -> Iterator[FakeCollector]:
    """A collector that answers."""
    found = FakeCollector()
    thread = Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


@pytest.fixture
def lab(tmp_path: Path) -> LabTree:
    """The origin lab's tree."""
    return LabTree(ORIGIN, tmp_path)
