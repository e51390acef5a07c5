"""Whole rows for weights: Sainte-Laguë's apportionment, exact.

Largest remainders are the nearest counts at one size, but they are not house-monotone (the Alabama paradox):
asking for one row more can take a row away from a part, and then a larger mixture does not contain the
smaller one. Sainte-Laguë's rule hands the rows out one by one, each to the part with the largest
weight / (2 · rows it has + 1), so that it never takes one away; for two parts it is rounding to the nearest
row, which is also what largest remainders give (Balinski and Young, *Fair Representation*, 1982).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from heapq import heapify, heappop, heappush
from math import floor


def apportion(total: int, weights: Sequence[Fraction]) -> list[int]:
    """`total` rows by weight: they add up to `total`, and no part has fewer than at a smaller total.

    A part of share s among K differs from s · total by at most (1 - s)/2 + s (K - 1)/2 rows: half a row for
    two parts, less than one for three. Of parts that are equally near, the later one gets the row. `weights`
    are not negative, and one of them is above 0.
    """
    whole = sum(weights)
    parts = len(weights)
    # No part ends more than `parts` rows below its share: what it has for certain is not handed out singly.
    rows = [max(0, floor(total * weight / whole) - parts) for weight in weights]
    waiting = [
        (-weight / (2 * has + 1), -place)
        for place, (weight, has) in enumerate(zip(weights, rows, strict=True))
    ]
    heapify(waiting)
    for _ in range(total - sum(rows)):
        place = -heappop(waiting)[1]
        rows[place] += 1
        heappush(waiting, (-weights[place] / (2 * rows[place] + 1), -place))
    return rows


def largest_total(available: Sequence[int], weights: Sequence[Fraction]) -> int:
    """The largest total that is apportioned to no part beyond what it has."""
    low, high = 0, sum(available)
    while low < high:
        middle = (low + high + 1) // 2
        wanted = apportion(middle, weights)
        if all(need <= has for need, has in zip(wanted, available, strict=True)):
            low = middle
        else:
            high = middle - 1
    return low


def nearest(amount: Fraction) -> int:
    """The nearest whole number, a half upwards."""
    return floor(amount + Fraction(1, 2))


def as_typed(weight: float) -> Fraction:
    """The decimal that was typed: 0.1 is a tenth, and not the nearest binary number to it."""
    return Fraction(repr(float(weight)))
