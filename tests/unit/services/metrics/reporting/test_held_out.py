"""A verdict for each test set: whether what was to get better did, and what was to be kept was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.reporting.answer import Question
from services.metrics.reporting.held_out import code, held_out_verdicts, losses_of, sentences
from services.metrics.reporting.runs import HeldOutRows, Run
from shared.contracts.report import HeldOutRule, IntervalEstimate
from tests.unit.services.metrics.reporting.making import row_losses, run, seeds

OWN, GENERAL = 1, 2


def held(shift: float, general: float, own: int) -> dict[str, HeldOutRows]:
    """Losses on a set to improve and on one to keep, each with difficulties of its own."""
    return {
        "own": HeldOutRows("improve", {"loss": row_losses(shift, seed=OWN, own=own)}),
        "general": HeldOutRows("keep", {"loss": row_losses(general, rows=2000, seed=GENERAL, own=own)}),
    }


def evaluated(name: str, shift: float, general: float, own: int) -> Run:
    return replace(run(name, 3 + shift), held_out=held(shift, general, own))


def verdicts(*runs: Run, margin: float = 0.1) -> dict[tuple[str, str, str], str]:
    found = held_out_verdicts(runs, Question(), {"general": HeldOutRule(margin=margin)})
    return {(v.test, v.name, v.against): v.verdict for v in found}


def test_each_set_has_a_verdict_of_its_own() -> None:
    found = verdicts(
        evaluated("untuned", 1.0, 0.0, 3),
        evaluated("real", 0.0, 0.0, 4),
        evaluated("added", -0.5, 0.01, 5),
        evaluated("narrow", -0.5, 0.6, 6),
        evaluated("same", 0.0, 0.0, 7),
    )
    assert found["own", "added", "real"] == found["own", "narrow", "real"] == "better"
    assert found["own", "same", "real"] == "undecided"
    assert found["own", "real", "untuned"] == "better"
    assert ("own", "added", "untuned") not in found
    assert found["general", "added", "real"] == found["general", "added", "untuned"] == "kept"
    assert found["general", "narrow", "real"] == found["general", "narrow", "untuned"] == "lost"
    assert found["general", "real", "untuned"] == "kept"


def test_less_of_a_loss_and_more_of_a_metric_are_better() -> None:
    random = np.random.default_rng(0)
    ids = tuple(map(str, range(300)))
    base = random.random(300) * 0.5

    def answered(name: str, gain: float) -> Run:
        noise = np.random.default_rng(len(name)).normal(scale=0.05, size=300)
        figures = {"f1": losses_of(ids, list(base + gain + noise), None)}
        return replace(run(name, 3.0), held_out={"test": HeldOutRows("improve", figures)})

    found = {
        v.name: v
        for v in held_out_verdicts(
            [answered("real", 0), answered("good", 0.2), answered("worst", -0.2)], Question(), {}
        )
    }
    assert {name: v.verdict for name, v in found.items()} == {"good": "better", "worst": "worse"}
    assert found["good"].change is not None
    assert found["good"].change.value == pytest.approx(0.2, abs=0.02)
    assert found["good"].value == pytest.approx(float(base.mean()) + 0.2, abs=0.02)


def test_seeds_are_one_condition() -> None:
    runs = [
        replace(one, held_out=held(shift, 0.0, 10 + number))
        for shift, label in ((0.0, "real"), (-0.5, "added"))
        for number, one in enumerate(seeds(label, [3 + shift] * 3))
    ]
    found = held_out_verdicts(runs, Question(), {})
    assert {(v.test, v.name) for v in found} == {("own", "added"), ("general", "added")}
    assert all(v.change is not None and v.change.seeds == 3 for v in found)


def test_runs_of_one_test_set_have_no_table() -> None:
    assert held_out_verdicts([run("real", 3.0), run("added", 2.0)], Question(), {}) == []


def test_what_was_tested_on_other_rows_is_not_compared() -> None:
    one, other = evaluated("real", 0.0, 0.0, 4), evaluated("added", -0.5, 0.0, 5)
    fewer = HeldOutRows("improve", {"loss": row_losses(-0.5, rows=50, seed=OWN, own=5)})
    assert verdicts(one, replace(other, held_out={"own": fewer})) == {("own", "added", "real"): "unmeasured"}


bounds = st.floats(-1, 1)


@given(bounds, bounds, st.floats(0, 0.5))
def test_no_interval_gets_two_verdicts(one: float, other: float, margin: float) -> None:
    low, high = sorted([one, other])
    moved = IntervalEstimate(
        value=(low + high) / 2, low=low, high=high, level=0.95, seeds=1, covers=("test rows",)
    )
    improved = code(moved, "improve", margin, lower_is_better=True)
    kept = code(moved, "keep", margin, lower_is_better=True)
    assert (improved == "better") == (high < 0)
    assert (improved == "worse") == (low > 0)
    assert (kept == "kept") == (high < margin)
    assert (kept == "lost") == (low > margin and high >= margin)
    mirrored = moved.model_copy(update={"low": -high, "high": -low})
    assert code(mirrored, "improve", margin, lower_is_better=False) == improved
    assert code(mirrored, "keep", margin, lower_is_better=False) == kept


def test_the_sentences_name_every_set_and_what_became_of_it() -> None:
    runs = [evaluated("real", 0.0, 0.0, 4), evaluated("added", -0.5, 0.6, 5)]
    told = sentences(held_out_verdicts(runs, Question(), {"general": HeldOutRule(margin=0.1)}))
    assert len(told) == 2
    assert "own" in told[0]
    assert "better" in told[0]
    assert "general" in told[1]
    assert "lost" in told[1]


def test_ratings_are_compared_on_the_rows_that_all_have_one_of() -> None:
    def rated(name: str, gain: float, missing: int) -> Run:
        noise = np.random.default_rng(missing).normal(scale=0.1, size=200)
        kept = [place for place in range(200) if place != missing]
        values = [3 + gain + float(noise[place]) for place in kept]
        figures = {"rubric": losses_of(tuple(map(str, kept)), values, None)}
        return replace(run(name, 3.0), held_out={"test": HeldOutRows("improve", figures)})

    (found,) = held_out_verdicts([rated("real", 0, 3), rated("added", 0.4, 7)], Question(), {})
    assert (found.figure, found.verdict) == ("rubric", "better")
