"""A small client of the Language Server Protocol, over a server's standard input and output."""

import json
import queue
import re
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

from tests.conftest import ROOT

PATIENCE = 60.0
"""Seconds until a server that does not answer is given up; a loaded machine needs some for its start."""

SETTINGS = {
    "schemaStore": {"enable": False},
    "kubernetesCRDStore": {"enable": False},
    "validate": True,
    "completion": True,
    "hover": True,
}
"""What an editor asks for, and nothing that would look for a schema in the network."""

_CLASS = 7
"""CompletionItemKind.Class: the server gives it to a skeleton of all required keys."""

_ENDED = "$/ended"
"""No message of the protocol: the server's output came to its end."""

# A place to fill in: $1 or ${1:value}.
_PLACE = re.compile(r"(?<!\\)\$(?:[0-9]+|\{[0-9]+:(?P<value>[^}]*)\})")


SCHEMA = ROOT / "schema.json"
# A modeline, as specs have; the texts below are read with it.
MODELINE = f"# yaml-language-server: $schema={SCHEMA}\n"
ROOT_KEYS = "apiVersion: labspec/v1\nname: lab\nistio: {api: meshConfig}\npropagation: {format: b3}\n"
SERVICE = f"{ROOT_KEYS}services:\n  app:\n"
CURL = f"{SERVICE}    kind: curl\n"
VARIANT = "variants:\n  other:\n"
LAB = """\
apiVersion: labspec/v1
name: lab
istio:
  version: "1.30"
  profile: demo
  api: meshConfig
services:
  frontend:
    kind: curl
    every: 5s
    tracer: {sampled: true, bits: 64}
    calls:
    - to: backend
      method: POST
  backend:
    kind: http-echo
    text: hello
    port: 80
    replicas: 1
propagation:
  format: b3
sampling:
  percent: 100
collector:
  kind: jaeger
logs:
  format: traced
"""


class At(NamedTuple):
    """A position, the ^ in a text, and what is right there."""

    text: str
    offered: set[str]


class Offer(NamedTuple):
    """One completion that the server offers."""

    label: str
    inserts: str
    documentation: str
    taken: str
    """The whole text once it was taken; the first value of each place to fill in stands there."""
    is_skeleton: bool
    """Whether it is the server's own: all required keys at once."""


class Mark(NamedTuple):
    """One diagnostic of the server, at a line counted from 1."""

    line: int
    message: str


class Editor:
    """A running server with one folder open. A context manager: the process ends with it."""

    def __init__(self, program: str, folder: Path, schemas: dict[str, str] | None = None) -> None:
        self._settings = {**SETTINGS, "schemas": schemas or {}}
        self._folder = folder
        self._requests = 0
        self._documents = 0
        self._messages: queue.Queue[dict[str, Any]] = queue.Queue()
        self._process = subprocess.Popen([program, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self._reader = threading.Thread(target=_read, args=(self._process.stdout, self._messages), daemon=True)
        self._reader.start()
        self.version = ""

    def __enter__(self) -> Self:
        try:
            answer = self._ask(
                "initialize",
                {
                    "processId": None,
                    "rootUri": self._folder.as_uri(),
                    "workspaceFolders": [{"uri": self._folder.as_uri(), "name": "lab"}],
                    "capabilities": {
                        "workspace": {"configuration": True, "workspaceFolders": True},
                        "textDocument": {
                            "completion": {"completionItem": {"snippetSupport": True}},
                            "publishDiagnostics": {},
                        },
                    },
                },
            )
            self.version = answer["serverInfo"]["version"]
            self._tell("initialized", {})
            # Before it knows the settings it would use its own, which look into the network.
            self._wait(lambda message: message.get("method") == "workspace/configuration" or None)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._ask("shutdown", None)
                self._tell("exit", None)
                self._process.wait(PATIENCE)
        finally:
            self._end()

    def marks(self, text: str, folder: Path | None = None) -> list[Mark]:
        """What the server finds wrong in `text`, in the order of the lines, as if it were a file in `folder`."""
        uri = self._open(text, folder)
        diagnostics = self._wait(
            lambda message: (
                message["params"]
                if message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == uri
                else None
            )
        )["diagnostics"]
        self._close(uri)
        return sorted(Mark(found["range"]["start"]["line"] + 1, found["message"]) for found in diagnostics)

    def offers(self, text: str) -> list[Offer]:
        """What the server offers at the ^ in `text`, in the order in which an editor shows it."""
        plain, position = _cursor(text)
        uri = self._open(plain)
        answer = self._ask("textDocument/completion", {"textDocument": {"uri": uri}, "position": position})
        self._close(uri)
        items = answer["items"] if isinstance(answer, dict) else answer or []
        items.sort(key=lambda item: item.get("sortText") or item["label"])
        return [
            Offer(
                label=item["label"],
                inserts=_inserted(item),
                documentation=_plain(item.get("documentation")),
                taken=_taken(plain, item),
                is_skeleton=item.get("kind") == _CLASS,
            )
            for item in items
        ]

    def hover(self, text: str) -> str:
        """What the server says of the word at the ^ in `text`."""
        plain, position = _cursor(text)
        uri = self._open(plain)
        answer = self._ask("textDocument/hover", {"textDocument": {"uri": uri}, "position": position})
        self._close(uri)
        return _plain(answer["contents"]) if answer else ""

    def _open(self, text: str, folder: Path | None = None) -> str:
        # A new name each time: after a close the server still sends an empty list for the old one.
        self._documents += 1
        uri = ((folder or self._folder) / f"lab-{self._documents}.yaml").as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self._tell("textDocument/didOpen", {"textDocument": document})
        return uri

    def _close(self, uri: str) -> None:
        self._tell("textDocument/didClose", {"textDocument": {"uri": uri}})

    def _tell(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def _ask(self, method: str, params: Any) -> Any:
        self._requests += 1
        number = self._requests
        self._send({"id": number, "method": method, "params": params})
        answer = self._wait(lambda message: message if "method" not in message and message["id"] == number else None)
        assert "error" not in answer, answer
        return answer["result"]

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _wait(self, wanted: Callable[[dict[str, Any]], Any]) -> Any:
        """The first message that `wanted` makes something of; answers what the server asks meanwhile."""
        until = time.monotonic() + PATIENCE
        while (left := until - time.monotonic()) > 0:
            try:
                message = self._messages.get(timeout=left)
            except queue.Empty:
                break
            assert message.get("method") != _ENDED, "the language server ended"
            if "method" in message and "id" in message:
                self._answer(message)
            if (found := wanted(message)) is not None:
                return found
        raise TimeoutError(f"the language server said nothing for {PATIENCE:g} s")

    def _answer(self, message: dict[str, Any]) -> None:
        result: Any = None
        if message["method"] == "workspace/configuration":
            result = [self._settings if item.get("section") == "yaml" else None for item in message["params"]["items"]]
        self._send({"id": message["id"], "result": result})

    def _end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join(PATIENCE)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                # What a dead server did not read cannot be flushed.
                with suppress(BrokenPipeError):
                    pipe.close()


def offered(offers: list[Offer]) -> list[str]:
    return sorted(offer.label for offer in offers if not offer.is_skeleton)


def _read(stream: IO[bytes], messages: "queue.Queue[dict[str, Any]]") -> None:
    while True:
        length = 0
        while (line := stream.readline().strip()) and b":" in line:
            key, value = line.split(b":", 1)
            if key.lower() == b"content-length":
                length = int(value)
        if not length:
            messages.put({"method": _ENDED})
            return
        messages.put(json.loads(stream.read(length)))


def _cursor(text: str) -> tuple[str, dict[str, int]]:
    before, mark, after = text.partition("^")
    assert mark, text
    lines = before.split("\n")
    return before + after, {"line": len(lines) - 1, "character": len(lines[-1])}


def _plain(documentation: Any) -> str:
    return documentation["value"] if isinstance(documentation, dict) else documentation or ""


def _inserted(item: dict[str, Any]) -> str:
    edit = item.get("textEdit")
    return str(edit["newText"] if edit else item.get("insertText", item["label"]))


def _taken(text: str, item: dict[str, Any]) -> str:
    span = item["textEdit"]["range"]
    lines = text.split("\n")
    first, last = lines[span["start"]["line"]], lines[span["end"]["line"]]
    before, after = first[: span["start"]["character"]], last[span["end"]["character"] :]
    # An editor indents the further lines as the first one.
    indent = before[: len(before) - len(before.lstrip())]
    filled = _PLACE.sub(lambda place: place["value"] or "", _inserted(item)).replace("\n", f"\n{indent}")
    changed = re.sub(r"\\([$}\\])", r"\1", before + filled + after)
    return "\n".join([*lines[: span["start"]["line"]], changed, *lines[span["end"]["line"] + 1 :]])
