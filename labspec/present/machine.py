"""A Report as JSON. Keys are added and never change their meaning; an absent value is null.

`lab`, `variant` (`base` for the lab itself), `istioVersion`, `format`, `facts`, `remarks`, `notCovered`, `addresses` (an address of
this machine -> what it stands for), `passed`, `verdicts` (on what belongs to no request), `skippedLines` (by service), and `requests`,
each with `client`, `method`, `url`, `assumed`, `sent` (how often), `passed`, `verdicts` (`check`, `passed`, `told`, `details`),
`shares` (`what`, `seen`, `of`, `percent`, `low`, `high`, `predicted`, `enough`), `breaks` (`service`, `reason`, `detail`, `seen`, `of`),
and `example`, one of these requests: `number`, `status`, `traces` (`traceId`, `duration`, `spans`), `lines` (`service`, `direction`,
`text`, `fields`: operator and value; in a JSON format also `key`);
a span has `service`, `name`, `kind`, `operation`, `maker` (`sidecar` or `app`), `traceId`, `spanId`, `parentId`, `start`, `duration`,
`tags`, `protocol`. Times are seconds; `start` is since the beginning of the trace.
"""

import json
from typing import Any

from labspec.observe.judging import Judged, Report, Verdict
from labspec.present._waterfall import Row, Trace, logged, traces_of
from labspec.present.about import About


def as_json(report: Report, about: About) -> str:
    """The report, one object."""
    plan = report.plan
    value = {
        "lab": plan.name,
        "variant": plan.variant,
        "istioVersion": plan.istio_version,
        "format": plan.propagation.name,
        "facts": dict(about.facts),
        "remarks": list(about.remarks),
        "notCovered": list(about.uncovered),
        "addresses": dict(about.addresses),
        "passed": report.passed,
        "verdicts": [_verdict(verdict) for verdict in report.general],
        "skippedLines": dict(report.observation.skipped),
        "requests": [_request(one) for one in report.judged],
    }
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _request(one: Judged) -> dict[str, Any]:
    first, example = one.request.hops[0], one.example
    return {
        "client": one.request.client,
        "method": first.method,
        "url": first.url,
        "assumed": one.request.assumed or None,
        "sent": len(one.matched),
        "passed": one.passed,
        "verdicts": [_verdict(verdict) for verdict in one.verdicts],
        "shares": [
            {
                "what": share.what,
                "seen": share.seen,
                "of": share.of,
                "percent": share.percent,
                "low": share.interval()[0],
                "high": share.interval()[1],
                "predicted": share.predicted,
                "enough": share.is_enough,
            }
            for share in one.shares
        ],
        "breaks": [
            {
                "service": broken.found.service,
                "reason": broken.found.reason,
                "detail": broken.found.detail,
                "seen": broken.seen,
                "of": broken.of,
            }
            for broken in one.breaks
        ],
        "example": {
            "number": example.answer.number,
            "status": example.answer.status,
            "traces": [_trace(trace) for trace in traces_of(example)],
            "lines": [
                {
                    "service": entry.passage.service,
                    "direction": entry.passage.direction,
                    "text": entry.passage.line.text if entry.passage.line else "",
                    "fields": [
                        {**({"key": field.key} if field.key else {}), "operator": field.name, "value": field.value}
                        for field in (entry.passage.line.fields if entry.passage.line else ())
                    ],
                }
                for entry in logged(example, one)
            ],
        },
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {**verdict._asdict(), "details": list(verdict.details)}


def _trace(trace: Trace) -> dict[str, Any]:
    begin = min(row.seen.started for row in trace.rows)
    return {
        "traceId": trace.trace_id,
        "duration": round(trace.duration, 6),
        "spans": [_span(row, begin) for row in trace.rows],
    }


def _span(row: Row, begin: float) -> dict[str, Any]:
    seen = row.seen
    return {
        "service": row.predicted.service,
        "name": seen.service,
        "kind": seen.kind,
        "operation": seen.name or None,
        "maker": row.predicted.maker,
        "traceId": seen.trace_id,
        "spanId": seen.span_id,
        "parentId": seen.parent_id or None,
        "start": round(seen.started - begin, 6),
        "duration": round(seen.duration, 6),
        "tags": dict(sorted(seen.tags.items())),
        "protocol": seen.protocol,
    }
