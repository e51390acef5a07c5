"""Runs as a report knows them, made of figures."""

from __future__ import annotations

from typing import Any

import numpy as np

from services.metrics.intervals.losses import RowLosses
from services.metrics.reporting.runs import Run
from shared.contracts.measurement import Measured, MeasuredValue


def run(
    name: str, loss: float | None, *, rows: int = 100, losses: RowLosses | None = None, **more: Any
) -> Run:
    """A run of that test loss. `axes`, `label`, `stopped`, `design`, `pool`, `length` as they are; `mixture`
    is of the dataset's summary; other names are measured values."""
    own = {
        key: more.pop(key) for key in ("axes", "label", "stopped", "design", "pool", "length") if key in more
    }
    mixture = more.pop("mixture", {})
    values = [MeasuredValue(name=key, value=value) for key, value in more.items()]
    if losses is not None:
        loss = losses.loss
    return Run(
        name=name,
        artifacts={"dataset": f"dataset of {name}"},
        dataset={"rows": rows, **mixture},
        evaluation={} if loss is None else {"loss": loss},
        measured=Measured(rows=rows, values=values) if values else None,
        losses=losses,
        **own,
    )


def seeds(label: str, losses: list[float], **more: Any) -> list[Run]:
    """One condition, a run for each seed."""
    axes = more.pop("axes", {})
    return [
        run(f"{label} (seed={seed})", loss, label=label, axes={**axes, "seed": seed}, **more)
        for seed, loss in enumerate(losses)
    ]


def row_losses(
    shift: float, *, noise: float = 0.3, rows: int = 200, seed: int = 0, own: int = 1
) -> RowLosses:
    """Losses of test rows whose difficulty (`seed`) is shared, plus noise of the run's `own`."""
    random = np.random.default_rng(seed)
    tokens = random.integers(5, 20, rows).astype(np.float64)
    hard = random.normal(size=rows)
    mine = np.random.default_rng(own).normal(scale=0.3, size=rows)
    return RowLosses(tuple(map(str, range(rows))), tokens * (3 + shift + 0.5 * hard + mine), tokens)
