"""What the generated rows of a report's conditions are worth in real ones, where its runs have a learning
curve: real rows alone at several sizes, the baseline among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from services.metrics.exchange.curves import Floats
from services.metrics.exchange.rates import Exchange, ExchangeRate, TriedRows, exchange
from services.metrics.intervals.losses import loss_covariance
from services.metrics.reporting.conditions import Condition, same_rows
from services.metrics.reporting.verdicts import Dose

DRAWN_POINTS = 40
"""Of the curve in the picture."""


@dataclass(frozen=True)
class RowWorth:
    """One condition on the curve: its rows, and what each generated one is worth."""

    dose: Dose
    real: float
    generated: float
    rate: ExchangeRate


@dataclass(frozen=True)
class RowsWorth:
    """The curve of the real rows, and what the generated ones are worth on it. `sizes` are those measured."""

    curve: Exchange
    sizes: tuple[float, ...]
    losses: tuple[float, ...]
    worths: tuple[RowWorth, ...]
    by_name: Mapping[str, RowWorth] = field(default_factory=dict)

    def of(self, dose: Dose) -> RowWorth | None:
        return self.by_name.get(dose.name)


def rows_worth(alone: Sequence[Dose], doses: Sequence[Dose], y: str, level: float) -> RowsWorth | None:
    """None where the figure is not the loss, or where there are too few sizes of real rows alone.

    `level` is of each rate by itself: all are read off one curve and err together, so that allowing for their
    number as if they were apart would only hide what they say.
    """
    if y != "loss":
        return None
    sized = [(dose, rows) for dose in _once(alone) if (rows := dose.condition.mean("rows"))]
    placed = [(dose, amounts) for dose in doses if (amounts := _amounts(dose))]
    found = exchange(
        [_tried(dose, rows, 0.0) for dose, rows in sized],
        [_tried(dose, *amounts) for dose, amounts in placed],
        covariance=_covariance([dose.condition for dose, _ in [*sized, *placed]]),
        level=level,
        at=_between([rows for _, rows in sized]),
    )
    if found is None:
        return None
    worths = tuple(
        RowWorth(dose, *amounts, rate) for (dose, amounts), rate in zip(placed, found.rates, strict=True)
    )
    order = sorted((rows, dose.outcome.value) for dose, rows in sized)
    return RowsWorth(
        found,
        tuple(rows for rows, _ in order),
        tuple(loss for _, loss in order),
        worths,
        {worth.dose.name: worth for worth in worths},
    )


def _once(alone: Sequence[Dose]) -> Iterator[Dose]:
    """Each model once: the baseline may be one of the curve's sizes under another name."""
    seen: set[tuple[str, ...]] = set()
    for dose in alone:
        tested = tuple(run.artifacts.get("evaluation", "") for run in dose.condition.runs)
        if tested not in seen or not all(tested):
            seen.add(tested)
            yield dose


def _amounts(dose: Dose) -> tuple[float, float] | None:
    """Real and generated rows of a condition that has generated ones."""
    real, generated = dose.condition.amount("real"), dose.condition.amount("generated")
    if real is None or generated is None:
        rows = dose.condition.mean("rows") if dose.design == "in_place_of" else None
        return (0.0, rows) if rows else None
    return (real, generated) if generated else None


def _tried(dose: Dose, real: float, generated: float) -> TriedRows:
    return TriedRows(real, generated, tuple(map(float, dose.condition.figures("loss"))))


def _covariance(found: Sequence[Condition]) -> Floats | None:
    """Over the test rows, where all were evaluated on the same ones."""
    losses = [condition.row_losses() for condition in found]
    known = [rows for rows in losses if rows is not None]
    if not known or len(known) < len(losses) or known[0].drawn < 2:
        return None
    if any(not same_rows(known[0], rows) for rows in known[1:]):
        return None
    return loss_covariance(known)


def _between(sizes: Sequence[float]) -> list[float]:
    if not sizes:
        return []
    return [float(rows) for rows in np.geomspace(min(sizes), max(sizes), DRAWN_POINTS)]
