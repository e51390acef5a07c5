"""From the domain's results to the values of the API: finite, or null with the reason."""

from __future__ import annotations

import math
from collections.abc import Mapping

from services.metrics.intervals.interval import NoInterval, Spread
from services.metrics.lexical import Value
from shared.contracts.measurement import EqualSizeValue, MeasuredInterval, MeasuredValue, NoShift

Estimator = str | int | float | bool | None


def measured(
    name: str,
    value: Value | float,
    estimator: Mapping[str, Estimator],
    interval: Spread | None = None,
    *,
    moves_with_size: bool = False,
    no_shift: NoShift | None = None,
    equal_size: EqualSizeValue | None = None,
    note: str = "",
) -> MeasuredValue:
    """The value under its name. `estimator` holds all that it depends on."""
    number = value.value if isinstance(value, Value) else value
    reason = (value.reason or "") if isinstance(value, Value) else ""
    if number is not None and not math.isfinite(number):
        number, reason = None, "the value is not a finite number"
    limits, left_out = (None, "") if number is None else told(interval)
    return MeasuredValue(
        name=name,
        value=number,
        interval=limits,
        interval_note=left_out,
        estimator=dict(estimator),
        moves_with_size=moves_with_size,
        no_shift=None if number is None else no_shift,
        equal_size=None if number is None else equal_size,
        note="; ".join(part for part in (reason, note) if part),
    )


def undefined(name: str, reason: str) -> MeasuredValue:
    """A measure that these texts do not have."""
    return MeasuredValue(name=name, value=None, note=reason)


def told(interval: Spread | None) -> tuple[MeasuredInterval | None, str]:
    """The interval as the API tells it, and what there is to say of it; None where there is none."""
    if interval is None:
        return None, ""
    if isinstance(interval, NoInterval):
        return None, interval.reason
    if not math.isfinite(interval.low) or not math.isfinite(interval.high):
        return None, "its limits are not finite numbers"
    return MeasuredInterval(
        low=interval.low,
        high=interval.high,
        level=interval.level,
        method=interval.method,
        standard_error=interval.standard_error,
        bias=interval.bias,
        replicates=interval.replicates,
        seed=interval.seed,
    ), interval.note
