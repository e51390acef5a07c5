"""Length distributions, one panel a dataset, with the reference's outline behind each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from services.metrics.pictures.picture import (
    INK,
    REFERENCE,
    Picture,
    Value,
    colours,
    dress,
    finish,
    new_figure,
    shorten,
)
from services.metrics.problems import require_rows

BINS = 40


def length_histograms(
    lengths: Mapping[str, Sequence[int]], *, reference: str | None = None, unit: str = "words"
) -> Picture:
    """Histograms of text lengths on common bins: `lengths` holds, by dataset, the length of every text.

    The axis ends at the longest of the datasets' 98th percentiles; what lies beyond is counted in the last
    bin, and the label says so. Data rows: dataset, from, to, count, share.
    """
    reference = reference if reference in lengths else None
    for name, values in lengths.items():
        require_rows(len(values), 1, f"The length histogram of {name!r}")
    edges, cut = _edges(lengths)
    counts = {
        name: np.histogram(np.clip(values, None, edges[-1]), edges)[0] for name, values in lengths.items()
    }
    shares = {name: count / count.sum() for name, count in counts.items()}
    panels = [name for name in lengths if name != reference] or list(lengths)
    figure = new_figure(7.2, 1.0 + 1.15 * len(panels))
    axes = figure.subplots(len(panels), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    colour = colours(list(lengths), reference)
    for axis, name in zip(axes, panels, strict=True):
        axis.stairs(shares[name], edges, fill=True, color=colour[name], alpha=0.75)
        if reference is not None and name != reference:
            label = f"{shorten(reference)} (median {np.median(lengths[reference]):g})"
            axis.stairs(shares[reference], edges, color=REFERENCE, linewidth=1.3, label=label)
        dress(axis, x="", y="share of texts", title=shorten(name, 48))
        _mark_median(axis, float(np.median(lengths[name])), unit)
    axes[0].set_ylim(0, 1.25 * max(float(share.max()) for share in shares.values()))  # room for the labels
    axes[-1].set_xlabel(
        f"{unit} per text" + (" (longer texts are in the last bin)" if cut else ""), fontsize=9
    )
    if reference is not None and reference not in panels:
        # Beside the panel's title: inside, it would lie on a median's label.
        axes[0].legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2)
    return finish(
        figure,
        name="lengths",
        title="How long the texts are",
        alt="; ".join(f"{name}: median {np.median(values):g} {unit}" for name, values in lengths.items()),
        data=_rows(counts, shares, edges),
    )


def _edges(lengths: Mapping[str, Sequence[int]]) -> tuple[NDArray[np.float64], bool]:
    """Whole-number bins, at most BINS of them, over what 98 % of each dataset needs."""
    top = max(int(np.ceil(np.percentile(values, 98))) for values in lengths.values())
    longest = max(max(values) for values in lengths.values())
    step = max(1, -(-(top + 1) // BINS))
    edges = np.arange(0, top + 1 + step, step, dtype=np.float64)
    return edges, longest > edges[-1]


def _mark_median(axis: Axes, median: float, unit: str) -> None:
    axis.axvline(median, color=INK, linewidth=1, linestyle=(0, (3, 2)))
    axis.annotate(
        f"median {median:g}",
        (median, 1),
        xycoords=("data", "axes fraction"),
        xytext=(4, -9),
        textcoords="offset points",
        fontsize=8,
        color=INK,
    )


def _rows(
    counts: Mapping[str, NDArray[np.int64]],
    shares: Mapping[str, NDArray[np.float64]],
    edges: NDArray[np.float64],
) -> list[Mapping[str, Value]]:
    return [
        {
            "dataset": name,
            "from": float(edges[place]),
            "to": float(edges[place + 1]),
            "count": int(counts[name][place]),
            "share": float(shares[name][place]),
        }
        for name in counts
        for place in range(len(edges) - 1)
    ]
