"""Vocabulary growth: distinct words against words read, with Heaps' law V(n) = K·n^β through each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from services.metrics.pictures.picture import (
    Picture,
    Value,
    colours,
    dress,
    finish,
    marker,
    new_figure,
    shorten,
)
from services.metrics.problems import Unmeasurable


@dataclass(frozen=True)
class GrowthCurve:
    """Points (words read, distinct words) and, where one was fitted, Heaps' law."""

    words: Sequence[int]
    vocabulary: Sequence[int]
    k: float | None = None
    beta: float | None = None


def vocabulary_growth(curves: Mapping[str, GrowthCurve], *, reference: str | None = None) -> Picture:
    """Growth curves by dataset on logarithmic axes; the fitted law is a thin line, its β in the legend.

    Data rows: dataset, words, vocabulary, fitted.
    """
    figure = new_figure(7.2, 4.4)
    axes = figure.subplots()
    colour = colours(list(curves), reference)
    for place, (name, curve) in enumerate(curves.items()):
        if not len(curve.words):
            raise Unmeasurable(
                "no_tokens", f"The texts of {name!r} hold no words: they have no growth curve."
            )
        label = shorten(name) + ("" if curve.beta is None else f"  β = {curve.beta:.3f}")
        axes.plot(
            curve.words,
            curve.vocabulary,
            color=colour[name],
            marker=marker(place),
            markevery=max(1, len(curve.words) // 8),
            markersize=5,
            linewidth=2,
            label=label,
        )
        if (fitted := _fitted(curve)) is not None:
            axes.plot(curve.words, fitted, color=colour[name], linewidth=0.9, linestyle="--")
    dress(axes, x="words read", y="distinct words (dashed: K·n^β)", grid="both")
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axis.set_minor_formatter(NullFormatter())
    axes.legend(frameon=False, fontsize=8)
    return finish(
        figure,
        name="vocabulary_growth",
        title="How the vocabulary grows",
        alt="; ".join(
            f"{name}: {c.vocabulary[-1]} distinct of {c.words[-1]} words" for name, c in curves.items()
        ),
        data=_rows(curves),
    )


def _fitted(curve: GrowthCurve) -> list[float] | None:
    if curve.k is None or curve.beta is None:
        return None
    return [float(value) for value in curve.k * np.asarray(curve.words, dtype=np.float64) ** curve.beta]


def _rows(curves: Mapping[str, GrowthCurve]) -> list[Mapping[str, Value]]:
    return [
        {"dataset": name, "words": words, "vocabulary": vocabulary, "fitted": fitted}
        for name, curve in curves.items()
        for words, vocabulary, fitted in zip(
            curve.words, curve.vocabulary, _fitted(curve) or repeat(None, len(curve.words)), strict=True
        )
    ]
