"""Generated rows of known worth beside 120 real ones: what they are found to be worth."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.answers.results import Row
from benchmarks.answers.world import World
from services.metrics.exchange.rates import ExchangeRate, TriedRows, exchange
from services.metrics.intervals.losses import RowLosses, loss_covariance

SIZES = (48.0, 96.0, 120.0, 168.0, 240.0)
OWN, ADDED = 120.0, 120.0
STUDIES = 40
PLANTED = {"rows that are real ones": 1.0, "half as good": 0.5, "no use": 0.0, "shuffled labels": -0.4}


def rows() -> Iterator[Row]:
    for name, worth in PLANTED.items():
        for seeds in (1, 3):
            found = [_study(worth, seeds, study) for study in range(STUDIES)]
            rates = [rate.rate for rate in found if rate.rate is not None]
            inside = np.mean([_within(worth, rate) for rate in found])
            wrong = np.mean([rate.sign == -1 if worth > 0 else rate.sign == 1 for rate in found])
            yield {
                "name": f"worth, {name}, {seeds} seed{'s' if seeds > 1 else ''}",
                "what": f"{ADDED:.0f} generated rows, each worth {worth:g} real ones, added to {OWN:.0f}",
                "studies": STUDIES,
                "planted": worth,
                "median_rate": round(float(np.median(rates)), 3),
                "covered": round(float(inside), 4),
                "said_the_opposite": round(float(wrong), 4),
                "told_from_nothing": round(float(np.mean([rate.sign != 0 for rate in found])), 4),
                "median_width": round(float(np.median([_width(rate) for rate in found])), 3),
                "target": "median within 0.1; interval holds it in 90 %; the opposite in at most 2.5 %",
                "reached": bool(abs(np.median(rates) - worth) <= 0.1 and inside >= 0.9 and wrong <= 0.025),
            }


def _study(worth: float, seeds: int, study: int) -> ExchangeRate:
    random = np.random.default_rng([study, seeds, round(100 * (worth + 1))])
    world = World.drawn(random)
    test = world.test_rows(random)

    def tried(real: float, generated: float, as_good: float) -> tuple[TriedRows, RowLosses]:
        runs = [world.trained(as_good, test, random) for _ in range(seeds)]
        return TriedRows(real, generated, tuple(run.loss for run in runs)), runs[0]

    every = [
        *(tried(size, 0, size) for size in SIZES),
        tried(OWN, ADDED, OWN + worth * ADDED),
    ]
    found = exchange(
        [one for one, _ in every[:-1]],
        [every[-1][0]],
        covariance=loss_covariance([losses for _, losses in every]),
        draws=400,
    )
    assert found is not None
    return found.rates[0]


def _within(worth: float, rate: ExchangeRate) -> bool:
    return (rate.low is None or rate.low <= worth) and (rate.high is None or worth <= rate.high)


def _width(rate: ExchangeRate) -> float:
    return np.inf if rate.low is None or rate.high is None else rate.high - rate.low
