"""The pictures of a report, as far as the runs have what they show."""

from __future__ import annotations

from collections.abc import Sequence

from services.metrics.pictures.bars import bars_with_intervals
from services.metrics.pictures.dose_response import Dose, dose_response
from services.metrics.pictures.growth import vocabulary_growth
from services.metrics.pictures.lengths import length_histograms
from services.metrics.pictures.picture import Picture
from services.metrics.reporting.runs import Run
from services.metrics.reporting.table import TITLES, cell_of

MOST_PANELS = 12
"""Datasets in a picture that draws each by itself; `report.json` and the measurements hold the others."""


def report_pictures(
    runs: Sequence[Run], baseline: Run | None, *, x: str, y: str, series: str | None
) -> list[Picture]:
    """Dose–response, bars of the measure, lengths and vocabulary growth."""
    reference = baseline.name if baseline else None
    drawn = [_doses(runs, baseline, x, y, series), _bars(runs, x, reference)]
    shown = _shown(runs, baseline)
    lengths = {run.name: counts for run in shown if (counts := run.lengths())}
    if lengths:
        drawn.append(length_histograms(lengths, reference=reference))
    curves = {run.name: curve for run in shown if (curve := run.growth())}
    if curves:
        drawn.append(vocabulary_growth(curves, reference=reference))
    return [picture for picture in drawn if picture is not None]


def _shown(runs: Sequence[Run], baseline: Run | None) -> list[Run]:
    """The baseline and the first runs that differ in their data: a model trained twice on it is one panel."""
    found: dict[str, Run] = {}
    for run in ([baseline] if baseline else []) + list(runs):
        found.setdefault(run.artifacts.get("measurement", run.name), run)
    return list(found.values())[:MOST_PANELS]


def _doses(runs: Sequence[Run], baseline: Run | None, x: str, y: str, series: str | None) -> Picture | None:
    doses = []
    for run in runs:
        diversity, loss = run.figure(x), run.figure(y)
        if run is baseline or diversity is None or loss is None:
            continue
        cell = cell_of(run, y)
        interval = None if cell.low is None or cell.high is None else (cell.low, cell.high)
        line = "" if series is None else f"{series} {run.axes.get(series, '')}".strip()
        doses.append(Dose(run.name, float(diversity), float(loss), interval, line))
    if not doses:
        return None
    level = baseline.figure(y) if baseline else None
    return dose_response(
        sorted(doses, key=lambda dose: (dose.series, dose.diversity)),
        diversity=TITLES.get(x, x),
        loss=f"{TITLES.get(y, y)} on real data",
        baselines={} if baseline is None or level is None else {baseline.name: float(level)},
    )


def _bars(runs: Sequence[Run], x: str, reference: str | None) -> Picture | None:
    cells = {run.name: cell_of(run, x) for run in runs}
    values = {name: float(cell.value) for name, cell in cells.items() if isinstance(cell.value, int | float)}
    if not values:
        return None
    intervals = {
        name: (cells[name].low or 0.0, cells[name].high or 0.0)
        for name in values
        if cells[name].low is not None
    }
    return bars_with_intervals(values, intervals, measure=TITLES.get(x, x), reference=reference)
