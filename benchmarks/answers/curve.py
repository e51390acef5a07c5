"""The learning curve's interval at twice the largest size that it was fitted to, against the true loss."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.answers.results import Row
from benchmarks.answers.world import World
from services.metrics.exchange.rates import TriedRows, exchange
from services.metrics.intervals.losses import loss_covariance

SIZES = (40.0, 60.0, 90.0, 135.0, 200.0)
LEFT_OUT = 400.0
STUDIES = 40
"""Of which at least 90 % must be covered."""


def rows() -> Iterator[Row]:
    for seeds in (1, 3):
        inside, widths = [], []
        for study in range(STUDIES):
            random = np.random.default_rng([study, seeds])
            world = World.drawn(random)
            test = world.test_rows(random)
            runs = [[world.trained(size, test, random) for _ in range(seeds)] for size in SIZES]
            found = exchange(
                [
                    TriedRows(size, 0, tuple(run.loss for run in tried))
                    for size, tried in zip(SIZES, runs, strict=True)
                ],
                [],
                covariance=loss_covariance([tried[0] for tried in runs]),
                at=[LEFT_OUT],
                draws=400,
            )
            assert found is not None
            point = found.points[-1]
            assert point.low is not None
            assert point.high is not None
            inside.append(point.low <= world.loss(LEFT_OUT) <= point.high)
            widths.append(point.high - point.low)
        yield {
            "name": f"curve, {seeds} seed{'s' if seeds > 1 else ''}",
            "what": f"95 % interval at {LEFT_OUT:.0f} rows, by {len(SIZES)} sizes up to {SIZES[-1]:.0f}",
            "studies": STUDIES,
            "covered": round(float(np.mean(inside)), 4),
            "median_width": round(float(np.median(widths)), 4),
            "target": "at least 90 % of 40",
            "reached": sum(inside) >= 0.9 * STUDIES,
        }
