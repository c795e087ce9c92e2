"""Shares of requests: between which percentages the true one is, and whether it can be the predicted one."""

from math import comb

import pytest

from labspec.observe.shares import SURE, Share


@pytest.mark.parametrize(
    ("seen", "of", "low", "high"),
    [
        (20, 20, 83.89, 100),
        (0, 20, 0, 16.11),
        (1, 2000, 0.0088, 0.283),
        (10, 20, 29.93, 70.07),
        (1, 10, 1.79, 40.42),
        (81, 263, 25.53, 36.62),  # E. B. Newcombe, Statistics in Medicine 17 (1998), method 3, as are the next two
        (15, 148, 6.24, 16.05),
        (1, 29, 0.61, 17.18),
        (0, 0, 0, 100),
        (1, 1, 20.65, 100),
    ],
)
def test_interval(seen: int, of: int, low: float, high: float) -> None:
    assert Share("trace", seen, of, 0).interval() == pytest.approx((low, high), abs=0.006)


@pytest.mark.parametrize("deviations", [0.5, 1.96, SURE])
@pytest.mark.parametrize("of", [1, 2, 3, 7, 20, 999])
def test_an_interval_holds_what_was_seen_and_stays_a_share(of: int, deviations: float) -> None:
    for seen in range(of + 1):
        share, mirrored = Share("trace", seen, of, 0), Share("trace", of - seen, of, 0)
        low, high = share.interval(deviations)
        assert 0 <= low <= share.percent <= high <= 100
        assert (100 - high, 100 - low) == pytest.approx(mirrored.interval(deviations))
    assert Share("trace", 0, of, 0).interval(deviations)[0] == 0
    assert Share("trace", of, of, 0).interval(deviations)[1] == 100


@pytest.mark.parametrize(
    ("seen", "of", "predicted", "fits"),
    [
        (20, 20, 100, True),
        (19, 20, 100, False),
        (0, 20, 0, True),
        (1, 20, 0, False),
        (0, 20, 1, True),
        (20, 20, 1, False),
        (0, 1, 50, True),
        (0, 2000, 1, False),
        (20, 2000, 1, True),
        (45, 2000, 1, False),
        (480, 1000, 50, True),
        (400, 1000, 50, False),
        (0, 0, 50, True),
    ],
)
def test_fits(seen: int, of: int, predicted: float, *, fits: bool) -> None:
    assert Share("trace", seen, of, predicted).fits is fits


@pytest.mark.parametrize(
    ("predicted", "needed"),
    [(100, 0), (0, 0), (1, 300), (99, 300), (50, 6), (40, 8), (0.01, 30000), (99.99, 30000)],
)
def test_needed(predicted: float, needed: int) -> None:
    assert Share("trace", 0, 20, predicted).needed == needed
    assert Share("trace", 0, needed, predicted).is_enough
    if needed:
        assert not Share("trace", 0, needed - 1, predicted).is_enough


def test_percent() -> None:
    assert Share("trace", 5, 20, 0).percent == 25
    assert Share("trace", 0, 0, 0).percent == 0


def misses(of: int, predicted: float) -> float:
    """How often chance alone makes a verdict fail, where the prediction is right."""
    share = predicted / 100
    unfit = [seen for seen in range(of + 1) if not Share("trace", seen, of, predicted).fits]
    return sum(comb(of, seen) * share**seen * (1 - share) ** (of - seen) for seen in unfit)


def test_chance_alone_fails_at_most_once_in_100_000_runs() -> None:
    found = {(of, predicted): misses(of, predicted) for of in (1, 8, 20, 100) for predicted in (0.01, 1, 5, 50, 99)}
    assert {case: often for case, often in found.items() if often > 1e-5} == {}
