"""What a report's runs could have shown, and what it would take to show more."""

from __future__ import annotations

from typing import Any

import pytest

from services.metrics.intervals.losses import RowLosses
from services.metrics.reporting.answer import Question, ReportAnswer, answers
from services.metrics.reporting.findings import tell
from services.metrics.reporting.plain import answer_json
from services.metrics.reporting.runs import Run
from tests.unit.services.metrics.reporting.making import row_losses, run


def side(label: str, shifts: list[float], design: str, *, rows: int = 200, noise: int = 1) -> list[Run]:
    """One condition, evaluated on the same test rows at every seed."""
    own: dict[str, Any] = {"label": label, "design": design}

    def losses(seed: int, shift: float) -> RowLosses:
        return row_losses(shift, rows=rows, own=noise * (seed + 1))

    return [
        run(f"{label} (seed={seed})", None, losses=losses(seed, shift), axes={"seed": seed}, **own)
        for seed, shift in enumerate(shifts)
    ]


def answer(change: float, *, seeds: int = 4, matters: float | None = None, rows: int = 200) -> ReportAnswer:
    spread = [0.002 * (-1) ** seed for seed in range(seeds)]
    runs = side("real", [0.0] * seeds, "alone", rows=rows)
    runs += side("real + D1", [change + one for one in spread], "in_addition_to", rows=rows)
    [found] = answers(runs, Question(matters=matters))
    return found


def test_the_runs_are_the_pilot_of_what_would_show_more() -> None:
    found = answer(-0.5).certainty
    assert found is not None
    assert (found.pilot.rows, found.pilot.seeds, found.name, found.against) == (200, 4, "real + D1", "real")
    assert found.look is None


@pytest.mark.parametrize(("change", "decided"), [(-0.5, "better"), (0.5, "worse"), (0.0, "equivalent")])
def test_a_change_that_matters_is_judged_at_every_look_together(change: float, decided: str) -> None:
    found = answer(change, matters=0.1, seeds=6).certainty
    assert found is not None
    assert found.look is not None
    assert found.look.decided == decided


def test_of_one_seed_another_is_asked_for() -> None:
    found = answer(-0.5, seeds=1, matters=0.1)
    assert found.certainty is not None
    assert found.certainty.look is not None
    assert found.certainty.look.more == "seed"
    told = answer_json(found)["certainty"]
    assert isinstance(told, dict)
    assert told["look"]["low"] is None  # nothing is known of the spread yet
    assert told["takes_seeds"] is None


def test_it_is_told_in_the_findings() -> None:
    found = answer(-0.5, matters=0.1)
    said = tell([found], Question(matters=0.1))
    assert said.certainty
    assert set(said.certainty) <= set(said.all)


def test_without_losses_by_row_nothing_is_foretold() -> None:
    runs = [run("real", 4.0, design="alone"), run("real + D1", 3.0, design="in_addition_to")]
    [found] = answers(runs, Question(matters=0.1))
    assert found.certainty is None
