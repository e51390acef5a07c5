"""A group's values together: means over draws, and each relative to the group's maximum."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from shared.contracts.measurement import MeasuredValue


def mean_over_draws(draws: Sequence[Sequence[MeasuredValue]]) -> list[MeasuredValue]:
    """One value for each measure of a dataset that was cut several times.

    The value is the mean over the cuts; `estimator` gains their number and their standard deviation (how
    much it matters which rows were drawn). A single draw keeps its own interval; several have none,
    because their spread is of cuts of one dataset and not of datasets.
    """
    first = list(draws[0])
    if len(draws) == 1:
        return first
    return [_mean(value, [_named(draw, value.name) for draw in draws]) for value in first]


def relative_to_maximum(
    group: Mapping[str, Sequence[MeasuredValue]],
) -> dict[str, dict[str, float]]:
    """For each measure, each dataset's value over the group's largest (as "What Matters in LLM-generated
    Data" normalises Distinct-n). Measures whose largest value is not above 0 have none."""
    names = list(dict.fromkeys(value.name for values in group.values() for value in values))
    relative: dict[str, dict[str, float]] = {}
    for name in names:
        found = {dataset: _named(values, name) for dataset, values in group.items()}
        known = {dataset: value for dataset, value in found.items() if value is not None}
        if known and max(known.values()) > 0:
            relative[name] = {dataset: value / max(known.values()) for dataset, value in known.items()}
    return relative


def _mean(value: MeasuredValue, drawn: Sequence[float | None]) -> MeasuredValue:
    known = [number for number in drawn if number is not None]
    spread = float(np.std(known, ddof=1)) if len(known) > 1 else None
    return value.model_copy(
        update={
            "value": math.fsum(known) / len(known) if known else None,
            "interval": None,
            "estimator": {**value.estimator, "draws": len(known), "sd_over_draws": spread},
        }
    )


def _named(values: Sequence[MeasuredValue], name: str) -> float | None:
    return next((value.value for value in values if value.name == name), None)
