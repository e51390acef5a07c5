"""One measure across datasets: a bar each, with its interval where one is known."""

from __future__ import annotations

from collections.abc import Mapping

from services.metrics.pictures.picture import INK, Picture, Value, colours, dress, finish, new_figure, shorten
from services.metrics.problems import require_rows


def bars_with_intervals(
    values: Mapping[str, float],
    intervals: Mapping[str, tuple[float, float]],
    *,
    measure: str,
    level: float = 0.95,
    reference: str | None = None,
) -> Picture:
    """Horizontal bars of `measure` by dataset. `intervals` may lack datasets: they get a bar and no whiskers.

    Data rows: dataset, value, low, high.
    """
    require_rows(len(values), 1, "A bar chart")
    names = list(values)
    figure = new_figure(7.2, 1.3 + 0.42 * len(names))
    axes = figure.subplots()
    colour = colours(names, reference)
    heights = [-place for place in range(len(names))]
    axes.barh(
        heights,
        [values[name] for name in names],
        height=0.62,
        color=[colour[name] for name in names],
        alpha=0.85,
    )
    for height, name in zip(heights, names, strict=True):
        low, high = intervals.get(name, (values[name], values[name]))
        if name in intervals:
            axes.plot([low, high], [height, height], color=INK, linewidth=1.4, marker="|", markersize=7)
        axes.annotate(
            f"{values[name]:.4g}",
            (max(high, values[name], 0), height),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=INK,
        )
    caption = f"{measure} (whiskers: {level:.0%} interval)" if intervals else measure
    dress(axes, x=caption, y="", grid="x")
    axes.set_yticks(heights, [shorten(name) for name in names])
    axes.margins(x=0.12)
    return finish(
        figure,
        name="bars",
        title=measure,
        alt=f"{measure}: " + ", ".join(f"{name} {value:.4g}" for name, value in values.items()),
        data=_rows(values, intervals),
    )


def _rows(
    values: Mapping[str, float], intervals: Mapping[str, tuple[float, float]]
) -> list[Mapping[str, Value]]:
    nothing = (None, None)
    return [
        {
            "dataset": name,
            "value": value,
            "low": intervals.get(name, nothing)[0],
            "high": intervals.get(name, nothing)[1],
        }
        for name, value in values.items()
    ]
