"""Exchange rates: n real and m generated rows whose loss is that of n* real ones are worth (n* − n)/m each.

Two chances are in such a rate, and both are drawn together (2,000 times, seeded): which rows the test set
happens to hold, which moves the losses of the curve and of the conditions alike (their covariance over rows,
delta method), and the chance of each training. The spread of trainings is pooled from seeds, where there are
several, and from how far the sizes lie from a smooth curve; its own uncertainty is drawn too, so that the
intervals of few sizes are as wide as Student's. Ours; the nearest are fits of mixing laws
(arXiv 2403.16952) and of curves of synthetic data (arXiv 2510.01631), which give no intervals of a rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.metrics.exchange.curves import (
    PARAMETERS,
    Curves,
    Family,
    Floats,
    choose_family,
    fit,
)

DRAWS = 2000
FEWEST_SIZES = 4
"""Of real rows alone, below which three parameters leave nothing to tell the spread by."""
SEED = 20_240_316


@dataclass(frozen=True)
class TriedRows:
    """One condition: its rows, and its loss in each of its runs (seeds)."""

    real: float
    generated: float
    losses: tuple[float, ...]

    @property
    def loss(self) -> float:
        return float(np.mean(self.losses))


@dataclass(frozen=True)
class FittedPoint:
    """The curve at a number of rows, with its interval. `high` and `low` are of the loss expected there."""

    rows: float
    loss: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class ExchangeRate:
    """What the generated rows of a condition are worth. `equal` is n*: real rows that alone have its loss.

    None of `rate` and `equal`: no number of real rows would reach it, as far as the curve tells. None of a
    bound: so in so many draws that the bound is not known. `extrapolated`: the curve was not measured there.
    """

    rate: float | None
    low: float | None
    high: float | None
    equal: float | None
    extrapolated: bool
    level: float | None

    @property
    def sign(self) -> int:
        """+1: worth something; −1: harmful; 0: it cannot be told, or there is no interval."""
        if self.low is not None and self.low > 0:
            return 1
        return -1 if self.high is not None and self.high < 0 else 0


@dataclass(frozen=True)
class Exchange:
    """The curve, and a rate for each condition. `spread` of trainings has `freedom` degrees of freedom: with
    none, intervals are over test rows only."""

    family: Family
    points: tuple[FittedPoint, ...]
    rates: tuple[ExchangeRate, ...]
    smallest: float
    largest: float
    spread: float
    freedom: int
    over_rows: bool


def exchange(
    alone: Sequence[TriedRows],
    conditions: Sequence[TriedRows],
    *,
    covariance: Floats | None = None,
    level: float = 0.95,
    at: Sequence[float] = (),
    draws: int = DRAWS,
) -> Exchange | None:
    """`alone` are real rows by themselves, at `FEWEST_SIZES` sizes at least (else None); each of `conditions`
    has generated rows. `covariance` is that of all the losses over test rows, `alone` first; None: not known.
    `at`: numbers of rows at which the curve is wanted too.
    """
    sizes = np.asarray([point.real for point in alone], np.float64)
    if len(set(sizes)) < FEWEST_SIZES:
        return None
    weights = np.asarray([len(point.losses) for point in alone], np.float64)
    losses = np.asarray([point.loss for point in alone], np.float64)
    spread, freedom = _spread(sizes, losses, weights, [*alone, *conditions])
    drawn = _drawn([*alone, *conditions], covariance, spread, freedom, draws)
    family = choose_family(sizes, losses, weights)
    fitted = _Fitted.of(family, sizes, losses, drawn[:, : len(alone)], weights)
    told = level if freedom or covariance is not None else None
    rates = [
        _rate(condition, fitted, drawn[:, place], told)
        for place, condition in enumerate(conditions, len(alone))
    ]
    points = [_point(rows, fitted, told) for rows in sorted({*sizes, *at})]
    low, high = fitted.measured
    return Exchange(family, tuple(points), tuple(rates), low, high, spread, freedom, covariance is not None)


@dataclass(frozen=True)
class _Joined:
    """Inside the measured sizes one curve, and from their ends on the law's way down or up."""

    inside: Curves
    law: Curves
    measured: tuple[float, float]

    def losses(self, rows: float) -> Floats:
        nearest = min(max(rows, self.measured[0]), self.measured[1])
        return self.inside.losses(nearest) + self.law.losses(rows) - self.law.losses(nearest)

    def rows(self, losses: Floats) -> Floats:
        low, high = self.measured
        top, bottom = self.inside.losses(low), self.inside.losses(high)
        more = self.law.rows(losses - bottom + self.law.losses(high))
        fewer = self.law.rows(losses - top + self.law.losses(low))
        return np.where(losses < bottom, more, np.where(losses > top, fewer, self.inside.rows(losses)))


@dataclass(frozen=True)
class _Fitted:
    """The curve of what was seen, and that of each draw."""

    best: _Joined
    draws: _Joined

    @classmethod
    def of(cls, family: Family, sizes: Floats, losses: Floats, drawn: Floats, weights: Floats) -> _Fitted:
        measured = float(sizes.min()), float(sizes.max())

        def joined(of: Floats) -> _Joined:
            law = fit("power_law", sizes, of, weights)
            inside = law if family == "power_law" else fit(family, sizes, of, weights)
            return _Joined(inside, law, measured)

        return cls(joined(losses[None]), joined(drawn))

    @property
    def measured(self) -> tuple[float, float]:
        return self.best.measured


def _spread(sizes: Floats, losses: Floats, weights: Floats, tried: Sequence[TriedRows]) -> tuple[float, int]:
    """Standard deviation of one training's loss, pooled over seeds and how far the sizes lie from a smooth
    curve: a parabola over log n, which bends either way, so that it is chance that is left and not the law's
    misfit."""
    squares = float(sum(np.square(np.asarray(one.losses) - one.loss).sum() for one in tried))
    freedom = sum(len(one.losses) - 1 for one in tried)
    if (more := len(set(sizes)) - PARAMETERS) > 0:
        curve = np.polynomial.Polynomial.fit(np.log(sizes), losses, PARAMETERS - 1, w=np.sqrt(weights))
        squares += float((weights * (losses - curve(np.log(sizes))) ** 2).sum())
        freedom += more
    return (float(np.sqrt(squares / freedom)) if freedom else 0.0), freedom


def _drawn(
    tried: Sequence[TriedRows], covariance: Floats | None, spread: float, freedom: int, draws: int
) -> Floats:
    """Losses that might as well have been seen: a row a draw, a column a condition."""
    random = np.random.default_rng(SEED)
    seen = np.asarray([one.loss for one in tried])
    found = np.tile(seen, (draws, 1))
    if covariance is not None:
        values, vectors = np.linalg.eigh(covariance)
        found += random.normal(size=found.shape) @ (vectors * np.sqrt(np.clip(values, 0, None))).T
    if freedom:
        scale = spread * np.sqrt(freedom / random.chisquare(freedom, size=(draws, 1)))
        found += scale * random.normal(size=found.shape) / np.sqrt([len(one.losses) for one in tried])
    return found


def _rate(condition: TriedRows, fitted: _Fitted, drawn: Floats, level: float | None) -> ExchangeRate:
    equal = float(fitted.best.rows(np.asarray([condition.loss]))[0])
    equals = fitted.draws.rows(drawn)
    low, high = _bounds((equals - condition.real) / condition.generated, level)
    inside = fitted.measured[0] <= equal <= fitted.measured[1]
    rate = (equal - condition.real) / condition.generated
    return ExchangeRate(_known(rate), low, high, _known(equal), not inside, level)


def _point(rows: float, fitted: _Fitted, level: float | None) -> FittedPoint:
    low, high = _bounds(fitted.draws.losses(rows), level)
    return FittedPoint(float(rows), float(fitted.best.losses(rows)[0]), low, high)


def _bounds(values: Floats, level: float | None) -> tuple[float | None, float | None]:
    if level is None:
        return None, None
    ordered = np.sort(values)
    last = len(ordered) - 1
    low = ordered[round((1 - level) / 2 * last)]
    high = ordered[round((1 + level) / 2 * last)]
    return _known(float(low)), _known(float(high))


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
