"""Runs that differ in their seed only are one condition."""

from __future__ import annotations

import numpy as np
import pytest

from services.metrics.reporting.conditions import baseline_of, conditions
from tests.unit.services.metrics.reporting.making import row_losses, run, seeds


def test_seeds_are_repetitions_of_one_condition() -> None:
    found = conditions([*seeds("real", [1.0, 2.0]), *seeds("D1", [3.0], axes={"topics": 5})], "seed")
    assert [(c.name, len(c.runs), c.mean("loss")) for c in found] == [("real", 2, 1.5), ("D1", 1, 3.0)]
    assert found[1].axes == {"topics": 5}


def test_conditions_of_one_label_are_told_apart_by_what_differs() -> None:
    runs = [
        run(
            f"mixed (rho={rho}, seed={seed})", 1.0, label="mixed", axes={"rho": rho, "size": 10, "seed": seed}
        )
        for rho in (0.1, 0.5)
        for seed in (1, 2)
    ]
    assert [c.name for c in conditions(runs, "seed")] == ["mixed (rho=0.1)", "mixed (rho=0.5)"]


def test_runs_that_the_recipe_does_not_name_are_named_by_their_axes() -> None:
    runs = [
        run(f"topics={topics}, seed={seed}", 1.0, label="run", axes={"topics": topics, "seed": seed})
        for topics in (1, 5)
        for seed in (1, 2)
    ]
    assert [c.name for c in conditions(runs, "seed")] == ["topics=1", "topics=5"]


def test_the_losses_of_a_row_are_its_mean_over_the_seeds() -> None:
    both = [row_losses(0, own=1), row_losses(1, own=2)]
    runs = [run(str(n), None, label="D1", axes={"seed": n}, losses=losses) for n, losses in enumerate(both)]
    [condition] = conditions(runs, "seed")
    losses = condition.row_losses()
    assert losses is not None
    assert losses.loss == pytest.approx(np.mean([found.loss for found in both]))


def test_rows_of_another_test_set_are_not_averaged() -> None:
    both = [row_losses(0, seed=1), row_losses(0, seed=2)]
    runs = [run(str(n), None, label="D1", axes={"seed": n}, losses=losses) for n, losses in enumerate(both)]
    assert conditions(runs, "seed")[0].row_losses() is None


def test_the_baseline_is_the_one_of_the_same_model() -> None:
    runs = [run(f"real {base}", 1.0, label="real", axes={"base": base}) for base in "ab"]
    runs += [run(f"D1 {base}", 2.0, label="D1", axes={"base": base, "topics": 5}) for base in "ab"]
    found = conditions(runs, "seed")
    assert [baseline_of(c, found, "real").axes for c in found] == [  # type: ignore[union-attr]
        {"base": "a"}, {"base": "b"}, {"base": "a"}, {"base": "b"},
    ]  # fmt: skip
    assert baseline_of(found[0], found, "none") is None
