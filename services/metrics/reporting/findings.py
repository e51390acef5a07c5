"""What the table says, in sentences that say no more than it does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import permutation_test, rankdata

from services.metrics.reporting.runs import Run
from services.metrics.reporting.table import TITLES, difference

FEWEST_FOR_A_TREND = 4


def findings(runs: Sequence[Run], baseline: Run | None, x: str, y: str) -> list[str]:
    """Sentences about the best run, the baseline, the trend, and what one experiment cannot tell."""
    scored = sorted((run for run in runs if run.figure(y) is not None), key=lambda run: run.figure(y) or 0.0)
    if not scored:
        return ["No run has been evaluated: there is nothing to compare yet."]
    title = TITLES.get(y, y)
    said = [f"Lowest {title}: {scored[0].name} ({scored[0].figure(y):.4g})."]
    compared = [run for run in scored if y == "loss" and difference(run, baseline) is not None]
    said += [_against(run, baseline, title) for run in compared]
    said += _trend([run for run in scored if run is not baseline], x, y)
    if compared:
        said.append(
            "Intervals cover the choice of test rows, not the chance in generating and training: run "
            "several seeds before you rely on a small difference."
        )
    return said


def _against(run: Run, baseline: Run | None, title: str) -> str:
    found = difference(run, baseline)
    assert found is not None
    assert baseline is not None
    middle = (found.low + found.high) / 2
    told = f"{abs(middle):.3g} ({found.low:+.3g} to {found.high:+.3g}, 95 %, paired by test row)"
    if found.low <= 0 <= found.high:
        return f"{run.name}: {title} cannot be told from {baseline.name}'s; the difference is {told}."
    return f"{run.name}: {title} is {'higher' if middle > 0 else 'lower'} than {baseline.name}'s by {told}."


def _trend(runs: Sequence[Run], x: str, y: str) -> list[str]:
    points = [(run.figure(x), run.figure(y)) for run in runs if run.figure(x) is not None]
    if len(points) < FEWEST_FOR_A_TREND or len({point[0] for point in points}) < FEWEST_FOR_A_TREND:
        return []
    rho, p = rank_correlation(*zip(*points, strict=True))
    names = f"{TITLES.get(x, x)} and {TITLES.get(y, y)}"
    return [
        f"Across {len(points)} runs, {names} have a rank correlation of {rho:+.2f} "
        f"(p = {p:.2g}, by permutation)."
    ]


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """Spearman's ρ and its two-sided p-value under every pairing (a sample of 9,999 beyond seven points).

    The usual t approximation gives p = 0 to a few points in perfect order, where 2/n! is the truth.
    """
    ranks = rankdata(first) - (len(first) + 1) / 2
    others = rankdata(second) - (len(second) + 1) / 2
    scale = float(np.sqrt((ranks**2).sum() * (others**2).sum()))
    if scale == 0:
        return 0.0, 1.0
    found = permutation_test(
        (ranks,),
        lambda paired, axis: (paired * others).sum(axis=axis) / scale,
        permutation_type="pairings",
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    return float(found.statistic), float(found.pvalue)
