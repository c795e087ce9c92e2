"""A Prediction as JSON. Keys are added and never change their meaning; an absent value is null.

`lab`, `variant` (`base` for the lab itself), `istioVersion`, `format` (what the sidecars speak), and `requests`, each with
`client`, `method`, `url`;
`assumed` (`forwards`, `drops` or null: what the services in `unknown` are taken to do with headers), `unknown`;
`traces`: what a collector gets: `traceId`, `spans` (span ids in order), `orphans` (those whose parent nobody reports), `share`
(percent of the requests), `decider` (the span id whose maker decides on sampling);
`hops`, in the order in which they are sent: `caller`, `callee`, `path` (in the spec), `above` (index of the hop that causes it),
`method`, `url`, `branch` (percent of the requests), `statuses`, `headers` (`sent` by the app, `carried` out of its pod, `received`),
`spans`, `lines`;
a span has `service`, `name`, `maker` (`sidecar` or `app`), `kind`, `peer`, `operation`, `traceId`, `spanId`, `parentId`,
`sampled` (percent, if its branch is called), `share` (percent of the requests in which it is reported), `branch`, `decides`,
`reported`, `statuses`, `tags`;
a line has `service`, `direction`, `text`, `notes` (`operator`, `kind`: `empty` or `misleading`, `reason`);
`breaks`: `service`, `hop` (index of the first in the other trace), `reason` (`dropped`, `incomplete`, `foreign`, `unknown`),
`detail`, `before`, `after` (trace ids).

Ids, times and addresses are examples: in each request they fit together.
"""

import json
from typing import Any

from labspec.finding import dotted
from labspec.plan import Plan
from labspec.predict.values import Hop, Line, Request, Span


def as_json(plan: Plan) -> str:
    """The prediction of one form of a lab, one object."""
    value = {
        "lab": plan.name,
        "variant": plan.variant,
        "istioVersion": plan.istio_version,
        "format": plan.propagation.name,
        "requests": [_request(request) for request in plan.prediction.requests],
    }
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _request(request: Request) -> dict[str, Any]:
    first = request.hops[0]
    return {
        "client": request.client,
        "method": first.method,
        "url": first.url,
        "assumed": request.assumed or None,
        "unknown": list(request.unknown),
        "traces": [_trace(request, trace_id, spans) for trace_id, spans in request.traces.items()],
        "hops": [_hop(hop) for hop in request.hops],
        "breaks": [found._asdict() for found in request.breaks],
    }


def _trace(request: Request, trace_id: str, spans: tuple[Span, ...]) -> dict[str, Any]:
    decider = request.decider(trace_id)
    return {
        "traceId": trace_id,
        "spans": [span.span_id for span in spans],
        "orphans": [span.span_id for span in request.orphans(trace_id)],
        "share": _number(max(span.share for span in spans)),
        "decider": decider.span_id if decider else None,
    }


def _hop(hop: Hop) -> dict[str, Any]:
    return {
        "caller": hop.caller,
        "callee": hop.callee,
        "path": dotted(hop.path),
        "above": hop.above,
        "method": hop.method,
        "url": hop.url,
        "branch": _number(hop.branch),
        "statuses": list(hop.statuses),
        "headers": {"sent": dict(hop.sent), "carried": dict(hop.carried), "received": dict(hop.received)},
        "spans": [_span(span) for span in hop.spans],
        "lines": [_line(line) for line in hop.lines],
    }


def _span(span: Span) -> dict[str, Any]:
    return {
        "service": span.service,
        "name": span.name,
        "maker": span.maker,
        "kind": span.kind,
        "peer": span.peer,
        "operation": span.operation or None,
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "parentId": span.parent_id or None,
        "sampled": _number(span.chance.percent),
        "share": _number(span.share),
        "branch": _number(span.branch),
        "decides": span.decides,
        "reported": span.reported,
        "statuses": list(span.statuses),
        "tags": dict(span.tags),
    }


def _line(line: Line) -> dict[str, Any]:
    return {**line._asdict(), "notes": [note._asdict() for note in line.notes]}


def _number(percent: float) -> float:
    """Without the noise of a product: 0.01 percent is the smallest step of each factor."""
    return round(float(percent), 9)
