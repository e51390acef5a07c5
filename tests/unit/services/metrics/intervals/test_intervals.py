"""Intervals cover what they say, by simulation where the truth is known."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from services.metrics.intervals.jackknife import jackknife_interval, two_sided_interval
from services.metrics.intervals.means import mean_interval, student_interval
from services.metrics.intervals.pairs import mean_cosine_interval
from services.metrics.intervals.shares import quantile_interval
from services.metrics.intervals.vendi import vendi_interval
from services.metrics.semantic.moments import Moments
from services.metrics.semantic.pairwise import mean_cosine_distance
from services.metrics.semantic.vectors import Vectors, unit_rows
from services.metrics.semantic.vendi import vendi
from services.metrics.shift.divergence import divergence
from services.metrics.shift.frechet import frechet_distance
from tests.unit.services.metrics.refusals import refused


def draw(count: int, seed: int) -> Vectors:
    """Rows around a few uneven directions."""
    random = np.random.default_rng(seed)
    centres = np.eye(8)[random.choice(8, count, p=np.arange(1, 9) / 36)]
    return unit_rows(centres + random.normal(scale=0.4, size=(count, 8)))


@pytest.mark.parametrize("order", [0.5, 1.0, 2.0, 3.0, math.inf])
def test_the_influence_function_gives_the_spread_of_fresh_samples(order: float) -> None:
    scores = [vendi(draw(500, seed), order) for seed in range(200)]
    errors = [vendi_interval(draw(500, seed), order).standard_error for seed in range(20)]
    assert np.mean(errors) == pytest.approx(np.std(scores), rel=0.2)


def test_a_vendi_interval_holds_the_score_of_the_population() -> None:
    truth = vendi(draw(200_000, 10**6))
    intervals = [vendi_interval(draw(2000, seed)) for seed in range(100)]
    covered = sum(interval.low <= truth <= interval.high for interval in intervals)
    assert 88 <= covered <= 100


@pytest.mark.parametrize("order", [0.5, 1.0, 1 + 1e-12, 2.0, 1000.0, math.inf])
def test_a_vendi_interval_holds_its_own_score_whatever_its_precision(order: float) -> None:
    vectors = np.repeat(draw(3, 0), 4, axis=0).astype(np.float32)
    score = vendi(vectors, order)
    interval = vendi_interval(vectors, order, value=score)
    assert interval.low <= score <= interval.high


def test_the_percentile_bootstrap_would_be_wrong_for_vendi() -> None:
    """Why there is an influence function: copies of rows lower the score."""
    vectors = unit_rows(np.random.default_rng(0).normal(size=(300, 100)))
    random = np.random.default_rng(1)
    replicates = [vendi(vectors[random.integers(0, 300, 300)]) for _ in range(50)]
    assert max(replicates) < vendi(vectors)
    interval = vendi_interval(vectors)
    assert interval.low < vendi(vectors) < interval.high


def test_the_mean_over_pairs_has_the_spread_of_fresh_samples() -> None:
    values = [mean_cosine_distance(draw(300, seed)) for seed in range(300)]
    errors = [mean_cosine_interval(draw(300, seed)).standard_error for seed in range(20)]
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.2)


def test_the_bootstrap_of_a_mean_covers_it() -> None:
    covered = 0
    for seed in range(150):
        values = np.random.default_rng(seed).exponential(size=60)
        interval = mean_interval(values, replicates=400, seed=seed)
        covered += interval.low <= 1 <= interval.high
    assert 130 <= covered <= 149


def test_values_that_do_not_vary_have_an_interval_of_no_width() -> None:
    interval = mean_interval([3.0] * 10, seed=0)
    assert (interval.low, interval.high, interval.standard_error) == (3.0, 3.0, 0.0)


def test_an_interval_is_the_same_every_time() -> None:
    values = np.random.default_rng(0).normal(size=3000)
    assert mean_interval(values, seed=5) == mean_interval(values, seed=5)
    assert mean_interval(values, seed=5) != mean_interval(values, seed=6)


def test_of_many_values_the_methods_agree() -> None:
    values = np.random.default_rng(0).exponential(size=20_000)
    many, fewer = mean_interval(values, seed=0), mean_interval(values[:-1], seed=0)
    assert (many.method, fewer.method) == ("student_t", "bootstrap")
    assert (many.low, many.high) == (pytest.approx(fewer.low, rel=2e-3), pytest.approx(fewer.high, rel=2e-3))


def test_students_interval_of_three_seeds() -> None:
    interval = student_interval([1.0, 2.0, 3.0])
    assert (interval.low, interval.high) == (pytest.approx(-0.484138), pytest.approx(4.484138))


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    values = np.random.default_rng(2).normal(size=400)

    def mean_of(rows: NDArray[np.int64]) -> float:
        return float(values[rows].mean())

    interval = jackknife_interval(mean_of, 400, groups=400, seed=0)
    assert interval.standard_error == pytest.approx(values.std(ddof=1) / 20)
    assert jackknife_interval(mean_of, 400, seed=0).standard_error == pytest.approx(
        values.std() / 20, rel=0.5
    )


def test_the_jackknife_serves_the_frechet_distance() -> None:
    real = Moments.of(draw(1000, 0))

    def distance(generated: Vectors) -> float:
        return frechet_distance(real, Moments.of(generated))

    fresh = [distance(draw(400, seed) * 1.1) for seed in range(1, 101)]
    sample = draw(400, 500) * 1.1
    interval = jackknife_interval(lambda rows: distance(sample[rows]), 400, seed=0)
    assert interval.standard_error == pytest.approx(np.std(fresh), rel=0.6)


@pytest.mark.parametrize("level", [0.0, 1.0, 1.5, math.nan, 5e-324])
def test_levels_lie_between_zero_and_one(level: float) -> None:
    with refused("bad_level"):
        vendi_interval(np.eye(3), level=level)
    with refused("bad_level"):
        quantile_interval(np.arange(9.0), 0.5, level=level)


def test_the_largest_level_has_an_interval_with_ends() -> None:
    interval = student_interval([1.0, 2.0, 3.0], level=math.nextafter(1, 0))
    assert -math.inf < interval.low < interval.high < math.inf


def test_too_few_rows_have_no_interval() -> None:
    for refuse in (
        lambda: vendi_interval(np.eye(1)),
        lambda: mean_cosine_interval(np.eye(2)),
        lambda: mean_interval([1.0], seed=0),
    ):
        with refused("too_few_rows"):
            refuse()


def test_the_jackknife_of_two_sides_adds_their_variances() -> None:
    random = np.random.default_rng(3)
    real, generated = random.normal(size=300), random.normal(size=500, scale=2)

    def difference(kept: NDArray[np.int64], also: NDArray[np.int64]) -> float:
        return float(real[kept].mean() - generated[also].mean())

    interval = two_sided_interval(difference, 300, 500, groups=500, seed=0)
    expected = math.hypot(real.std(ddof=1) / math.sqrt(300), generated.std(ddof=1) / math.sqrt(500))
    assert interval.standard_error == pytest.approx(expected)
    assert interval.low < difference(np.arange(300), np.arange(500)) < interval.high
    assert interval.at_least(0).low == max(0, interval.low)


def test_the_jackknife_serves_the_divergence_of_histograms() -> None:
    """The spread of Jensen-Shannon over fresh draws is what one draw's interval says."""
    shares = np.arange(1, 11) / 55

    def draw_of(seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        random = np.random.default_rng(seed)
        return random.choice(10, 800, p=shares), random.choice(10, 600, p=shares[::-1])

    def js(real: NDArray[np.int64], generated: NDArray[np.int64]) -> float:
        return divergence(*(np.bincount(side, minlength=10) for side in (real, generated))).js

    spread = np.std([js(*draw_of(seed)) for seed in range(100)])
    real, generated = draw_of(500)
    interval = two_sided_interval(lambda kept, also: js(real[kept], generated[also]), 800, 600, seed=0)
    assert interval.standard_error == pytest.approx(spread, rel=0.6)
