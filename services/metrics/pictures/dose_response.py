"""The picture the experiments are run for: diversity of the training data against loss on real test data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

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
from services.metrics.problems import require_rows

FAR = 2.0
"""Times the height of the doses and the first baseline together."""


@dataclass(frozen=True)
class DrawnDose:
    """One training set and what became of the model trained on it. `interval` is around the loss."""

    name: str
    diversity: float
    loss: float
    interval: tuple[float, float] | None = None
    series: str = ""


def dose_response(
    doses: Sequence[DrawnDose],
    *,
    diversity: str = "Distinct-5",
    loss: str = "test loss on real data",
    baselines: Mapping[str, float] | None = None,
) -> Picture:
    """Loss against diversity, a line per series in the order given, each point named.

    `baselines` are losses of models that saw none of this data ("real data", "no fine-tuning"): level lines.
    Data rows: series, name, diversity, loss, low, high; a baseline has no diversity.
    """
    require_rows(len(doses), 1, "A dose–response picture")
    baselines = baselines or {}
    figure = new_figure(7.2, 4.6)
    axes = figure.subplots()
    series = list(dict.fromkeys(dose.series for dose in doses))
    colour = colours(series)
    for place, name in enumerate(series):
        _draw_series(axes, [dose for dose in doses if dose.series == name], colour[name], place)
    low, high = _range(doses, baselines)
    for place, (name, value) in enumerate(baselines.items()):
        style: dict[str, Any] = {
            "color": REFERENCE,
            "linewidth": 1.4,
            "linestyle": ("--", ":", "-.")[place % 3],
        }
        if low <= value <= high:
            axes.axhline(value, label=shorten(name), **style)
        else:
            side = "above" if value > high else "below"
            axes.plot([], [], label=f"{shorten(name)}: {value:.4g}, {side} the picture", **style)
    dress(axes, x=f"diversity of the training data ({diversity})", y=loss, grid="both")
    axes.margins(0.1)
    if len(series) > 1 or baselines:
        axes.legend(frameon=False, fontsize=8)
    return finish(
        figure,
        name="dose_response",
        title="Diversity against loss (lower is better)",
        alt="; ".join(
            f"{dose.name}: {diversity} {dose.diversity:.4g}, loss {dose.loss:.4g}" for dose in doses
        ),
        data=_rows(doses, baselines),
    )


def _range(doses: Sequence[DrawnDose], baselines: Mapping[str, float]) -> tuple[float, float]:
    """Between which losses a level line is drawn: one that is far from the doses and the first baseline would
    press them together until nothing of them can be seen."""
    losses = [dose.loss for dose in doses] + list(baselines.values())[:1]
    losses += [bound for dose in doses if dose.interval for bound in dose.interval]
    room = FAR * (max(losses) - min(losses))
    return min(losses) - room, max(losses) + room


def _draw_series(axes: Axes, doses: Sequence[DrawnDose], colour: str, place: int) -> None:
    x = [dose.diversity for dose in doses]
    axes.plot(
        x,
        [dose.loss for dose in doses],
        color=colour,
        marker=marker(place),
        markersize=7,
        linewidth=1.6,
        label=shorten(doses[0].series) or None,
    )
    for dose in doses:
        if dose.interval is not None:
            axes.plot(
                [dose.diversity] * 2, dose.interval, color=colour, linewidth=1.2, marker="_", markersize=7
            )
        axes.annotate(
            shorten(dose.name, 20),
            (dose.diversity, dose.loss),
            xytext=(7, 6),
            textcoords="offset points",
            fontsize=8,
            color=INK,
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )


def _rows(doses: Sequence[DrawnDose], baselines: Mapping[str, float]) -> list[Mapping[str, Value]]:
    rows: list[Mapping[str, Value]] = [
        {
            "series": dose.series,
            "name": dose.name,
            "diversity": dose.diversity,
            "loss": dose.loss,
            "low": dose.interval[0] if dose.interval else None,
            "high": dose.interval[1] if dose.interval else None,
        }
        for dose in doses
    ]
    empty = {"series": "baseline", "diversity": None, "low": None, "high": None}
    return rows + [{**empty, "name": name, "loss": value} for name, value in baselines.items()]
