"""Maps of embeddings in two dimensions: real beside generated, in coordinates that all panels share.

A map shows neighbourhoods, not amounts: distances between clusters in a t-SNE map mean nothing. The
measures of shift say how much; a map says where.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from openTSNE import TSNE

from services.metrics.pictures.picture import (
    REFERENCE,
    Picture,
    Value,
    colours,
    dress,
    finish,
    new_figure,
    shorten,
)
from services.metrics.problems import Unmeasurable, require_rows

Floats = NDArray[np.floating]
Projection = Literal["pca", "tsne"]
EXACT_POINTS = 2000
"""Up to so many points a tree of them (Barnes–Hut) is faster than the grid."""


def embedding_map(
    embeddings: Mapping[str, Floats],
    *,
    projection: Projection,
    reference: str | None = None,
    rows: int = 1000,
    seed: int = 0,
) -> Picture:
    """A map of up to `rows` seeded rows of each dataset (float n × d each), projected together.

    1,000 rows is what "What Matters in LLM-generated Data" draws. t-SNE is openTSNE's with perplexity 30,
    or a third of the points when they are fewer than 90; of more than `EXACT_POINTS` points its gradient is
    interpolated on a grid, whose time grows with the points alone (Linderman et al. 2019). Data rows:
    dataset, row (its place in the dataset), x, y. Raises Unmeasurable with fewer than 5 points in all, or
    when the datasets' dimensions differ.
    """
    _check(embeddings)
    reference = reference if reference in embeddings else None
    chosen = {name: _seeded_rows(len(values), rows, seed) for name, values in embeddings.items()}
    pooled = np.concatenate([embeddings[name][places] for name, places in chosen.items()]).astype(np.float64)
    require_rows(len(pooled), 5, "A map")
    places = _project(pooled, projection, seed)
    ends = np.cumsum([len(chosen[name]) for name in embeddings])
    points = dict(zip(embeddings, np.split(places, ends[:-1]), strict=True))
    return _draw(points, chosen, projection, reference)


def _check(embeddings: Mapping[str, Floats]) -> None:
    if not embeddings:
        raise Unmeasurable("empty_dataset", "A map needs at least one dataset.")
    widths = {values.shape[1] for values in embeddings.values()}
    if len(widths) > 1:
        raise Unmeasurable(
            "dimension_mismatch", f"The embeddings have different dimensions: {sorted(widths)}."
        )


def _seeded_rows(count: int, at_most: int, seed: int) -> NDArray[np.int64]:
    if count <= at_most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, at_most, replace=False))


def _project(pooled: NDArray[np.float64], projection: Projection, seed: int) -> NDArray[np.float64]:
    if projection == "pca":
        return _principal(pooled)
    perplexity = min(30.0, (len(pooled) - 1) / 3)
    start = _principal(pooled)
    if not np.ptp(start) > 0:
        return start  # one point only: there is nothing to spread
    embedding = TSNE(
        perplexity=perplexity,
        initialization=1e-4 * start / start[:, 0].std(),
        random_state=seed,
        n_jobs=1,
        negative_gradient_method="bh" if len(pooled) <= EXACT_POINTS else "fft",
    )
    return np.asarray(embedding.fit(pooled))


def _principal(pooled: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coordinates on the two axes of most variance, each turned so that its largest loading is positive."""
    centred = pooled - pooled.mean(axis=0)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :2]
    axes = axes * np.sign(np.take_along_axis(axes, np.abs(axes).argmax(axis=0)[None], axis=0))
    return np.column_stack([centred @ axes, np.zeros((len(pooled), 2 - axes.shape[1]))])


def _draw(
    points: Mapping[str, Floats],
    chosen: Mapping[str, NDArray[np.int64]],
    projection: Projection,
    reference: str | None,
) -> Picture:
    panels = [name for name in points if name != reference] or list(points)
    across = len(panels) if len(panels) <= 3 else 2 if len(panels) == 4 else 3
    down = -(-len(panels) // across)
    figure = new_figure(3.4 * across + 0.6, 3.2 * down + 0.6)
    axes = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
    colour = colours(list(points), reference)
    for axis, name in zip(axes, panels, strict=False):
        if reference is not None and name != reference:
            _scatter(axis, points[reference], REFERENCE, reference, 0.35)
        _scatter(axis, points[name], colour[name], name, 0.6)
        dress(axis, x="", y="", grid="")
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
        axis.legend(
            frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, markerscale=2
        )
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    short = "t-SNE" if projection == "tsne" else "PCA"
    method = short if projection == "tsne" else "the first two principal components"
    return finish(
        figure,
        name=f"map_{projection}",
        title=f"Where the texts lie ({short})",
        alt=f"{method} of the embeddings of "
        + ", ".join(f"{len(rows)} rows of {name}" for name, rows in chosen.items()),
        data=_rows(points, chosen),
    )


def _scatter(axis: Axes, points: Floats, colour: str, name: str, alpha: float) -> None:
    axis.scatter(
        points[:, 0],
        points[:, 1],
        s=7,
        color=colour,
        alpha=alpha,
        linewidths=0,
        label=shorten(name, 18),
        rasterized=True,
    )


def _rows(points: Mapping[str, Floats], chosen: Mapping[str, NDArray[np.int64]]) -> list[Mapping[str, Value]]:
    return [
        {"dataset": name, "row": int(row), "x": float(x), "y": float(y)}
        for name, places in points.items()
        for row, (x, y) in zip(chosen[name], places, strict=True)
    ]
