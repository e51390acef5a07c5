"""A study may be looked at after every seed: its claims hold at all looks together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.sequential.confidence import PRECISION, sequence_radius
from services.metrics.sequential.stopping import first_decided, look


def martingale(values: np.ndarray, mean: float) -> float:
    """G_n of Wang and Ramdas, as it stands in the module's text."""
    count = len(values)
    total, squares = (values - mean).sum(), ((values - mean) ** 2).sum()
    ratio = (count + PRECISION) * squares / ((count + PRECISION) * squares - total**2)
    return float(np.sqrt(PRECISION / (count + PRECISION)) * ratio ** (count / 2))


@given(st.integers(4, 30), st.integers(0, 2**31), st.sampled_from([0.01, 0.05, 0.2]))
def test_the_interval_ends_where_the_martingale_reaches_its_bound(
    count: int, seed: int, alpha: float
) -> None:
    values = np.random.default_rng(seed).normal(size=count)
    radius = sequence_radius(list(values), alpha)
    if np.isinf(radius):
        assert martingale(values, values.mean() + 1e6) < 1 / alpha
    else:
        assert martingale(values, values.mean() + radius) == pytest.approx(1 / alpha, rel=1e-6)


def test_the_mean_is_seldom_ever_outside() -> None:
    """Over all of twenty looks together, and not at each of them."""
    random = np.random.default_rng(3)
    outside = 0
    for _ in range(400):
        values = random.normal(size=20)
        outside += any(
            abs(values[:count].mean()) > sequence_radius(list(values[:count]), 0.05) for count in range(2, 21)
        )
    assert outside <= 0.05 * 400


def test_no_claim_is_made_of_one_seed() -> None:
    found = look([-1.0], 0.0, 0.1)
    assert (found.decided, found.more) == ("undecided", "seed")


@pytest.mark.parametrize(
    ("change", "decided"), [(-0.5, "better"), (0.5, "worse"), (0.0, "equivalent"), (0.01, "equivalent")]
)
def test_enough_seeds_decide(change: float, decided: str) -> None:
    changes = [change + noise for noise in (0.001, -0.001, 0.0005, -0.0005, 0.0007, -0.0007)]
    found = first_decided(changes, [0.001] * 6, 0.05)
    assert found.decided == decided
    assert found.more == "nothing"
    assert found.seeds < 6


def test_what_only_more_test_rows_can_tell_asks_for_no_more_seeds() -> None:
    changes = [0.001, -0.001, 0.0005, -0.0005, 0.0]
    found = look(changes, 0.1, 0.02)
    assert (found.decided, found.more) == ("undecided", "test_rows")
    assert first_decided([*changes, 0.0, 0.0, 0.0], [0.1] * 8, 0.02).seeds <= 5


def test_what_seeds_can_still_tell_asks_for_one() -> None:
    assert look([0.3, -0.3, 0.25, -0.2], 0.001, 0.02).more == "seed"
