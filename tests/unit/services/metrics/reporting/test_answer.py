"""Which data to train on, what to expect, and what to leave."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.reporting.answer import Question, ReportAnswer, answers
from services.metrics.reporting.estimates import outcome
from services.metrics.reporting.findings import tell
from services.metrics.reporting.runs import Run
from tests.unit.services.metrics.reporting.making import run, seeds


def answer(runs: list[Run], **question: object) -> ReportAnswer:
    [found] = answers(runs, Question(**question))  # type: ignore[arg-type]
    return found


def said(runs: list[Run], **question: object) -> str:
    asked = Question(**question)  # type: ignore[arg-type]
    return "\n".join(tell(answers(runs, asked), asked).all)


REAL = seeds("real", [3.0, 3.02, 2.98], rows=50)
BETTER = seeds("mixed", [2.5, 2.52, 2.48], rows=100, axes={"rho": 0.5}, two_sample_auc=0.6)
WORSE = seeds("D1", [3.9, 3.92, 3.88], rows=100, axes={"topics": 1}, two_sample_auc=1.0, distinct_5=0.3)
UNTUNED = [run("untuned", 3.5)]


def test_it_recommends_the_lowest_loss_and_says_how_much_it_changes() -> None:
    found = answer([*REAL, *WORSE, *BETTER])
    assert found.verdict == "train"
    assert found.best is not None
    assert found.best.name == "mixed"
    assert found.best.change is not None
    assert found.best.change.value == pytest.approx(-0.5)
    assert found.best.change.sign == -1
    assert found.best.change.level == pytest.approx(1 - 0.05 / 2)  # two comparisons together at 95 %
    text = said([*REAL, *WORSE, *BETTER])
    assert "Train on mixed (100 rows; rho 0.5): expected test loss 2.5 (" in text
    assert "-0.5 (-0.5571 to -0.4429) from real's" in text
    assert "It has 100 rows, real 50: a part of the change may be that." in text  # of what is better too
    assert "Intervals cover seeds (3 seeds each)." in text
    assert "They allow for the choice among 3 on this test set" in text


def test_an_axis_that_the_name_tells_is_not_told_again() -> None:
    named = seeds("level=100", [2.5, 2.52, 2.48], rows=100, axes={"level": 100, "rho": 0.5})
    assert "Train on level=100 (100 rows; rho 0.5): expected" in said([*REAL, *named])


def test_every_change_that_is_looked_at_is_allowed_for() -> None:
    """Against the real rows and, where a warning may follow, against the model as it was."""
    level = {n: 1 - 0.05 / n for n in range(1, 9)}
    both = answer([*REAL, *WORSE, *BETTER, *UNTUNED])
    assert both.comparisons == 2 + 2 + 1  # two on real, two and real on the model as it was
    assert {dose.change.level for dose in both.doses if dose.change} == {level[5]}
    assert {dose.outcome.level for dose in both.doses} == {level[3]}
    alone = answer([*WORSE, *BETTER, *UNTUNED])
    assert alone.comparisons == 2
    assert answer([*WORSE, *BETTER]).comparisons == 0


def test_the_interval_holds_for_the_one_that_was_chosen() -> None:
    """Eight conditions that are all the same: the best of them looks better than it is, and at 95 % each the
    interval of the chosen one would miss its true loss in about one experiment of six."""
    random = np.random.default_rng(7)
    missed = alone = 0
    experiments = 300
    for _ in range(experiments):
        runs = [one for n in range(8) for one in seeds(f"D{n}", list(3 + random.normal(scale=0.1, size=4)))]
        best = answer(runs).best
        assert best is not None
        assert best.outcome.high is not None
        missed += best.outcome.high < 3
        narrow = outcome(best.condition, "loss")
        assert narrow is not None
        assert narrow.high is not None
        alone += narrow.high < 3
    assert missed / experiments <= 0.05
    assert alone / experiments > 0.1


def test_it_says_what_not_to_train_on_with_the_evidence() -> None:
    found = answer([*REAL, *WORSE, *BETTER, *UNTUNED])
    [avoid] = found.avoid
    assert (avoid.name, avoid.worse_than_untuned) == ("D1", False)  # one untuned run has no spread to compare
    assert avoid.change is not None
    assert avoid.change.sign == 1
    assert avoid.evidence == {"two_sample_auc": 1.0, "distinct_5": 0.3}
    text = said([*REAL, *WORSE, *BETTER])
    assert "D1 tested worse than real: test loss +0.9 (" in text  # as what, the runs do not say
    assert "two-sample AUC 1, Distinct-5 0.3" in text
    assert (
        "It has 100 rows, real 50: a part of the change may be that." in text
    )  # sizes that differ are part of the difference


def test_real_rows_are_kept_when_no_others_are_better() -> None:
    found = answer([*REAL, *WORSE])
    assert (found.verdict, found.best) == ("keep_baseline", found.baseline)
    assert found.best_generated is not None
    assert found.best_generated.name == "D1"


def test_when_the_model_was_better_untrained_nothing_is_recommended() -> None:
    runs = [*seeds("real", [3.6, 3.61]), *seeds("D1", [3.9, 3.91]), run("untuned", 3.5)]
    assert answer(runs).verdict == "do_not_train"
    assert "Do not train on any of this: the model as it is has a test loss of 3.5" in said(runs)


def test_what_a_gate_stopped_is_told() -> None:
    stopped = [run("D0", None, stopped="two_sample_auc is 0.99, above 0.9", two_sample_auc=0.99)]
    [avoid] = answer([*REAL, *stopped]).avoid
    assert (avoid.name, avoid.change) == ("D0", None)
    assert "D0 was not trained on: two_sample_auc is 0.99, above 0.9." in said([*REAL, *stopped])
    assert "D0 was not trained on" in said(stopped)


def test_conditions_that_cannot_be_told_apart_are_named_and_the_smaller_one_too() -> None:
    near = seeds("large", [2.49, 2.53, 2.47], rows=900)
    small = seeds("small", [2.5, 2.54, 2.48], rows=90)
    found = answer([*REAL, *near, *small])
    assert found.best is not None
    assert (found.best.name, found.ties, found.smallest) == ("large", ("small",), "small")
    assert "large cannot be told from small; of these small takes the fewest rows." in said([*near, *small])


def test_each_base_model_has_an_answer_of_its_own() -> None:
    runs = []
    for base, losses in {"a": (3.0, 2.0), "b": (1.0, 1.5)}.items():
        runs += [
            run(f"{label} {base}", loss, label=label, axes={"base": base})
            for label, loss in zip(("real", "D1"), losses, strict=True)
        ]
    found = answers(runs, Question(within=("base",)))
    assert [(a.within, a.verdict) for a in found] == [
        ({"base": "a"}, "train"),
        ({"base": "b"}, "keep_baseline"),
    ]
    text = said(runs, within=("base",))
    assert "[base a] Train on D1" in text
    assert "One seed, and no losses by row" in text


def test_without_an_evaluation_it_says_so() -> None:
    assert said([run("nothing yet", None)]) == ("No run has been evaluated: there is nothing to compare yet.")


@given(st.lists(st.floats(1, 9), min_size=1, max_size=8, unique=True))
def test_the_recommended_condition_always_has_the_lowest_mean(losses: list[float]) -> None:
    found = answer([run(f"D{n}", loss) for n, loss in enumerate(losses)])
    assert found.best is not None
    assert found.best.outcome.value == min(losses)
    assert [dose.outcome.value for dose in found.doses] == sorted(losses)
