"""An operator of the log format has an argument or a length that it cannot have."""

from collections.abc import Iterator

from labspec.finding import ERROR
from labspec.lab import Lab
from labspec.rules._base import Hit, Rule
from labspec.rules._log import problems


def _check(lab: Lab) -> Iterator[Hit]:
    return problems(lab, "log-operator-argument")


RULE = Rule(
    id="log-operator-argument",
    severity=ERROR,
    summary="An operator of the log format has an argument or a length that it cannot have.",
    why="Istio does not look at the format; Envoy refuses it together with the whole listener. Running pods keep their old settings, new ones never become ready.",
    failing="logs: {format: '%REQ()%'}",
    mended="logs: {format: '%REQ(X-REQUEST-ID)%'}",
    source="https://www.envoyproxy.io/docs/envoy/latest/configuration/advanced/substitution_formatter",
    on_lab=_check,
    needs=("logs", "istio.version", "propagation"),
)
