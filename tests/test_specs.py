"""The specs that people learn from: what their headers claim is what labspec predicts, and they have no findings that they do not accept."""

import re
from pathlib import Path

import pytest

from labspec.compile import compiled
from labspec.plan import Plan
from tests.conftest import ROOT, plan_of

SPECS = sorted((ROOT / "specs").glob("*.yaml"))
CLAIM = re.compile(r"#   ([a-z0-9-]+): (.+)")
ABOUT = re.compile(r"# What `labspec predict` says of one request of ([a-z0-9-]+):")


def claims(spec: Path) -> dict[str, str]:
    """What the header says of each form."""
    head = [line for line in spec.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    return {found[1]: found[2] for line in head if (found := CLAIM.fullmatch(line))}


def told(plan: Plan, client: str) -> str:
    """The same words, from the prediction."""
    (request,) = [request for request in plan.prediction.requests if request.client == client]
    counts = [len(spans) for spans in request.traces.values()]
    optional = sum(span.branch < 100 for span in request.reported)
    some = f", {optional} of them in some requests only" if optional else ""
    return f"{len(counts)} trace{'s' if len(counts) > 1 else ''}, {' + '.join(map(str, counts))} spans{some}"


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_no_finding(spec: Path) -> None:
    assert compiled(spec.name, spec.read_bytes()).findings == []


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec.stem != "istio-jaeger"], ids=lambda spec: spec.stem)
def test_the_header_says_what_is_predicted(spec: Path) -> None:
    plan = plan_of(spec)
    about = ABOUT.search(spec.read_text(encoding="utf-8"))
    assert about is not None
    assert claims(spec) == {form.variant: told(form, about[1]) for form in plan.forms}


def test_b3_app() -> None:
    """The header's words on the id that misleads."""
    plan = plan_of(ROOT / "specs" / "b3-app.yaml")
    (hop,) = plan.prediction.requests[0].hops
    assert hop.app is not None
    assert hop.client is not None
    assert hop.sent["x-b3-traceid"] == hop.carried["x-b3-traceid"] == hop.app.trace_id != hop.client.trace_id
    assert [note.kind for line in hop.lines for note in line.notes] == ["misleading", "misleading"]
    heard = {form.variant: len({span.trace_id for span in form.prediction.requests[0].spans}) for form in plan.forms}
    assert heard == {"base": 2, "b3-sidecars": 1, "both": 1}


def test_fan_out() -> None:
    plan = plan_of(ROOT / "specs" / "fan-out.yaml")
    assert len(plan.workloads) == 7
    shares = {form.variant: {span.share for span in form.prediction.requests[0].reported} for form in plan.forms}
    assert shares == {"base": {100.0, 40.0}, "one-percent": {1.0, 0.4}, "lost-branch": {100.0, 40.0}}
    (reviews,) = [hop for hop in plan.prediction.requests[0].hops if hop.callee == "reviews"]
    assert reviews.statuses == (200, 503)


def test_dropped_headers() -> None:
    plan = plan_of(ROOT / "specs" / "dropped-headers.yaml")
    broken = {form.variant: [found.reason for found in form.prediction.requests[0].breaks] for form in plan.forms}
    assert broken == {"base": ["dropped"], "mended": [], "half-mended": ["dropped"], "b3": ["dropped"]}
