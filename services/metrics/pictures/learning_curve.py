"""The learning curve of real rows, with the conditions that have generated ones placed on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.ticker import NullFormatter, ScalarFormatter

from services.metrics.pictures.picture import (
    INK,
    REFERENCE,
    Picture,
    Value,
    colours,
    dress,
    finish,
    marker,
    new_figure,
    shorten,
)


@dataclass(frozen=True)
class DrawnPoint:
    """The curve at a number of rows. `low` and `high` are None where no interval is known."""

    rows: float
    loss: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class PlacedRows:
    """A condition: the real rows it has, its loss, and the real rows that alone would have that loss."""

    name: str
    real: float
    loss: float
    equal: float | None


def learning_curve(
    curve: Sequence[DrawnPoint],
    measured: Sequence[tuple[float, float]],
    placed: Sequence[PlacedRows],
    *,
    number: int = 1,
    within: str = "",
) -> Picture:
    """Loss against real rows on a logarithmic axis. An arrow leads from the real rows of a condition to those
    that it is worth. Of several curves of a report each has its `number` in its name, and what it is `within`
    in its title.

    Data rows: name, rows, loss, low, high, equal; of the fitted curve, the measured sizes and the conditions.
    """
    figure = new_figure(7.2, 4.6)
    axes = figure.subplots()
    rows, losses = [point.rows for point in curve], [point.loss for point in curve]
    axes.plot(rows, losses, color=REFERENCE, linewidth=1.8, label="real rows alone")
    banded = [
        (point.rows, point.low, point.high)
        for point in curve
        if point.low is not None and point.high is not None
    ]
    if banded:
        at, low, high = zip(*banded, strict=True)
        axes.fill_between(at, low, high, color=REFERENCE, alpha=0.15, linewidth=0)
    axes.plot(*zip(*measured, strict=True), "o", color=REFERENCE, markersize=6)
    colour = colours([one.name for one in placed])
    for place, one in enumerate(placed):
        end = one.equal or one.real
        axes.plot([end], [one.loss], linestyle="", marker=marker(place), color=colour[one.name], markersize=8,
                  label=shorten(one.name))  # fmt: skip
        if one.real and one.equal:
            axes.annotate(
                "", (one.equal, one.loss), (one.real, one.loss),
                arrowprops={"arrowstyle": "->", "color": colour[one.name], "linewidth": 1.2},
            )  # fmt: skip
    dress(axes, x="real rows trained on", y="test loss on real data", grid="both")
    axes.set_xscale("log")
    shown = sorted({round(rows) for rows, _ in measured})
    axes.set_xticks(shown)
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", colors=INK)
    axes.legend(frameon=False, fontsize=8)
    return finish(
        figure,
        name="learning_curve" if number == 1 else f"learning_curve_{number}",
        title="What generated rows are worth in real ones" + (f" ({within})" if within else ""),
        alt="; ".join(map(_said, placed))
        or "; ".join(f"{rows:,.0f} real rows: loss {loss:.4g}" for rows, loss in measured),
        data=_rows(curve, measured, placed),
    )


def _said(one: PlacedRows) -> str:
    equal = "no number of" if one.equal is None else f"{one.equal:,.0f}"
    return f"{one.name}: loss {one.loss:.4g}, that of {equal} real rows"


def _rows(
    curve: Sequence[DrawnPoint], measured: Sequence[tuple[float, float]], placed: Sequence[PlacedRows]
) -> list[Mapping[str, Value]]:
    fitted: list[Mapping[str, Value]] = [
        {"name": "curve", "rows": p.rows, "loss": p.loss, "low": p.low, "high": p.high, "equal": None}
        for p in curve
    ]
    empty = {"low": None, "high": None}
    tried = [
        {"name": "measured", "rows": rows, "loss": loss, **empty, "equal": None} for rows, loss in measured
    ]
    return (
        fitted
        + tried
        + [
            {"name": one.name, "rows": one.real, "loss": one.loss, **empty, "equal": one.equal}
            for one in placed
        ]
    )
