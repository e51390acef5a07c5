"""Intervals over test rows and seeds together."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_1samp, ttest_ind

from services.metrics.intervals.losses import RowLosses, difference_interval, loss_interval
from services.metrics.reporting.conditions import Condition, conditions
from services.metrics.reporting.estimates import change, outcome
from tests.unit.services.metrics.reporting.making import row_losses, run, seeds


def one(label: str, losses: list[float]) -> Condition:
    return conditions(seeds(label, losses), "seed")[0]


def of_rows(label: str, shifts: list[float], own: int = 0) -> Condition:
    runs = [
        run(f"{label} {n}", None, label=label, axes={"seed": n}, losses=row_losses(shift, own=own + n))
        for n, shift in enumerate(shifts)
    ]
    return conditions(runs, "seed")[0]


def test_seeds_alone_give_students_interval() -> None:
    values = [3.1, 3.4, 3.2]
    found = outcome(one("D1", values), "loss")
    assert found is not None
    expected = ttest_1samp(values, 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert (found.covers, found.seeds) == (("seeds",), 3)


def test_the_difference_of_seeds_is_welchs() -> None:
    first, second = [3.1, 3.4, 3.2], [2.9, 2.5, 2.7, 2.65]
    found = change(one("D1", first), one("real", second), "loss")
    assert found is not None
    expected = ttest_ind(first, second, equal_var=False).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.sign == 1


def test_one_seed_gives_the_interval_of_the_test_rows() -> None:
    condition, other = of_rows("D1", [0.2], own=1), of_rows("real", [0.0], own=2)
    alone, paired = outcome(condition, "loss"), change(condition, other, "loss")
    first, second = condition.runs[0].losses, other.runs[0].losses
    assert alone is not None
    assert paired is not None
    assert first is not None
    assert second is not None
    assert alone.covers == paired.covers == ("test rows",)
    wide, narrow = loss_interval(first), difference_interval(first, second)
    assert alone.low == pytest.approx(wide.low, abs=2e-3)  # Student's with 199 degrees of freedom, not normal
    assert paired.low == pytest.approx(narrow.low, abs=1e-3)
    assert narrow.high - narrow.low < wide.high - wide.low


def test_rows_that_were_drawn_together_count_as_one_draw() -> None:
    """Rows repeated ten times hold no more than once; and over many draws of groups the interval covers."""
    once = row_losses(0.0, rows=40)
    ten = RowLosses(
        tuple(f"{name}/{k}" for name in once.ids for k in range(10)),
        np.repeat(once.nll, 10),
        np.repeat(once.tokens, 10),
        tuple(name for name in once.ids for _ in range(10)),
    )
    whole, repeated = loss_interval(once), loss_interval(ten)
    assert (repeated.low, repeated.high) == pytest.approx((whole.low, whole.high))

    random = np.random.default_rng(5)
    hit = naive = 0
    for _ in range(300):
        hard = np.repeat(random.normal(scale=0.5, size=30), 10)  # what the rows of a context share
        tokens = random.integers(5, 20, 300).astype(np.float64)
        nll = tokens * (3 + hard + random.normal(scale=0.5, size=300))
        ids, groups = tuple(map(str, range(300))), tuple(str(n // 10) for n in range(300))
        together = loss_interval(RowLosses(ids, nll, tokens, groups))
        apart = loss_interval(RowLosses(ids, nll, tokens))
        hit += together.low <= 3 <= together.high
        naive += apart.low <= 3 <= apart.high
    assert hit / 300 > 0.9
    assert naive / 300 < 0.8


def test_one_seed_without_rows_has_no_interval() -> None:
    found = outcome(one("D1", [3.0]), "loss")
    assert found is not None
    assert (found.value, found.low, found.covers, found.sign) == (3.0, None, (), 0)


def test_seeds_of_one_side_only_are_not_called_seeds() -> None:
    found = change(of_rows("D1", [0.1, 0.3], own=1), of_rows("real", [0.0], own=9), "loss")
    assert found is not None
    assert found.covers == ("seeds of one side", "test rows")
    bare = change(one("D1", [3.0, 3.1]), one("real", [2.0]), "loss")
    assert bare is not None
    assert bare.low is None


def test_losses_on_other_rows_are_not_compared() -> None:
    other = conditions([run("x", None, losses=row_losses(0, rows=50))], "seed")[0]
    assert change(of_rows("D1", [0.0]), other, "loss") is None


def test_the_interval_covers_the_true_difference_as_often_as_it_says() -> None:
    """Seeds vary by 0.05, test rows are drawn anew each time; the truth is 0.1."""
    random = np.random.default_rng(0)
    hits = 0
    trials = 300
    for trial in range(trials):
        both = []
        for place, truth in enumerate((0.1, 0.0)):
            runs = [
                run(
                    f"{place} {seed}",
                    None,
                    label=str(place),
                    axes={"seed": seed},
                    losses=row_losses(
                        truth + random.normal(scale=0.05), seed=trial, own=int(random.integers(2**31))
                    ),
                )
                for seed in range(3)
            ]
            both.append(conditions(runs, "seed")[0])
        found = change(both[0], both[1], "loss")
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 0.1 <= found.high
    assert 0.92 <= hits / trials <= 0.995
