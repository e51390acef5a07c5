"""A picture and the numbers behind it, and the one look all of them share."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle

from services.metrics.spreadsheets import shown

INK = "#222222"
FAINT = "#8a8a8a"
GRID = "#e4e4e4"
REFERENCE = "#4d4d4d"
"""Real data is always this grey; colours are left to what was generated."""

# Okabe and Ito's colours, which readers with any common colour blindness can tell apart (black and yellow
# left out: one is the reference's ink, the other too pale on white).
DISTINCT = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
DPI = 150

Value = str | int | float | None


@dataclass(frozen=True)
class Picture:
    """`png` is the image; `data` its numbers as flat rows (JSON and CSV alike); `alt` says it in words."""

    name: str
    title: str
    alt: str
    png: bytes
    data: tuple[Mapping[str, Value], ...]

    def csv(self) -> str:
        """The data as CSV with a header row."""
        columns = list(dict.fromkeys(column for row in self.data for column in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: shown(value) for name, value in row.items()} for row in self.data)
        return text.getvalue()


def colours(names: Sequence[str], reference: str | None = None) -> dict[str, str]:
    """A colour for each dataset: grey for the reference, Okabe–Ito for up to six others, cividis beyond
    that."""
    others = [name for name in names if name != reference]
    if len(others) <= len(DISTINCT):
        palette: Sequence[Any] = DISTINCT
    else:
        palette = [
            colormaps["cividis"](0.05 + 0.85 * place / (len(others) - 1)) for place in range(len(others))
        ]
    shades = dict(zip(others, palette, strict=False))
    return {name: REFERENCE if name == reference else shades[name] for name in names}


def marker(place: int) -> MarkerStyle:
    """A shape for the place-th series, so that colour never carries a difference alone."""
    return MarkerStyle(MARKERS[place % len(MARKERS)])


def new_figure(width: float, height: float) -> Figure:
    """A figure of `width` × `height` inches, drawn without pyplot: no global state, so threads may share."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def dress(axes: Axes, *, x: str, y: str, title: str = "", grid: str = "y") -> None:
    """Labels, a left-aligned title, light grid lines and no box."""
    axes.set_xlabel(x, color=INK, fontsize=9)
    axes.set_ylabel(y, color=INK, fontsize=9)
    axes.set_title(title, loc="left", color=INK, fontsize=10)
    axes.tick_params(colors=INK, labelsize=8, length=3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(axis=grid, color=GRID, linewidth=0.8)  # type: ignore[arg-type]


def finish(
    figure: Figure, *, name: str, title: str, alt: str, data: Sequence[Mapping[str, Value]]
) -> Picture:
    """The figure as a Picture. The PNG carries no date or version, so the same numbers give the same
    bytes."""
    figure.suptitle(title, x=0.01, ha="left", color=INK, fontsize=12, fontweight="bold")
    png = io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    return Picture(name=name, title=title, alt=alt, png=png.getvalue(), data=tuple(data))


def shorten(name: str, limit: int = 28) -> str:
    """A label that fits: the middle of a long name gives way to an ellipsis. `$` would start mathematics."""
    half = (limit - 1) // 2
    fitted = name if len(name) <= limit else f"{name[:half]}…{name[-half:]}"
    return fitted.replace("$", r"\$")
