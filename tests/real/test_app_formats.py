"""Apps that speak what no sidecar does, rehearsed on the Envoys of all Istio versions: as predicted."""

from collections.abc import Callable

import pytest

from labspec.envoy.versions import ENVOY_RELEASES, ISTIO_VERSIONS
from labspec.observe.judging import judged
from labspec.rehearse.run import observed
from tests.conftest import plan_of
from tests.real.verification import record

pytestmark = pytest.mark.real

# A client and a service in the middle with tracers of their own, and one that hands on what it gets.
LAB = """apiVersion: labspec/v1
name: lab
istio: {version: "%(istio)s"}
propagation: {format: %(sidecars)s}
services:
  client: {kind: curl, every: manual, tracer: {format: %(app)s}, calls: [relay, shop]}
  short: {kind: curl, every: manual, tracer: {format: %(app)s, bits: 64, sampled: false}, calls: [relay]}
  debug: {kind: curl, every: manual, tracer: {format: %(app)s, sampled: debug}, calls: [relay]}
  fixed: {kind: curl, every: manual, tracer: {format: %(app)s, ids: fixed}, calls: [relay]}
  plain: {kind: curl, every: manual, calls: [shop]}
  relay: {kind: relay, calls: [shop]}
  shop: {kind: custom, image: "shop:1", forwards: none, tracer: {format: %(app)s, export: zipkin}, calls: [end]}
  end: {kind: http-echo}
sampling: {percent: 40}
logs: {format: '%%RESPONSE_CODE%% ${trace_id} b3=%%REQ(B3)%% uber=%%REQ(UBER-TRACE-ID)%%'}
"""


@pytest.mark.parametrize("istio", ISTIO_VERSIONS)
@pytest.mark.parametrize("sidecars", ["b3", "b3+w3c", "w3c"])
@pytest.mark.parametrize("app", ["b3-single", "jaeger"])
def test_as_predicted(app: str, sidecars: str, istio: str, tool: Callable[..., str]) -> None:
    plan = plan_of(LAB % {"app": app, "sidecars": sidecars, "istio": istio})
    minor = ISTIO_VERSIONS[istio]
    report = judged(plan, observed(plan, tool(f"envoy-{minor}"), 5))
    assert report.passed, [verdict for one in report.judged for verdict in one.verdicts if not verdict.passed]
    assert len(report.judged) == 6
    record(
        tool="Envoy",
        version=ENVOY_RELEASES[minor],
        what="rehearsals of apps that speak what no sidecar does: as predicted",
        count=sum(len(one.verdicts) for one in report.judged),
    )
