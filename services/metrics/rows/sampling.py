"""A seeded sample of a dataset, by rows or by tokens, stratified where strata are given."""

from __future__ import annotations

from math import floor

from services.metrics.problems import Unmeasurable
from services.metrics.rows.side import Side, Unit


def sample(
    side: Side,
    *,
    size: int | None = None,
    fraction: float | None = None,
    or_all: bool = False,
    unit: Unit = "rows",
    seed: int,
) -> list[str]:
    """The ids of `size` rows (or tokens), or of that `fraction` of them, in seeded order.

    Samples with one seed are nested: a larger one begins with the smaller one. `or_all`: where there are
    fewer than `size`, all of them.
    Raises Unmeasurable when neither or both of `size` and `fraction` are given, or when there are too few.
    """
    if (size is None) == (fraction is None):
        raise Unmeasurable("bad_size", "Give either a size or a fraction, not both.", field="size")
    if fraction is not None and not 0 < fraction <= 1:
        raise Unmeasurable(
            "bad_fraction", f"A fraction lies above 0 and at most at 1, not {fraction}.", field="fraction"
        )
    wanted = floor(fraction * side.amount(unit) + 0.5) if fraction is not None else size
    if wanted is None or wanted < 0:
        raise Unmeasurable("bad_size", f"A sample of {wanted} {unit} cannot be taken.", field="size")
    return side.choose(min(wanted, side.amount(unit)) if or_all else wanted, unit, seed)
