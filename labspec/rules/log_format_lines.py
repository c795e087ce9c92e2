"""A log format of several lines."""

from collections.abc import Iterator

from labspec.finding import WARNING
from labspec.lab import Lab
from labspec.rules._base import Hit, Rule
from labspec.rules._log import log_of


def _check(lab: Lab) -> Iterator[Hit]:
    log, wanted = log_of(lab), lab.spec.logs.format
    # In JSON a line break is an escape.
    if isinstance(wanted, str) and log.pieces and log.pieces[0].resolved is not None and "\n" in log.pieces[0].text:
        lines = log.pieces[0].text.count("\n") + 1
        at = wanted.index("\n")
        yield Hit(
            ("logs", "format"),
            f"each request writes {lines} lines: what reads the log by lines sees {lines} records",
            "write one line",
            start=at - 1 if at else 0,
        )


RULE = Rule(
    id="log-format-lines",
    severity=WARNING,
    summary="The log format has a line break inside.",
    why="One request writes several lines. Lines of concurrent requests mix, and no reader knows which belong together. The final line break comes from Istio.",
    failing='logs: {format: "%RESPONSE_CODE%\\ntraceID=${trace_id}"}',
    mended="logs: {format: '%RESPONSE_CODE% traceID=${trace_id}'}",
    source="istio/istio pilot/pkg/model/telemetry_logging.go (fileAccessLogFormat)",
    on_lab=_check,
    needs=("logs",),
)
