"""Power: what shows, and what it would take, held to simulation and to itself."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student

from services.metrics.sequential.power import Pilot

PILOT = Pilot(rows=376, seeds=3, row_deviation=0.6, seed_deviations=(0.02, 0.02))


def test_no_change_shows_as_often_as_the_level_says() -> None:
    assert PILOT.power(0.0) == pytest.approx(0.05, abs=1e-6)


def test_power_is_how_often_the_interval_leaves_zero_out() -> None:
    random = np.random.default_rng(0)
    for pilot in (
        Pilot(rows=50, seeds=1, row_deviation=0.5, seed_deviations=(0.0, 0.0)),
        Pilot(rows=10**6, seeds=4, row_deviation=0.001, seed_deviations=(0.05, 0.05)),
    ):
        change = pilot.smallest
        sides = 2 * (pilot.seeds - 1) if pilot.seeds > 1 else pilot.rows - 1
        found = 0
        for _ in range(2000):
            if pilot.seeds > 1:
                here, there = (random.normal(0, 0.05, pilot.seeds) for _ in range(2))
                value = change + here.mean() - there.mean()
                error = np.sqrt((here.var(ddof=1) + there.var(ddof=1)) / pilot.seeds)
            else:
                rows = random.normal(change, 0.5, pilot.rows)
                value, error = rows.mean(), rows.std(ddof=1) / np.sqrt(pilot.rows)
            found += abs(value) > student.isf(0.025, sides) * error
        assert found / 2000 == pytest.approx(0.8, abs=0.05)


def test_a_change_of_many_standard_errors_shows() -> None:
    """Where SciPy's noncentral t has no number: two seeds of which one side's hardly differ."""
    pilot = Pilot(rows=40, seeds=2, row_deviation=1e-4, seed_deviations=(1e-5, 0.3))
    powers = [pilot.power(change) for change in np.geomspace(1e-3, 1e3, 40)]
    assert all(0 <= power <= 1 + 1e-9 for power in powers)
    assert all(np.diff(powers) > -1e-3)
    assert powers[-1] == pytest.approx(1, abs=1e-6)
    assert pilot.power(pilot.smallest) == pytest.approx(0.8, abs=1e-3)


def test_the_smallest_change_shows_with_four_fifths() -> None:
    assert PILOT.power(PILOT.smallest) == pytest.approx(0.8, abs=1e-4)
    assert PILOT.power(-PILOT.smallest) == pytest.approx(0.8, abs=1e-4)


def test_the_rows_and_seeds_that_are_needed_are_enough_and_one_fewer_is_not() -> None:
    change = 0.08
    rows = PILOT.rows_for(change)
    assert rows is not None
    assert PILOT.power(change, rows=rows) >= 0.8 > PILOT.power(change, rows=rows - 1)
    noisy = Pilot(rows=10**5, seeds=2, row_deviation=0.1, seed_deviations=(0.05, 0.05))
    seeds = noisy.seeds_for(change)
    assert seeds is not None
    assert noisy.power(change, seeds=seeds) >= 0.8 > noisy.power(change, seeds=seeds - 1)


def test_what_rows_alone_cannot_tell_takes_no_number_of_seeds() -> None:
    assert PILOT.seeds_for(0.001) is None
    assert Pilot(10, 2, 0.1, (0.5, 0.5)).rows_for(0.01) is None
