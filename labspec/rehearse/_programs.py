"""Runs the programs of containers, such as the relay's: one file of Python each, as the process's main module.

What DNS and the sidecar's iptables do in a cluster is done here: a connection to `backend:80` goes to the address that stands for it.
Started as a program of its own, with the name of a JSON file: [{"name", "file", "arguments", "routes": {"HOST:PORT": [HOST, PORT]}}].
The processes are forked from this one, which has imported what they need: fifty start in no time and share their memory.
"""

import argparse
import gc
import http.client
import json
import os
import random
import signal
import socket
import sys
from concurrent.futures import thread
from http import server
from pathlib import Path
from types import CodeType
from typing import Any

WARM = (argparse, http.client, random, server, thread)
"""Imported before the first fork."""


def main(config: str) -> int:
    """Starts all programs and waits; ends, with 1, when the first of them does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    children: dict[int, str] = {}
    programs = json.loads(Path(config).read_text(encoding="utf-8"))
    codes = {
        file: compile(Path(file).read_bytes(), Path(file).name, "exec") for file in {each["file"] for each in programs}
    }
    # A collection would touch, and so copy, what the processes share.
    gc.disable()
    gc.freeze()
    try:
        for program in programs:
            child = os.fork()
            if not child:
                run(program, codes[program["file"]])
            children[child] = program["name"]
        child, status = os.wait()
        name = children.pop(child)
        sys.stderr.write(f"the program of {name} ended with status {os.waitstatus_to_exitcode(status)}\n")
        return 1
    finally:
        for child in children:
            os.kill(child, signal.SIGTERM)


def run(program: dict[str, Any], code: CodeType) -> None:
    """Becomes one program; never returns."""
    status = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        redirect({name: (host, port) for name, (host, port) in program["routes"].items()})
        name = Path(program["file"]).name
        sys.argv = [name, *program["arguments"]]
        exec(code, {"__name__": "__main__", "__file__": name})  # noqa: S102  # that is what it is for
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException as error:  # noqa: BLE001  # whatever ends it is told
        sys.stderr.write(f"{program['name']}: {error!r}\n")
    finally:
        sys.stderr.flush()
        os._exit(status)


def redirect(routes: dict[str, tuple[str, int]]) -> None:
    """From here on connections to the names of Services go where `routes` says; other names are not known."""
    connect = socket.create_connection

    def redirected(address: tuple[str, int], *arguments: Any, **options: Any) -> socket.socket:  # noqa: ANN401  # as the original
        host, port = address
        target = routes.get(f"{host}:{port}")
        if target is None:
            raise socket.gaierror(socket.EAI_NONAME, f"{host}:{port} is no Service of the lab")
        return connect(target, *arguments, **options)

    socket.create_connection = redirected  # type: ignore[assignment]  # the same parameters


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
