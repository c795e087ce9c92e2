"""Amounts of Kubernetes: what they come to, and what is none."""

import pytest

from labspec.quantity import canonical, nano, total_cpu, total_memory
from labspec.requests import total
from tests.conftest import plan_of


@pytest.mark.parametrize(
    ("text", "billionths"),
    [
        ("0", 0), ("1", 10**9), ("0.5", 5 * 10**8), (".5", 5 * 10**8), ("5.", 5 * 10**9), ("+1", 10**9), ("250m", 25 * 10**7), ("1n", 1), ("1u", 1000),
        ("1k", 10**12), ("1M", 10**15), ("1Ki", 1024 * 10**9), ("1.5Gi", 3 * 2**29 * 10**9), ("1E", 10**27), ("1Ei", 2**60 * 10**9), ("1E3", 10**12),
        ("1e-3", 10**6), ("12e+1", 120 * 10**9), ("0.0000000001", 1), ("1e-99", 1),
    ],
)  # fmt: skip
def test_amounts(text: str, billionths: int) -> None:
    assert nano(text) == billionths


@pytest.mark.parametrize(
    "text", ["", ".", "-1", "1 m", "64MB", "1mi", "1K", "one", "1e", "1e3Mi", "1ki", "0x1", "1e100", "1" * 19, "1\n"]
)
def test_what_is_no_amount(text: str) -> None:
    assert nano(text) is None


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("0", "0"), ("0.5", "500m"), ("1000m", "1"), ("+2", "2"), ("1500m", "1500m"), ("1024Mi", "1Gi"), ("0.5Gi", "512Mi"), ("0.5Ki", "512"), ("1.5Mi", "1536Ki"),
        ("20000000", "20M"), ("1e3", "1k"), ("1e-1", "100m"), ("12e1", "120"), ("1E", "1E"), ("1000E", "1000E"), ("2048Ei", "2048Ei"), ("0.1Gi", "107374182400m"),
        ("0.0000000001", "1n"), ("100u", "100u"), ("1024Ki", "1Mi"), ("1000Ki", "1000Ki"), ("0Mi", "0"), ("1e18", "1E"), ("1e17", "100P"),
    ],
)  # fmt: skip
def test_forms_that_the_api_server_keeps(text: str, kept: str) -> None:
    assert canonical(text) == kept


def test_totals_are_rounded_up() -> None:
    assert (total_cpu(1), total_memory(1)) == ("1m", "1Mi")
    assert (total_cpu(2 * 10**9), total_memory(2**30 * 10**9)) == ("2000m", "1024Mi")


def test_the_total_of_a_lab_follows_its_resources() -> None:
    spec = """
apiVersion: labspec/v1
name: lab
collector: {kind: none}
logs: {format: istio}
services:
  a: {kind: curl, calls: [b], mesh: false, replicas: 2, resources: {cpu: "0.25", limits: {memory: 1Gi}}}
  b: {kind: http-echo, mesh: false, resources: {memory: 64M}}
"""
    # 2 x 250m and 10m; 2 x 16Mi and 64,000,000 bytes.
    assert total(plan_of(spec)) == "510m CPU and 94Mi memory (3 pods, 0 of them with a sidecar)"
