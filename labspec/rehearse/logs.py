"""The logs that the sidecars wrote, as passages: the lab's own lines beside what the second access log tells."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from labspec.logreading import LogLine, read_lines
from labspec.mesh import Proxy
from labspec.observe.values import Passage
from labspec.plan import Plan
from labspec.rehearse.errors import RehearsalError


def passages(plan: Plan, folder: Path, requests: Mapping[str, int]) -> tuple[tuple[Passage, ...], dict[str, int]]:
    """What passed each sidecar that is in `requests`, and how many lines its format did not write.

    `requests` says how many requests each one counted; raises RehearsalError where its log does not tell of as many.
    """
    found: list[Passage] = []
    skipped: dict[str, int] = {}
    for proxy in plan.mesh.proxies:
        if proxy.service not in requests:
            continue
        told = [json.loads(line) for line in _text(folder / f"{proxy.service}.seen").splitlines() if line]
        if len(told) != requests[proxy.service]:
            raise RehearsalError(
                f"the sidecar of {proxy.service} took {requests[proxy.service]} requests and its log has {len(told)}: no verdict",
                f"is {folder} full?",
            )
        lines, skipped[proxy.service] = _lines(proxy, folder, len(told))
        found += (_passage(proxy.service, one, line) for one, line in zip(told, lines, strict=True))
    return tuple(found), skipped


def _lines(proxy: Proxy, folder: Path, count: int) -> tuple[list[LogLine | None], int]:
    """The lines of the lab's log: in each Envoy both logs have the same order, one line for a request each."""
    read = read_lines(proxy.log.value, _text(folder / f"{proxy.service}.out"))
    if not proxy.log.value.encoding or len(read.lines) != count:
        return [None] * count, len(read.skipped)
    return list(read.lines), len(read.skipped)


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
