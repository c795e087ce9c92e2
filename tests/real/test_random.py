"""Random specs: what labspec says of each sidecar is what Istio's own code makes of it, and kustomize makes each form.

LABSPEC_RANDOM_SPECS is how many; the same number gives the same specs.
"""

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings

from labspec import tree
from labspec.artifacts._base import manifests
from labspec.artifacts._mesh import operator_path
from labspec.compile import bundle
from labspec.plan import Plan
from labspec.resource import BASE
from tests.conftest import plan_of
from tests.random_specs import Body, specs, text_of
from tests.real.objects import rendered, selected
from tests.real.oracle import VERSION, compared, report
from tests.real.verification import record

pytestmark = pytest.mark.real

USUAL = 50
COUNT = int(os.environ.get("LABSPEC_RANDOM_SPECS", USUAL))


class Seen:
    """What all specs came to."""

    def __init__(self, kubectl: str, oracle: str) -> None:
        self.kubectl = kubectl
        self.oracle = oracle
        self.forms = 0
        self.sidecars = 0
        self.disagreements: list[tuple[str, str, str]] = []
        """The spec, its form, and what is otherwise."""

    def look(self, text: str) -> None:
        """Holds the last form of a spec against the tools: a variant, where it has one."""
        plan = plan_of(text)
        form = plan.forms[-1]
        with tempfile.TemporaryDirectory() as folder:
            tree.write(bundle(plan), Path(folder))
            where = Path(folder) if form.variant == BASE else Path(folder, "overlays", form.variant)
            stream = rendered(self.kubectl, where)
            found = report(self.oracle, form, Path(folder, operator_path(plan, form)), stream)
        said = [*selected(form, stream).disagreements, *compared(form, found).disagreements]
        if as_set(list(yaml.safe_load_all(stream))) != as_set(objects(form)):
            said.append("kustomize makes other objects than labspec compiles")
        self.disagreements += [(text, form.variant, each) for each in said]
        self.forms += 1
        self.sidecars += sum(1 for workload in form.workloads if workload.sidecar and workload.replicas)


def objects(form: Plan) -> list[Body]:
    return [dict(found.body) for _, parts in manifests(form) for found in parts]


def as_set(bodies: list[Body]) -> list[str]:
    """Texts that are equal for equal sets, and 1 is as good as 1.0."""
    return sorted(json.dumps(json.loads(json.dumps(body), parse_int=float), sort_keys=True) for body in bodies)


def test_random_specs(tool: Callable[..., str]) -> None:
    seen = Seen(tool("kubectl"), tool("oracle"))

    @settings(
        max_examples=COUNT,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(specs())
    def each(spec: Body) -> None:
        seen.look(text_of(spec))

    each()
    assert seen.forms >= COUNT
    assert seen.disagreements == []
    what = "random specs: each sidecar as labspec says"
    record(tool="Istio's control plane", version=VERSION, what=what, count=seen.forms)
