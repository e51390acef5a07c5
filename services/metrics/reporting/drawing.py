"""The pictures of a report, as far as the runs have what they show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from services.metrics.pictures.bars import bars_with_intervals
from services.metrics.pictures.dose_response import DrawnDose, dose_response
from services.metrics.pictures.growth import vocabulary_growth
from services.metrics.pictures.learning_curve import DrawnPoint, PlacedRows, learning_curve
from services.metrics.pictures.lengths import length_histograms
from services.metrics.pictures.maps import Floats, Projection, embedding_map
from services.metrics.pictures.picture import Picture
from services.metrics.problems import Unmeasurable
from services.metrics.reporting.answer import Question, ReportAnswer
from services.metrics.reporting.runs import Run
from services.metrics.reporting.table import TITLES, cell_of
from services.metrics.reporting.verdicts import Dose as Tried

MOST_CURVES = 4
"""Learning curves drawn: one for each answer, as of each base model."""
MOST_PANELS = 12
"""Datasets in a picture that draws each by itself; `report.json` and the measurements hold the others."""


def report_pictures(
    runs: Sequence[Run],
    answers: Sequence[ReportAnswer],
    question: Question,
    series: str | None,
    *,
    embedded: Callable[[Run], Floats | None] = lambda run: None,
    projection: Projection = "pca",
) -> list[Picture]:
    """Dose–response, learning curves, bars of the measure, lengths, vocabulary growth, and one map of all
    that was `embedded`."""
    baseline = next((run for run in runs if (run.label or run.name) == question.baseline), None)
    reference = baseline.name if baseline else None
    drawn = [
        _doses(answers, question, series),
        *_learning(answers),
        _bars(runs, question.x, reference),
    ]
    shown = _shown(runs, baseline)
    lengths = {run.name: counts for run in shown if (counts := run.lengths())}
    if lengths:
        drawn.append(length_histograms(lengths, reference=reference))
    curves = {run.name: curve for run in shown if (curve := run.growth())}
    if curves:
        drawn.append(vocabulary_growth(curves, reference=reference))
    drawn.append(_map(shown, reference, embedded, projection))
    return [picture for picture in drawn if picture is not None]


def _map(
    runs: Sequence[Run],
    reference: str | None,
    embedded: Callable[[Run], Floats | None],
    projection: Projection,
) -> Picture | None:
    """The rows of all of them in the same coordinates; None where nothing, or nothing alike, was embedded."""
    vectors = {run.name: embedded(run) for run in runs if run.measured is not None}
    kept = {name: found for name, found in vectors.items() if found is not None}
    if not kept.keys() - {reference}:
        return None
    try:
        return embedding_map(kept, projection=projection, reference=reference)
    except Unmeasurable:  # too few rows for a map, or embeddings of two models
        return None


def _shown(runs: Sequence[Run], baseline: Run | None) -> list[Run]:
    """The baseline and the first runs that differ in their data: a model trained twice on it is one panel."""
    found: dict[str, Run] = {}
    for run in ([baseline] if baseline else []) + list(runs):
        found.setdefault(run.artifacts.get("measurement", run.name), run)
    return list(found.values())[:MOST_PANELS]


def _doses(answers: Sequence[ReportAnswer], question: Question, series: str | None) -> Picture | None:
    """A point a condition: its mean over the seeds, and the interval of that."""
    points, levels = [], {}
    several = (
        len({dose.design for answer in answers for dose in answer.doses if _is_drawn(dose, question)}) > 1
    )
    for answer in answers:
        for dose in answer.doses:
            if dose.condition.label == question.baseline:
                levels[dose.name] = dose.outcome.value
            elif dose.x is not None:
                line = _line(dose, series, several)
                points.append(DrawnDose(dose.name, dose.x, dose.outcome.value, _bounds(dose), line))
        if answer.untuned is not None and question.untuned is not None:
            levels[question.untuned] = answer.untuned.value
    if not points:
        return None
    return dose_response(
        sorted(points, key=lambda point: (point.series, point.diversity)),
        diversity=TITLES.get(question.x, question.x),
        loss=f"{TITLES.get(question.y, question.y)} on real data",
        baselines=levels,
    )


def _learning(answers: Sequence[ReportAnswer]) -> Iterator[Picture]:
    """The curve of real rows with the additions on it, of each answer that has one."""
    curves = [(answer, answer.worth) for answer in answers if answer.worth is not None][:MOST_CURVES]
    for place, (answer, found) in enumerate(curves, 1):
        points = [DrawnPoint(point.rows, point.loss, point.low, point.high) for point in found.curve.points]
        placed = [
            PlacedRows(worth.dose.name, worth.real, worth.dose.outcome.value, worth.rate.equal)
            for worth in found.worths
            if worth.dose.design == "in_addition_to"
        ]
        yield learning_curve(
            points,
            list(zip(found.sizes, found.losses, strict=True)),
            placed,
            number=place,
            within=", ".join(f"{axis} {value}" for axis, value in answer.within.items()),
        )


def _bounds(dose: Tried) -> tuple[float, float] | None:
    low, high = dose.outcome.low, dose.outcome.high
    return None if low is None or high is None else (low, high)


def _is_drawn(dose: Tried, question: Question) -> bool:
    return dose.x is not None and dose.condition.label != question.baseline


def _line(dose: Tried, series: str | None, several: bool) -> str:
    """Points of one line: of one value of the axis, and of one design where there are several."""
    design = (dose.design or "").replace("_", " ") if several else ""
    value = "" if series is None else f"{series} {dose.condition.axes.get(series, '')}".strip()
    return ", ".join(part for part in (design, value) if part)


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
