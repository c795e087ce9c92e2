"""Any valid spec compiles, twice to the same bytes."""

from hypothesis import HealthCheck, given, settings

from labspec.compile import bundle, compiled
from labspec.finding import ERROR
from tests.random_specs import Body, specs, text_of


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(specs())
def test_a_valid_spec_compiles_twice_to_the_same_bytes(spec: Body) -> None:
    text = text_of(spec)
    result = compiled("lab.yaml", text.encode())
    assert [finding for finding in result.findings if finding.severity == ERROR] == [], text
    assert result.plan is not None
    again = compiled("lab.yaml", text.encode())
    assert again.plan is not None
    assert [*bundle(result.plan)] == [*bundle(again.plan)]
    assert [form.prediction for form in result.plan.forms] == [form.prediction for form in again.plan.forms]
