"""The table of a report: a row a run, a column a figure that any run has."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.metrics.intervals.interval import Interval
from services.metrics.intervals.losses import difference_interval, loss_interval
from services.metrics.problems import Unmeasurable
from services.metrics.reporting.runs import Run
from services.metrics.spreadsheets import shown
from shared.contracts.measurement import ABOUT, EXCESS, P_VALUE, SHIFT, NoShift

USUAL = (
    "rows", "tokens", "trained_epochs", "distinct_5", "distinct_2", "self_bleu", "vendi",
    "cosine_distance", "heaps_beta",
    "length_mean", "js_unigram", "js_length", "js_embedding", "two_sample_auc", "coverage", "mauve",
    "duplicate_share", "echo_share",
    "cluster_score", "danger_zone", "self_preference_bias", "pro_synthetic_bias", "loss", "perplexity",
)  # fmt: skip
TITLES = {
    "rows": "rows", "tokens": "tokens", "trained_epochs": "epochs, as trained",
    "loss": "test loss", "perplexity": "perplexity", "difference": "− baseline",
    "cluster_score": "cluster-agent", "danger_zone": "danger zone",
    "self_preference_bias": "self-preference", "pro_synthetic_bias": "preference over human",
    **{name: title for about in ABOUT.values() for name, title in about.titles.items()},
    **{
        f"{name}{EXCESS}": f"{title}, excess over no shift"
        for metric in SHIFT for name, title in ABOUT[metric].titles.items()
    },
}  # fmt: skip
"""Of figures whose name does not serve as one; those of measures are told with the measure."""


NONE_SEEN = "none seen"
"""A shift that is not beyond what relabelled rows give: at this size there may be none."""
FLOOR = (EXCESS, f"{EXCESS}_low", f"{EXCESS}_high", "_no_shift_median", "_no_shift_p95", P_VALUE)
"""Columns beside a shift's, in `table.csv`."""


@dataclass(frozen=True)
class Cell:
    """A figure, its interval where one is known, and how it is printed."""

    value: float | int | str | bool | None
    low: float | None = None
    high: float | None = None
    no_shift: NoShift | None = None
    """Of a shift: what there would be without any at this size. The excess is then what is shown first."""

    @property
    def text(self) -> str:
        if self.value is None:
            return "–"
        if self.no_shift is not None:
            return f"{self.no_shift.excess:+.3g}" if self.no_shift.seen else NONE_SEEN
        if isinstance(self.value, float):
            return f"{self.value:.4g}" if abs(self.value) < 1000 else f"{self.value:,.0f}"
        return f"{self.value:,}" if isinstance(self.value, int) else str(self.value)

    @property
    def range(self) -> str:
        if self.no_shift is not None and self.value is not None:
            floor = self.no_shift
            sure = f"{floor.excess_low:+.3g} to {floor.excess_high:+.3g}; " if floor.seen else ""
            return f"{sure}{self.value:.3g}, no shift: {floor.median:.3g} to {floor.percentile_95:.3g}"
        return "" if self.low is None or self.high is None else f"{self.low:.4g} to {self.high:.4g}"

    @property
    def floor(self) -> tuple[float | None, ...]:
        """The figures of `FLOOR`."""
        found = self.no_shift
        if found is None:
            return (None,) * len(FLOOR)
        return (
            found.excess,
            found.excess_low,
            found.excess_high,
            found.median,
            found.percentile_95,
            found.p_value,
        )


@dataclass(frozen=True)
class Table:
    """`columns` are names; each row has a cell for each."""

    columns: tuple[str, ...]
    rows: tuple[Mapping[str, Cell], ...]

    def title(self, column: str) -> str:
        """The column's title; of shifts it says that the cells lead with the excess."""
        excess = any(row[column].no_shift is not None for row in self.rows)
        return TITLES.get(column, column.replace("_", " ")) + (", excess over no shift" if excess else "")

    def csv(self) -> str:
        """The table with a low and a high column beside each figure that has intervals."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        floored = {c for c in self.columns if any(row[c].no_shift is not None for row in self.rows)}
        ranged = {column for column in self.columns if any(row[column].low is not None for row in self.rows)}
        heads = [
            [
                c,
                *([f"{c}_low", f"{c}_high"] if c in ranged else []),
                *([f"{c}{at}" for at in FLOOR] if c in floored else []),
            ]
            for c in self.columns
        ]
        writer.writerow([name for head in heads for name in head])
        for row in self.rows:
            cells = [(row[c], c in ranged, c in floored) for c in self.columns]
            writer.writerow(
                [
                    shown(value)
                    for cell, wide, deep in cells
                    for value in (
                        cell.value,
                        *((cell.low, cell.high) if wide else ()),
                        *(cell.floor if deep else ()),
                    )
                ]
            )
        return text.getvalue()

    def json(self) -> list[dict[str, object]]:
        return [
            {
                c: {
                    "value": cell.value,
                    "low": cell.low,
                    "high": cell.high,
                    **({"no_shift": cell.no_shift.model_dump(mode="json")} if cell.no_shift else {}),
                }
                for c, cell in row.items()
            }
            for row in self.rows
        ]


def make_table(runs: Sequence[Run], asked: Sequence[str], label: str | None, y: str) -> Table:
    """Columns: the run, its axes, its loss and the difference from the baseline's (paired by test row), then
    the figures asked for, or the usual ones, that some run has. `label` is the baseline's."""
    axes = list(dict.fromkeys(axis for run in runs for axis in run.axes))
    figures = [
        name
        for name in dict.fromkeys([*(asked or USUAL), y])
        if any(run.figure(name) is not None for run in runs)
    ]
    rows = []
    for run in runs:
        row = {"run": Cell(run.name)}
        row |= {axis: Cell(run.axes.get(axis)) for axis in axes}
        row |= {name: cell_of(run, name) for name in figures}
        if (found := difference(run, _baseline(run, runs, label))) is not None:
            row["difference"] = Cell((found.low + found.high) / 2, found.low, found.high)
        rows.append(row)
    compared = ["difference"] if any("difference" in row for row in rows) else []
    scored = [name for name in figures if name in (y, "loss")]
    columns = ("run", *axes, *scored, *compared, *(name for name in figures if name not in scored))
    return Table(columns, tuple({column: row.get(column, Cell(None)) for column in columns} for row in rows))


def _baseline(run: Run, runs: Sequence[Run], label: str | None) -> Run | None:
    """The run of that label that agrees with this one on every axis the two share."""
    for other in runs:
        if (other.label or other.name) == label and all(
            run.axes.get(axis, value) == value for axis, value in other.axes.items()
        ):
            return other
    return None


def difference(run: Run, baseline: Run | None) -> Interval | None:
    """The interval of the run's loss minus the baseline's; None where there is no such comparison."""
    if baseline is None or run is baseline or run.losses is None or baseline.losses is None:
        return None
    try:
        return difference_interval(run.losses, baseline.losses)
    except Unmeasurable:  # evaluated on other rows
        return None


def cell_of(run: Run, name: str) -> Cell:
    value = run.value(name)
    if value is not None and value.interval is not None:
        return Cell(value.value, value.interval.low, value.interval.high, value.no_shift)
    if value is not None and value.no_shift is not None:
        return Cell(value.value, no_shift=value.no_shift)
    if name == "loss" and run.losses is not None and run.losses.drawn > 1:
        interval = loss_interval(run.losses)
        return Cell(run.figure(name), interval.low, interval.high)
    return Cell(run.figure(name))
