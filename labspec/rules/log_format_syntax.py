"""The log format breaks the grammar of Envoy's formats."""

from collections.abc import Iterator

from labspec.finding import ERROR
from labspec.lab import Lab
from labspec.rules._base import Hit, Rule
from labspec.rules._log import problems


def _check(lab: Lab) -> Iterator[Hit]:
    return problems(lab, "log-format-syntax")


RULE = Rule(
    id="log-format-syntax",
    severity=ERROR,
    summary="The log format breaks the grammar of Envoy's formats.",
    why="Istio does not look at the format; Envoy refuses it together with the whole listener. Running pods keep their old settings, new ones never become ready.",
    failing="logs: {format: '100% of %RESPONSE_CODE%'}",
    mended="logs: {format: '100%% of %RESPONSE_CODE%'}",
    source="https://www.envoyproxy.io/docs/envoy/latest/configuration/advanced/substitution_formatter",
    on_lab=_check,
    needs=("logs", "istio.version", "propagation"),
)
