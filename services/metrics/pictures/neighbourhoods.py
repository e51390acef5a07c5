"""How near generated rows come to each real row, beside how near other real rows are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.metrics.pictures.picture import (
    DISTINCT,
    FAINT,
    INK,
    REFERENCE,
    Picture,
    dress,
    finish,
    marker,
    new_figure,
)
from services.metrics.problems import require_rows

Floats = NDArray[np.float64]
SEEN_APART = ((True, "covered", REFERENCE, 0), (False, "not covered", DISTINCT[1], 2))


def neighbourhoods(
    radius: Floats, distance: Floats, covered: NDArray[np.bool_], *, rows: NDArray[np.int64], k: int
) -> Picture:
    """A point a real row: how far its k-th nearest real row is (`radius`), and how far the nearest generated
    one (`distance`). Rows above the line are not covered. All arrays are (n,); `rows` are places in the
    reference. Data rows: row, radius, distance, covered (1 or 0).
    """
    require_rows(len(radius), 1, "A picture of coverage")
    figure = new_figure(5.6, 4.4)
    axes = figure.subplots()
    for inside, label, colour, place in SEEN_APART:
        shown = covered == inside
        axes.scatter(
            radius[shown],
            distance[shown],
            s=9,
            color=colour,
            marker=marker(place),
            alpha=0.55,
            linewidths=0,
            label=f"{label} ({int(shown.sum())})",
            rasterized=True,
        )
    end = float(max(radius.max(), distance.max())) * 1.05
    axes.plot([0, end], [0, end], color=FAINT, linewidth=1)
    dress(
        axes,
        x=f"distance to its {k}. nearest real row",
        y="distance to the nearest generated row",
        grid="both",
    )
    axes.legend(frameon=False, fontsize=8, loc="lower right", markerscale=2, labelcolor=INK)
    missed = int((~covered).sum())
    return finish(
        figure,
        name="coverage",
        title="Real rows that something generated comes near",
        alt=f"of {len(covered)} real rows, {missed} have no generated row as near as their {k}. nearest real "
        "row: they lie above the line",
        data=[
            {"row": int(row), "radius": float(own), "distance": float(other), "covered": int(inside)}
            for row, own, other, inside in zip(rows, radius, distance, covered, strict=True)
        ],
    )
