"""Pages of a report and of one measurement: each an HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, select_autoescape

from services.metrics.pictures.picture import Picture
from services.metrics.reporting.answer import Question, ReportAnswer
from services.metrics.reporting.findings import Told
from services.metrics.reporting.recommending import told
from services.metrics.reporting.runs import Run
from services.metrics.reporting.table import TITLES, Table
from services.metrics.reporting.verdicts import Dose
from shared.contracts.measurement import Measured
from shared.contracts.report import HeldOutVerdict


def render_page(
    *,
    title: str,
    question: Question,
    answers: Sequence[ReportAnswer],
    said: Told,
    held_out: Sequence[HeldOutVerdict],
    table: Table,
    pictures: Sequence[Picture],
    runs: Sequence[Run],
    trials: Sequence[Mapping[str, Any]],
    notes: Sequence[str],
    recipe: Mapping[str, Any] | None,
) -> str:
    """The report as HTML. Everything that came from outside is escaped; pictures are in the file itself."""
    return page_template("report.html.j2").render(
        title=title,
        question=question,
        titles=TITLES,
        answers=answers,
        told=told,
        trained=trained,
        said=said,
        held_out=held_out,
        table=table,
        pictures=embedded(pictures),
        runs=runs,
        trials=trials,
        notes=notes,
        recipe=None if recipe is None else json.dumps(recipe, ensure_ascii=False, indent=2),
        estimators=_estimators(runs, table),
        uncovered=_uncovered(runs),
    )


def render_measurement(measured: Measured, pictures: Sequence[Picture], reference_rows: int | None) -> str:
    """One measurement as HTML: its pictures, its values, and the rows that tell the two sides apart."""
    return page_template("measurement.html.j2").render(
        title="Diversity" if reference_rows is None else "Diversity, and shift from the reference",
        measured=measured,
        pictures=embedded(pictures),
        reference_rows=reference_rows,
        level=next((value.interval.level for value in measured.values if value.interval), None),
        telling=measured.details.get("telling_rows"),
        uncovered=measured.details.get("uncovered"),
        echoes=measured.details.get("echoes"),
    )


def page_template(name: str) -> Template:
    environment = Environment(
        loader=PackageLoader("services.metrics.reporting", "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def embedded(pictures: Sequence[Picture]) -> list[tuple[Picture, str]]:
    """Each picture with its PNG as base64."""
    return [(picture, base64.b64encode(picture.png).decode()) for picture in pictures]


def trained(dose: Dose) -> str:
    """`9.5 (of up to 12, by held-back rows)`: how often a condition's models had seen their rows."""
    found = dose.condition.lengths
    if not found:
        return "–"
    epochs = ", ".join(dict.fromkeys(f"{length.epochs:.3g}" for length in found))
    if not all(length.chosen for length in found):
        said = "fixed"
    else:
        said = f"of up to {max(length.most_epochs for length in found):.3g}, by held-back rows"
    return f"{epochs} ({said}{', still falling' if any(length.falling for length in found) else ''})"


def _uncovered(runs: Sequence[Run]) -> tuple[Run, Any] | None:
    """The run that covers most of the real rows, and those that even it does not come near."""
    listed = [
        (run, rows)
        for run in runs
        if run.measured is not None and (rows := run.measured.details.get("uncovered"))
    ]
    return max(listed, key=lambda found: found[0].figure("coverage") or 0, default=None)


def _estimators(runs: Sequence[Run], table: Table) -> dict[str, str]:
    """How each measured column was estimated, where every run agrees; else by run."""
    told: dict[str, str] = {}
    for column in table.columns:
        lines: dict[str, list[str]] = {}
        for run in runs:
            if (value := run.value(column)) is not None:
                line = ", ".join(f"{name}: {what}" for name, what in value.estimator.items())
                lines.setdefault(line + (f" ({value.note})" if value.note else ""), []).append(run.name)
        if len(lines) == 1:
            told[table.title(column)] = next(iter(lines))
        else:
            told |= {f"{table.title(column)} of {', '.join(names)}": line for line, names in lines.items()}
    return told
