"""The logs that the sidecars wrote, as passages: the lab's own lines beside what the second access log tells."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from labspec.logreading import LogLine, read_lines
from labspec.mesh import Proxy
from labspec.observe.values import Passage
from labspec.plan import Plan


class IncompleteError(Exception):
    """A log has not yet, or will never have, a line for each request."""


def passages(plan: Plan, folder: Path, requests: Mapping[str, int]) -> tuple[tuple[Passage, ...], dict[str, int]]:
    """What passed each sidecar that is in `requests`, and how many lines its format did not write.

    `requests` says how many requests each one counted; raises IncompleteError where a log does not tell of as many.
    """
    found: list[Passage] = []
    skipped: dict[str, int] = {}
    for proxy in plan.mesh.proxies:
        if proxy.service not in requests:
            continue
        text = _text(folder / f"{proxy.service}.seen")
        counted, written = requests[proxy.service], text.count("\n")
        if written != counted:
            raise IncompleteError(f"the sidecar of {proxy.service} took {counted} requests, and its log has {written}")
        told = [json.loads(line) for line in text.split("\n")[:counted]]
        lines, skipped[proxy.service] = _lines(proxy, folder, len(told))
        found += (_passage(proxy.service, one, line) for one, line in zip(told, lines, strict=True))
    return tuple(found), skipped


def _lines(proxy: Proxy, folder: Path, count: int) -> tuple[list[LogLine | None], int]:
    """The lines of the lab's log: in each Envoy both logs have the same order, one line for a request each."""
    log = proxy.log.value
    if not log.encoding:
        return [None] * count, 0
    text = _text(folder / f"{proxy.service}.out")
    # A line that is being written is no line yet.
    read = read_lines(log, text[: text.rfind("\n") + 1])
    if not read.skipped and len(read.lines) < count:
        raise IncompleteError(
            f"the sidecar of {proxy.service} took {count} requests, and its access log has {len(read.lines)}"
        )
    # Where some lines are not of the format, nobody knows which request a line is of.
    return (list(read.lines) if len(read.lines) == count else [None] * count), len(read.skipped)


def _passage(service: str, told: Mapping[str, Any], line: LogLine | None) -> Passage:
    return Passage(
        service=service,
        direction=told["direction"],
        way=told["way"] or "",
        method=told["method"] or "",
        path=told["path"] or "",
        authority=told["authority"] or "",
        status=int(told["status"] or 0),
        flags=told["flags"] or "-",
        details=told["details"] or "-",
        headers=dict(_there(told["headers"])),
        started=float(told["started"]),
        duration=(told["duration"] or 0) / 1000,
        line=line,
    )


def _there(headers: Mapping[str, str | None]) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in headers.items() if value is not None)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
