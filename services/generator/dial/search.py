"""Where to look next for the setting at which a monotone, noisy function takes a wanted value.

A bracketed secant (regula falsi) on a scale of the knob's own: the nearest observations on either side of
the target bound the answer; the next setting is where the line between them crosses it, kept off the
bracket's ends so that the bracket always shrinks. The ends of the range are looked at only when one side has
no observation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

MARGIN = 0.1
"""A proposal stays this share of the bracket away from its ends."""


class OutOfReach(StrEnum):
    """Why the target cannot be had: it lies beyond the values at the ends of the range."""

    BELOW = "below"
    ABOVE = "above"


@dataclass(frozen=True, slots=True)
class KnobRange:
    """Settings `low`…`high`; `rises` is whether the value rises with the setting; `ratio` whether steps
    are factors."""

    low: int
    high: int
    rises: bool
    ratio: bool = False

    def scale(self, setting: float) -> float:
        return math.log(setting) if self.ratio else float(setting)

    def setting(self, scaled: float) -> int:
        return round(math.exp(scaled) if self.ratio else scaled)

    @property
    def middle(self) -> int:
        return self.setting((self.scale(self.low) + self.scale(self.high)) / 2)


def propose(space: KnobRange, observed: Mapping[int, float], target: float) -> int | OutOfReach | None:
    """The next setting to observe; `OutOfReach` where no setting has the target; None when nothing between is
    left.

    `observed` are values by setting. `BELOW`: even the least diverse setting is above the target; `ABOVE`:
    even the most diverse one is below it.
    """
    if not observed:
        return space.middle
    sign = 1.0 if space.rises else -1.0
    left = [setting for setting, value in observed.items() if sign * (value - target) < 0]
    right = [setting for setting, value in observed.items() if sign * (value - target) >= 0]
    if not left:
        return _end(space.low, observed, OutOfReach.BELOW if space.rises else OutOfReach.ABOVE)
    if not right:
        return _end(space.high, observed, OutOfReach.ABOVE if space.rises else OutOfReach.BELOW)
    a, b = _bracket(left, right)
    return _between(space, a, b, observed, target)


def _end(setting: int, observed: Mapping[int, float], side: OutOfReach) -> int | OutOfReach:
    return side if setting in observed else setting


def _bracket(left: list[int], right: list[int]) -> tuple[int, int]:
    """The closest pair of settings on either side; noise may have put them in the wrong order."""
    return min(((a, b) for a in left for b in right), key=lambda pair: abs(pair[1] - pair[0]))


def _between(space: KnobRange, a: int, b: int, observed: Mapping[int, float], target: float) -> int | None:
    low, high = min(a, b), max(a, b)
    if high - low <= 1:
        return None
    x, y = space.scale(low), space.scale(high)
    rise = observed[high] - observed[low]
    share = (target - observed[low]) / rise if rise else 0.5
    share = min(max(share, MARGIN), 1 - MARGIN)
    return min(max(space.setting(x + share * (y - x)), low + 1), high - 1)
