"""Rows of one prompt, and copies, are one draw: intervals know it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.duplicates import exact_duplicates
from services.metrics.intervals.interval import Interval
from services.metrics.intervals.losses import RowLosses, loss_interval
from services.metrics.intervals.means import mean_interval
from services.metrics.intervals.pairs import mean_cosine_interval
from services.metrics.intervals.shares import (
    deviation_interval,
    drawn_share_interval,
    quantile_interval,
    share_interval,
)
from services.metrics.intervals.units import FEWEST_PROMPTS, Units
from services.metrics.intervals.vendi import vendi_interval
from services.metrics.semantic.pairwise import mean_cosine_distance
from services.metrics.semantic.vectors import unit_rows
from services.metrics.semantic.vendi import vendi

PROMPTS = Units(np.repeat(np.arange(25), 8))


def of_prompts(seed: int, dimensions: int = 6) -> np.ndarray:
    """25 prompts of 8 answers, which are alike."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(25, dimensions)) + 1
    return np.repeat(centres, 8, axis=0) + random.normal(scale=0.5, size=(200, dimensions))


def test_copies_of_a_corpus_add_nothing_to_what_is_known() -> None:
    once = unit_rows(np.random.default_rng(0).normal(size=(60, 5)) + 0.5)
    twice = np.concatenate([once, once])
    copies = Units(np.tile(np.arange(60), 2))
    for interval in (vendi_interval, mean_cosine_interval):
        own, doubled = interval(once), interval(twice, units=copies)
        assert doubled.standard_error == pytest.approx(own.standard_error, rel=0.05)
        assert interval(twice).standard_error < 0.8 * own.standard_error


@pytest.mark.parametrize("measure", ["vendi", "cosine", "deviation", "median", "mean"])
def test_intervals_over_prompts_hold_the_mean_of_samples(measure: str) -> None:
    def of(seed: int, units: Units) -> tuple[float, Interval]:
        values = of_prompts(seed)
        rows, first = unit_rows(values), values[:, 0]
        found = {
            "vendi": lambda: (vendi(rows), vendi_interval(rows, units=units)),
            "cosine": lambda: (mean_cosine_distance(rows), mean_cosine_interval(rows, units=units)),
            "deviation": lambda: (first.std(), deviation_interval(first, units=units)),
            "median": lambda: (np.median(first), quantile_interval(first, 0.5, units=units)),
            "mean": lambda: (first.mean(), units.around(first.mean(), (first - first.mean()) / 200, 0.95)),
        }[measure]()
        assert isinstance(found[1], Interval)
        return float(found[0]), found[1]

    def covered(units: Units) -> int:
        found = [of(seed, units) for seed in range(100)]
        centre = np.mean([value for value, _ in found])
        return sum(interval.low <= centre <= interval.high for _, interval in found)

    assert covered(PROMPTS) >= 88
    assert covered(Units.singles(200)) < 80


def test_few_prompts_are_not_what_was_drawn_and_it_is_said() -> None:
    nothing = exact_duplicates([str(row) for row in range(40)])
    few = Units.found(40, [str(row % 3) for row in range(40)], nothing)
    many = Units.found(40, [str(row % FEWEST_PROMPTS) for row in range(40)], nothing)
    assert few.alone
    assert few.note
    assert many.count == FEWEST_PROMPTS
    assert many.by_key
    assert Units.found(40, [None] * 40, nothing).note == ""


@given(st.lists(st.integers(0, 30), min_size=5, max_size=60), st.integers(2, 20))
def test_groups_of_units_part_none(keys: list[int], groups: int) -> None:
    of = np.unique(keys, return_inverse=True)[1].ravel()
    found = Units(of).groups(groups, 0)
    assert sorted(np.concatenate(found).tolist()) == list(range(len(keys)))
    assert all(not set(of[group]) & set(np.delete(of, group)) for group in found)


def test_a_share_of_rows_of_prompts_is_less_sure_than_one_of_rows() -> None:
    held = np.repeat(np.arange(25) < 5, 8)
    over_prompts, over_rows = drawn_share_interval(held, PROMPTS), share_interval(40, 200)
    exact = share_interval(5, 25)
    assert over_prompts.high - over_prompts.low > 2 * (over_rows.high - over_rows.low)
    assert (over_prompts.low, over_prompts.high) == pytest.approx((exact.low, exact.high), abs=0.02)
    assert drawn_share_interval(np.zeros(200, np.bool_), PROMPTS).high == pytest.approx(
        share_interval(0, 25).high
    )


@pytest.mark.parametrize("count", [3, 5, 10])
def test_few_values_have_students_t(count: int) -> None:
    samples = [np.random.default_rng(seed).normal(size=count) for seed in range(300)]
    found = [mean_interval(sample, seed=0) for sample in samples]
    assert {one.method for one in found} == {"student_t"}
    assert 275 <= sum(one.low <= 0 <= one.high for one in found) <= 298


def test_losses_of_few_rows_hold_the_one_they_were_drawn_with() -> None:
    covered = 0
    for seed in range(400):
        random = np.random.default_rng(seed)
        tokens = random.integers(5, 40, 12).astype(np.float64)
        nll = tokens * (2 + random.normal(scale=0.5, size=12))
        interval = loss_interval(RowLosses(tuple(map(str, range(12))), nll, tokens))
        covered += interval.low <= 2 <= interval.high
    assert covered >= 368
