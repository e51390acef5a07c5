"""What goes with the loss, and how surely."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr

from services.metrics.reporting.answer import Question, answers
from services.metrics.reporting.conditions import conditions
from services.metrics.reporting.correlations import correlations, rank_correlation, smallest_significant
from services.metrics.reporting.findings import tell
from services.metrics.reporting.runs import Run
from tests.unit.services.metrics.reporting.making import run, seeds


def ladder(values: list[float], losses: list[float], **more: float) -> list[Run]:
    return [
        run(f"D{n}", y, distinct_5=x, **more) for n, (x, y) in enumerate(zip(values, losses, strict=True))
    ]


def test_pearson_and_its_interval_are_scipys() -> None:
    x, y = [0.1, 0.2, 0.35, 0.5, 0.8], [5.0, 4.2, 4.4, 3.9, 3.0]
    [found] = correlations(conditions(ladder(x, y), "seed"), "loss")
    expected = pearsonr(x, y)
    interval = expected.confidence_interval()
    assert found.pearson.value == pytest.approx(expected.statistic)
    assert (found.pearson.low, found.pearson.high) == pytest.approx((interval.low, interval.high))
    assert found.spearman.value == pytest.approx(spearmanr(x, y).statistic)
    assert found.spearman.low < found.spearman.value < found.spearman.high
    assert (found.measure, found.family, found.conditions) == ("distinct_5", "diversity", 5)


def test_a_condition_counts_once_however_many_seeds_it_has() -> None:
    runs = [
        one
        for n, loss in enumerate((5.0, 4.0, 3.5, 3.0))
        for one in seeds(f"D{n}", [loss, loss + 0.1, loss - 0.1], axes={"level": n}, vendi=float(n))
    ]
    [found] = correlations(conditions(runs, "seed"), "loss")
    assert (found.conditions, found.spearman.value) == (4, pytest.approx(-1))


def test_three_conditions_are_too_few_and_a_constant_tells_nothing() -> None:
    assert correlations(conditions(ladder([1, 2, 3], [3, 2, 1]), "seed"), "loss") == []
    found = correlations(conditions(ladder([1, 2, 3, 4], [4, 3, 2, 1], js_unigram=0.5), "seed"), "loss")
    assert [c.measure for c in found] == ["distinct_5"]


def test_perfect_order_is_not_certainty() -> None:
    [found] = correlations(conditions(ladder([1, 2, 3, 4], [4, 3, 2, 1]), "seed"), "loss")
    assert found.p == pytest.approx(2 / math.factorial(4))
    assert found.pearson.low == -1
    assert found.pearson.high > -1


@pytest.mark.parametrize(("count", "least"), [(4, None), (5, 1.0), (6, 0.886), (7, 0.786), (8, 0.738)])
def test_how_strong_a_correlation_must_be_is_as_in_the_tables(count: int, least: float | None) -> None:
    """Zar (1972), Significance testing of the Spearman rank correlation coefficient, two-sided 5 %."""
    found = smallest_significant(count)
    assert found == (None if least is None else pytest.approx(least, abs=5e-4))


def test_beyond_that_it_is_students() -> None:
    assert smallest_significant(20) == pytest.approx(0.444, abs=5e-4)


def test_noise_is_not_told_once_all_measures_are_counted() -> None:
    """Forty measures that have nothing to do with the loss: some p are small, no q is."""
    random = np.random.default_rng(3)
    losses = random.normal(size=7)
    runs = [
        run(f"D{n}", float(loss), **{f"m_{k}": float(random.normal()) for k in range(40)})
        for n, loss in enumerate(losses)
    ]
    found = correlations(conditions(runs, "seed"), "loss")
    assert min(c.p for c in found) < 0.05
    assert min(c.q for c in found) > 0.5


def test_a_report_of_four_levels_says_that_it_cannot_tell() -> None:
    question = Question()
    text = tell(answers(ladder([1, 2, 3, 4], [4, 3, 2, 1]), question), question).trends
    assert text[-1].startswith(
        "Over 4 conditions no correlation can be told from chance: even a perfect order"
    )
    six = tell(answers(ladder([1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 1, 2]), question), question).trends
    assert "from ±0.89 on" in six[-1]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=4, max_size=6))
def test_every_interval_holds_its_value(points: list[tuple[int, int]]) -> None:
    x, y = zip(*points, strict=True)
    for found in correlations(conditions(ladder(list(x), list(y)), "seed"), "loss"):
        for one in (found.pearson, found.spearman):
            assert -1 <= one.low <= one.value + 1e-12
            assert one.value - 1e-12 <= one.high <= 1


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=6))
def test_it_is_spearmans(points: list[tuple[int, int]]) -> None:
    first, second = zip(*points, strict=True)
    rho, p = rank_correlation(first, second)
    assert 0 < p <= 1
    if len(set(first)) > 1 and len(set(second)) > 1:
        assert rho == pytest.approx(spearmanr(first, second).statistic)
