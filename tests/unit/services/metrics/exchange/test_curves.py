"""The learning curve: a law that is held to SciPy's fit, and a curve that only falls."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from services.metrics.exchange.curves import choose_family, fit_monotones, fit_power_laws

SIZES = np.asarray([40.0, 80, 160, 320, 640])
EQUALLY = np.ones(5)


def law(n: np.ndarray, floor: float, scale: float, exponent: float) -> np.ndarray:
    return np.asarray(floor + scale * n**-exponent)


@given(
    st.floats(0, 4), st.floats(2, 40), st.floats(0.1, 1.2), st.lists(st.floats(-1, 1), min_size=5, max_size=5)
)
def test_no_fit_of_scipys_is_better(floor: float, scale: float, exponent: float, noise: list[float]) -> None:
    losses = law(SIZES, floor, scale, exponent) * (1 + 0.01 * np.asarray(noise))
    weights = np.asarray([3.0, 1, 2, 1, 1])
    found = fit_power_laws(SIZES, losses[None], weights)
    ours = (weights * (np.asarray([found.losses(n)[0] for n in SIZES]) - losses) ** 2).sum()
    theirs, _ = curve_fit(
        law, SIZES, losses, p0=(floor, scale, exponent), sigma=weights**-0.5,
        bounds=((0, 0, 0.03), (np.inf, np.inf, 3)), max_nfev=20_000,
    )  # fmt: skip
    least = (weights * (law(SIZES, *theirs) - losses) ** 2).sum()
    fine = 2e-3 * losses.max()  # as far as the grid of exponents is
    assert ours**0.5 <= least**0.5 * 1.05 + fine


def test_every_draw_has_a_curve_of_its_own() -> None:
    drawn = np.asarray([law(SIZES, 3, 20, 0.5), law(SIZES, 1, 10, 0.25)])
    found = fit_power_laws(SIZES, drawn, EQUALLY)
    assert found.losses(1280) == pytest.approx([3 + 20 * 1280**-0.5, 1 + 10 * 1280**-0.25], abs=0.03)
    assert found.rows(drawn[:, 2]) == pytest.approx([160, 160], rel=0.01)


def test_a_loss_below_the_floor_is_reached_by_no_number_of_rows() -> None:
    found = fit_power_laws(SIZES, law(SIZES, 3, 20, 0.5)[None], EQUALLY)
    assert np.isinf(found.rows(np.asarray([2.0])))


def test_worse_than_a_flat_curve_is_worth_no_row_at_all() -> None:
    found = fit_power_laws(SIZES, np.full((1, 5), 4.0), EQUALLY)
    assert found.rows(np.asarray([4.5])) == 0
    assert np.isinf(found.rows(np.asarray([3.9])))


def test_a_monotone_curve_goes_back_the_way_it_came() -> None:
    losses = np.asarray([[5.0, 4.6, 4.7, 4.1, 4.0]])
    found = fit_monotones(SIZES, losses, EQUALLY)
    assert found.losses(80)[0] == found.losses(160)[0] == pytest.approx(4.65)
    for rows in (50.0, 200.0, 500.0):
        assert found.rows(found.losses(rows)) == pytest.approx([rows])
    assert np.isinf(found.rows(np.asarray([3.9])))


def test_sizes_that_follow_no_law_are_told_by_the_inner_ones() -> None:
    sizes = np.asarray([40.0, 80, 160, 320, 640, 1280])
    steps = np.asarray([6.0, 5.98, 5.96, 3.0, 2.98, 2.96])
    even = law(sizes, 3, 20, 0.5)
    assert choose_family(sizes, even, np.ones(6)) == "power_law"
    assert choose_family(sizes, steps, np.ones(6)) == "monotone"
