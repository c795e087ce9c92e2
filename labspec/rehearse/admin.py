"""What a running Envoy says of itself through its admin interface: https://www.envoyproxy.io/docs/envoy/latest/operations/admin."""

import json
from typing import NamedTuple

import aiohttp

from labspec.rehearse.places import Place

_FILTER = r"(tracing\.(zipkin|opentelemetry)\..*|^http\.(in|out)bound_.*downstream_rq_(total|active))"


class Counts(NamedTuple):
    """How far a sidecar is."""

    requests: int
    """Requests that came to it."""
    active: int
    """Of these, those that are not over."""
    spans_sent: int
    reports_dropped: int
    """Reports to the collector that were lost."""


async def is_ready(session: aiohttp.ClientSession, place: Place) -> bool:
    """Whether it takes requests."""
    try:
        async with session.get(f"http://{place.text}/ready") as answer:
            await answer.read()
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False


async def counts(session: aiohttp.ClientSession, place: Place) -> Counts | None:
    """Its counters; None where it does not answer."""
    try:
        async with session.get(f"http://{place.text}/stats", params={"filter": _FILTER, "format": "json"}) as answer:
            found = json.loads(await answer.read())
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return None
    totals = {"rq_total": 0, "rq_active": 0, "spans_sent": 0, "dropped": 0}
    for stat in found["stats"]:
        name, value = stat.get("name", ""), stat.get("value", 0)
        for end in totals:
            if name.endswith(end):
                totals[end] += value
    return Counts(*totals.values())
