"""The log format holds an operator that the Istio version's Envoy does not know."""

from collections.abc import Iterator

from labspec.finding import ERROR
from labspec.lab import Lab
from labspec.rules._base import Hit, Rule
from labspec.rules._log import problems


def _check(lab: Lab) -> Iterator[Hit]:
    return problems(lab, "log-operator-unknown")


RULE = Rule(
    id="log-operator-unknown",
    severity=ERROR,
    summary="The log format holds an operator that the Istio version's Envoy does not know.",
    why="Istio does not look at the format; Envoy refuses it together with the whole listener. Running pods keep their old settings, new ones never become ready.",
    failing="logs: {format: '%RESPONSE_KODE%'}",
    mended="logs: {format: '%RESPONSE_CODE%'}",
    source="https://www.envoyproxy.io/docs/envoy/latest/configuration/advanced/substitution_formatter",
    on_lab=_check,
    needs=("logs", "istio.version", "propagation"),
    acceptable=True,
)
