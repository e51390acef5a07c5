"""A verdict is about what was tried: rows added to the real ones, or put in their place."""

from __future__ import annotations

from typing import Any

import pytest

from services.metrics.reporting.answer import Question, ReportAnswer, answers
from services.metrics.reporting.findings import tell
from services.metrics.reporting.lengths import Length
from services.metrics.reporting.runs import Run
from tests.unit.services.metrics.reporting.making import run, seeds

BEST = Length(steps=300, planned=600, epochs=6, chosen=True, falling=False)
FIXED = Length(steps=150, planned=150, epochs=3, chosen=False, falling=True)


def real(*losses: float, length: Length | None = BEST) -> list[Run]:
    return seeds("real", list(losses), rows=400, design="alone", length=length)


def added(pool: str, *losses: float, **more: Any) -> list[Run]:
    mixture = {"unit": "rows", "real": 400, "generated": 400}
    own: dict[str, Any] = {"design": "in_addition_to", "pool": pool, "mixture": mixture, "length": BEST}
    return seeds(f"real + {pool}", list(losses), rows=800, **own, **more)


def replaced(pool: str, *losses: float, **more: Any) -> list[Run]:
    own: dict[str, Any] = {"design": "in_place_of", "pool": pool, "length": BEST}
    return seeds(pool, list(losses), rows=400, **own, **more)


REAL = real(4.01, 4.02, 4.0)
HELPS = added("D4", 3.09, 3.1, 3.08)
SAME = added("D1", 4.0, 4.02, 4.01)
HURTS = added("D0", 4.5, 4.51, 4.49)
WORSE = replaced("D4", 4.3, 4.31, 4.29)
BETTER = replaced("D9", 3.5, 3.51, 3.49)
EQUAL = replaced("D8", 4.0, 4.02, 4.01)


def answer(runs: list[Run], **question: Any) -> ReportAnswer:
    [found] = answers(runs, Question(**question))
    return found


def first(runs: list[Run]) -> str:
    return tell(answers(runs, Question()), Question()).recommendation[0]


def test_where_nothing_was_learnt_noise_is_no_verdict() -> None:
    """Paired on the test rows, a difference of 0.003 can be as sure as one of 3."""
    untuned = [run("untuned", 4.014)]
    found = answer([*REAL, *replaced("D2", 4.013, 4.023, 4.003), *untuned])
    assert found.verdict == "nothing_learnt"
    assert found.avoid == ()
    assert "`learning_rate`" in first([*REAL, *replaced("D2", 4.013, 4.023, 4.003), *untuned])
    assert answer([*REAL, *WORSE, *untuned]).verdict != "nothing_learnt"


@pytest.mark.parametrize(
    ("runs", "verdict", "recommended", "tested"),
    [
        ([*REAL, *HELPS, *WORSE], "add", "real + D4", {"in_addition_to", "in_place_of", "training_longer"}),
        ([*REAL, *HELPS], "add", "real + D4", {"in_addition_to", "training_longer"}),
        ([*REAL, *SAME, *WORSE], "add_nothing", "real", {"in_addition_to", "in_place_of", "training_longer"}),
        ([*REAL, *HURTS], "add_nothing", "real", {"in_addition_to", "training_longer"}),
        ([*REAL, *WORSE], "keep_real", "real", {"in_place_of", "training_longer"}),
        ([*REAL, *EQUAL], "keep_real", "real", {"in_place_of", "training_longer"}),
        ([*REAL, *BETTER], "replace", "D9", {"in_place_of", "training_longer"}),
        ([*real(4.01, 4.02, 4.0, length=FIXED), *HELPS], "add", "real + D4", {"in_addition_to"}),
        ([*real(4.01, 4.02, 4.0, length=None), *WORSE], "keep_real", "real", {"in_place_of"}),
    ],
    ids=["added helps, replacing hurts", "added helps", "added does nothing", "added hurts",
         "replacing hurts", "replacing does nothing", "replacing helps",
         "the real rows at a fixed length", "no lengths known"],
)  # fmt: skip
def test_every_verdict_names_what_it_was_tested_against(
    runs: list[Run], verdict: str, recommended: str, tested: set[str]
) -> None:
    found = answer(runs)
    assert found.verdict == verdict
    assert found.best is not None
    assert found.best.name == recommended
    assert set(found.tested) == tested


def test_nothing_is_to_be_left_out_that_was_not_tried_as_an_addition() -> None:
    """The same rows hurt in place of real ones and help beside them: the warning is of the first only."""
    found = answer([*REAL, *HELPS, *WORSE])
    assert [(avoid.name, avoid.design) for avoid in found.avoid] == [("D4", "in_place_of")]
    effects = {dose.name: dose.effect for dose in found.doses if dose.change}
    assert effects == {"real + D4": "helps", "D4": "hurts"}


def test_what_neither_helps_nor_hurts_is_not_recommended_for_its_luck() -> None:
    """Its mean is lower than the real rows', by less than can be told."""
    lucky = added("D1", 3.98, 4.03, 3.99)
    found = answer([*REAL, *lucky])
    assert found.doses[0].name == "real + D1"
    assert (found.verdict, found.best is found.baseline) == ("add_nothing", True)
    assert found.doses[0].effect == "no_difference"
    assert found.ties == ("real + D1",)
    assert found.avoid == ()


def test_the_first_sentence_counts_the_rows_and_both_losses() -> None:
    said = first([*REAL, *HELPS, *WORSE])
    for figure in ("400 rows of D4", "your 400", "3.09 instead of 4.01", "-0.92"):
        assert figure in said


def test_one_seed_without_losses_by_row_is_read_by_its_figures() -> None:
    runs = [*real(4.0), *added("D4", 3.5)]
    found = answer(runs)
    assert (found.verdict, found.doses[0].effect) == ("add", "unmeasured")


def test_runs_that_declare_no_design_are_read_as_before() -> None:
    old = [*seeds("real", [4.0, 4.01, 4.02]), *seeds("D1", [4.5, 4.51, 4.52])]
    found = answer(old)
    assert (found.verdict, found.tested) == ("keep_baseline", ())
    assert {avoid.design for avoid in found.avoid} == {None}


def test_fewer_real_rows_are_a_curve_and_no_candidate() -> None:
    fewer = [
        run(f"{rows} real", loss, rows=rows, label="fewer", axes={"size": rows}, design="alone")
        for rows, loss in ((200, 4.5), (100, 3.0))
    ]
    found = answer([*REAL, *HELPS, *fewer])
    assert found.best is not None
    assert found.best.name == "real + D4"
    assert [dose.condition.mean("rows") for dose in found.curve] == [100, 200]
    assert {dose.name for dose in found.doses} == {"real", "real + D4"}


def test_rows_that_beat_a_smaller_baseline_only_are_not_recommended() -> None:
    """Two sizes, each with real rows of its own: the most real rows are still the best there is."""
    sized = [
        run(f"{label} ({rows})", loss, rows=rows, axes={"size": rows}, design=design, label=label)
        for label, design, losses in (("real", "alone", (3.0, 3.9)), ("D4", "in_place_of", (3.2, 3.5)))
        for rows, loss in zip((1000, 100), losses, strict=True)
    ]
    found = answer(sized)
    assert found.verdict == "keep_real"
    assert found.best is not None
    assert found.best.outcome.value == 3.0


def test_correlations_are_over_conditions_of_one_design() -> None:
    measures = [{"distinct_5": value} for value in (0.6, 0.64, 0.68, 0.7)]
    runs = [*REAL]
    for number, measured in enumerate(measures):
        runs += added(f"D{number}", *(3.9 - 0.2 * number + n for n in (0.01, 0.0, -0.01)), **measured)
        runs += replaced(f"D{number}", *(5.0 - 0.2 * number + n for n in (0.01, 0.0, -0.01)), **measured)
    found = answer(runs)
    assert found.correlated == "in_addition_to"
    assert {c.conditions for c in found.correlations} == {4}


@pytest.mark.parametrize(("length", "sentences"), [(BEST, 0), (FIXED, 2)])
def test_a_fixed_length_and_a_curve_that_still_falls_are_warned_of(length: Length, sentences: int) -> None:
    runs = [*real(4.0, 4.01, length=length), *added("D4", 3.5, 3.51)]
    assert len(tell(answers(runs, Question()), Question()).lengths) == sentences
