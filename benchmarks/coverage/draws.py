"""Many draws of a design, measured as the API does, and how many intervals hold the mean of all draws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.coverage.designs import DESIGNS
from benchmarks.coverage.texts import Source
from services.metrics.measuring.measure import measure
from services.metrics.measuring.subject import Embedded, Subject, TextSet, sampled_rows
from services.metrics.semantic.embedding import find_embedder
from shared.contracts.measurement import HASHED_NGRAMS, SEEN, Measured, MeasuredValue, MeasureTextsRequest

NOMINAL = 0.95
Row = dict[str, str | int | float | bool | None]


@dataclass(frozen=True)
class Plan:
    """What is drawn, how often, and what is measured of it."""

    design: str
    rows: int
    shifted: bool
    draws: int
    metrics: Sequence[str]


def covered(plan: Plan, source: Source) -> Iterator[Row]:
    """A row for each value that was measured."""
    drawn = [_measured(plan, source, draw).values for draw in range(plan.draws)]
    for name in dict.fromkeys(value.name for values in drawn for value in values):
        yield _row(name, [value for values in drawn for value in values if value.name == name], plan)


def _measured(plan: Plan, source: Source, draw: int) -> Measured:
    random = np.random.default_rng([plan.rows, draw, sorted(DESIGNS).index(plan.design), plan.shifted])
    rows = DESIGNS[plan.design](source, plan.rows, random, plan.shifted)
    request = MeasureTextsRequest.model_validate(
        {"texts": rows.texts, "reference": rows.reference, "metrics": list(plan.metrics), "seed": draw}
    )
    embedder = find_embedder(HASHED_NGRAMS, {}, precision="float32")

    def embed(texts: TextSet) -> Embedded:
        places = sampled_rows(len(texts), request.semantic_rows, request.seed)
        vectors = embedder.embed([texts.text(int(row)) for row in places])
        return Embedded(places, vectors, embedder.description)

    reference = TextSet.of(rows.reference, keys=rows.reference_groups)
    return measure(Subject(TextSet.of(rows.texts, keys=rows.groups), request, embed, reference=reference))


def _row(name: str, values: Sequence[MeasuredValue], plan: Plan) -> Row:
    known = [value for value in values if value.value is not None]
    told = [value for value in known if value.interval is not None]
    centre = float(np.mean([value.value for value in known])) if known else float("nan")
    row: Row = {
        "measure": name,
        "design": plan.design,
        "n": plan.rows,
        "shifted": plan.shifted,
        "nominal": NOMINAL,
        "draws": plan.draws,
        "mean": centre if known else None,
        "with_interval": len(told),
        "covered": _share(
            value.interval.low <= centre <= value.interval.high for value in told if value.interval
        ),
        "absent": "" if told or not values else values[0].interval_note or values[0].note,
    }
    floors = [value.no_shift for value in known if value.no_shift is not None]
    if floors and not plan.shifted:
        row["p_below_0_05"] = _share(floor.p_value <= SEEN for floor in floors)
        row["excess_covers_0"] = _share(floor.excess_low <= 0 <= floor.excess_high for floor in floors)
        if name == "two_sample_auc":
            row["half_excluded"] = _share(
                not value.interval.low <= 0.5 <= value.interval.high for value in told if value.interval
            )
    return row


def _share(held: Iterator[bool]) -> float | None:
    found = list(held)
    return round(float(np.mean(found)), 4) if found else None
