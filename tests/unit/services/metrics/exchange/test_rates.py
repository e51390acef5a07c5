"""What a generated row is worth in real rows, on worlds in which that is known."""

from __future__ import annotations

import numpy as np
import pytest

from services.metrics.exchange.rates import TriedRows, exchange

SIZES = (38.0, 75.0, 150.0, 225.0, 300.0)


def loss(rows: float) -> float:
    return float(3 + 18 * rows**-0.4)


def world(
    seed: int, *, worth: float, noise: float = 0.01, seeds: int = 1
) -> tuple[list[TriedRows], TriedRows]:
    random = np.random.default_rng(seed)

    def trained(rows: float) -> tuple[float, ...]:
        return tuple(loss(rows) + noise * random.normal(size=seeds))

    alone = [TriedRows(rows, 0, trained(rows)) for rows in SIZES]
    return alone, TriedRows(150, 150, trained(150 + worth * 150))


def test_without_noise_the_rate_is_that_of_the_world() -> None:
    for worth in (-0.3, 0.0, 0.4, 0.9):
        alone, condition = world(0, worth=worth, noise=0)
        found = exchange(alone, [condition])
        assert found is not None
        [rate] = found.rates
        assert rate.rate == pytest.approx(worth, abs=0.02)
        assert rate.equal == pytest.approx(150 + worth * 150, abs=3)
        assert not rate.extrapolated


@pytest.mark.parametrize("worth", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("seeds", [1, 3])
def test_the_interval_holds_the_planted_worth(worth: float, seeds: int) -> None:
    covered = 0
    for seed in range(60):
        alone, condition = world(seed, worth=worth, seeds=seeds)
        found = exchange(alone, [condition], draws=400)
        assert found is not None
        [rate] = found.rates
        low = -np.inf if rate.low is None else rate.low
        high = np.inf if rate.high is None else rate.high
        covered += low <= worth <= high
    assert covered >= 54


def test_more_seeds_make_a_narrower_interval() -> None:
    widths = []
    for seeds in (1, 4):
        alone, condition = world(1, worth=0.5, seeds=seeds)
        found = exchange(alone, [condition])
        assert found is not None
        [rate] = found.rates
        assert rate.low is not None
        widths.append(np.inf if rate.high is None else rate.high - rate.low)
    assert widths[1] < widths[0]


def test_worth_is_told_as_an_extrapolation_beyond_the_largest_size() -> None:
    alone, condition = world(0, worth=2.0, noise=0.001)
    found = exchange(alone, [condition])
    assert found is not None
    assert found.rates[0].extrapolated
    assert found.rates[0].rate == pytest.approx(2, abs=0.2)


def test_what_no_number_of_real_rows_reaches_has_no_rate_and_no_upper_bound() -> None:
    alone, _ = world(0, worth=0, noise=0.001)
    found = exchange(alone, [TriedRows(150, 150, (1.0,))])
    assert found is not None
    [rate] = found.rates
    assert (rate.rate, rate.equal, rate.high) == (None, None, None)


def test_test_rows_that_all_losses_share_do_not_widen_a_rate() -> None:
    """What moves the curve and the condition alike moves nothing on the curve."""
    alone, condition = world(2, worth=0.5, noise=0.004)
    shared = np.full((6, 6), 0.05**2)
    alone_only = exchange(alone, [condition])
    with_rows = exchange(alone, [condition], covariance=shared)
    assert alone_only is not None
    assert with_rows is not None
    narrow, wide = alone_only.rates[0], with_rows.rates[0]
    assert narrow.low is not None
    assert wide.low == pytest.approx(narrow.low, abs=0.1)
    assert with_rows.points[0].high > alone_only.points[0].high  # type: ignore[operator]  # both are known


def test_three_sizes_are_no_curve() -> None:
    alone, condition = world(0, worth=0.5)
    assert exchange(alone[:3], [condition]) is None


def test_four_sizes_of_one_seed_without_test_rows_have_an_interval_of_one_degree() -> None:
    alone, condition = world(0, worth=0.5)
    found = exchange(alone[:4], [condition])
    assert found is not None
    assert found.freedom == 1
