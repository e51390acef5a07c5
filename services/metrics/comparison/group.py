"""A group's values together: means over draws, and each relative to the group's maximum."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from shared.contracts.measurement import MeasuredInterval, MeasuredValue, NoShift


def mean_over_draws(draws: Sequence[Sequence[MeasuredValue]]) -> list[MeasuredValue]:
    """One value for each measure of a dataset that was cut several times.

    The value is the mean over the cuts; `estimator` gains their number and their standard deviation (how
    much it matters which rows were drawn). Its interval is the mean of the cuts' own: each cut is as random a
    sample of that size as a whole dataset is, and the mean of several varies no more than one. (The spread
    of the cuts themselves would be no interval: they are cuts of one dataset, and not datasets.)
    """
    first = list(draws[0])
    if len(draws) == 1:
        return first
    return [_mean([_named(draw, value.name) for draw in draws]) for value in first]


def relative_to_maximum(
    group: Mapping[str, Sequence[MeasuredValue]],
) -> dict[str, dict[str, float]]:
    """For each measure, each dataset's value over the group's largest (as "What Matters in LLM-generated
    Data" normalises Distinct-n). Measures whose largest value is not above 0 have none."""
    names = list(dict.fromkeys(value.name for values in group.values() for value in values))
    relative: dict[str, dict[str, float]] = {}
    for name in names:
        found = {dataset: _named(values, name).value for dataset, values in group.items()}
        known = {dataset: value for dataset, value in found.items() if value is not None}
        if known and max(known.values()) > 0:
            relative[name] = {dataset: value / max(known.values()) for dataset, value in known.items()}
    return relative


def _mean(drawn: Sequence[MeasuredValue]) -> MeasuredValue:
    known = [one.value for one in drawn if one.value is not None]
    spread = float(np.std(known, ddof=1)) if len(known) > 1 else None
    return drawn[0].model_copy(
        update={
            "value": math.fsum(known) / len(known) if known else None,
            "interval": _mean_interval([one.interval for one in drawn if one.value is not None]),
            "no_shift": _mean_no_shift([one.no_shift for one in drawn if one.value is not None]),
            "equal_size": None if len(drawn) > 1 else drawn[0].equal_size,
            "estimator": {**drawn[0].estimator, "draws": len(known), "sd_over_draws": spread},
        }
    )


def _mean_interval(drawn: Sequence[MeasuredInterval | None]) -> MeasuredInterval | None:
    """The mean of the limits, errors and biases; none where a cut has none."""
    known = [one for one in drawn if one is not None]
    if not known or len(known) < len(drawn):
        return None
    means: dict[str, float | None] = {}
    for name in ("low", "high", "standard_error", "bias"):
        values = [value for one in known if (value := getattr(one, name)) is not None]
        means[name] = math.fsum(values) / len(values) if len(values) == len(known) else None
    return known[0].model_copy(update={**means, "method": f"mean over cuts of {known[0].method}"})


def _mean_no_shift(drawn: Sequence[NoShift | None]) -> NoShift | None:
    """The mean of what no shift looks like beside each cut, p-values too; none where a cut has none."""
    known = [one for one in drawn if one is not None]
    if not known or len(known) < len(drawn):
        return None
    names = ("median", "percentile_95", "excess", "excess_low", "excess_high", "p_value")
    means = {name: math.fsum(getattr(one, name) for one in known) / len(known) for name in names}
    return known[0].model_copy(update=means)


def _named(values: Sequence[MeasuredValue], name: str) -> MeasuredValue:
    """That measure's value; one without a value where it is missing."""
    return next(
        (value for value in values if value.name == name),
        MeasuredValue(name=name, value=None, note="not measured"),
    )
