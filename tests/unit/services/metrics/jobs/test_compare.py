"""A group measured together: equal sizes, means over cuts, values relative to the maximum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.comparison.group import relative_to_maximum
from services.metrics.comparison.sizes import equal_size
from services.metrics.jobs.compare import Comparing
from services.metrics.jobs.text_sets import embedders
from services.metrics.problems import Unmeasurable
from shared.contracts.measurement import ComparisonRequest, MeasuredValue, Metric

lengths = st.lists(st.integers(1, 30), min_size=1, max_size=40)


@given(st.dictionaries(st.sampled_from("abcd"), lengths, min_size=1), st.integers(0, 1000))
def test_cuts_have_the_size_of_the_smallest(group: dict[str, list[int]], seed: int) -> None:
    for by in ("rows", "tokens"):
        size = equal_size(group, by)  # type: ignore[arg-type]
        for counts in group.values():
            rows = size.rows(counts, seed)
            assert len(set(rows.tolist())) == len(rows) > 0
            if by == "rows":
                assert len(rows) == min(len(c) for c in group.values())
            elif len(rows) > 1:
                total = sum(counts[row] for row in rows)
                smallest = min(sum(c) for c in group.values())
                assert smallest - max(counts) < total <= smallest
    assert equal_size(group, "none").size is None


def test_an_empty_dataset_has_no_size_to_share() -> None:
    with pytest.raises(Unmeasurable, match="'b'"):
        equal_size({"a": [1], "b": []}, "rows")


def test_values_are_relative_to_the_largest() -> None:
    def value(number: float | None) -> MeasuredValue:
        return MeasuredValue(name="x", value=number)

    assert relative_to_maximum({"a": [value(2.0)], "b": [value(4.0)], "c": [value(None)]}) == {
        "x": {"a": 0.5, "b": 1}
    }
    assert relative_to_maximum({"a": [value(0.0)], "b": [value(-1.0)]}) == {}


def rows(count: int, words: int) -> list[dict[str, Any]]:
    random = np.random.default_rng(count)
    return [{"text": " ".join(f"w{n}" for n in random.integers(0, words, 9))} for _ in range(count)]


def test_a_larger_dataset_is_cut_and_it_is_said(bench: Any) -> None:
    datasets = {"small": bench.dataset(rows(20, 30)), "large": bench.dataset(rows(90, 30))}
    metrics = [Metric.DISTINCT, Metric.VENDI]
    made = bench.run(Comparing(embedders({})).compare, ComparisonRequest(datasets=datasets, metrics=metrics))
    whole = made.json("comparison.json")
    assert whole["equal_size"]["size"] == 20
    assert whole["equal_size"]["cut"] == ["large"]
    assert whole["datasets"]["large"]["rows"] == 20
    large = {value["name"]: value for value in whole["datasets"]["large"]["values"]}
    assert large["distinct_2"]["estimator"]["draws"] == 5
    assert large["distinct_2"]["estimator"]["sd_over_draws"] > 0
    assert max(whole["relative_to_maximum"]["distinct_2"].values()) == 1
    same = made.summary["datasets"]
    unequal = ComparisonRequest(datasets=datasets, metrics=metrics, equal="none", pictures=False)
    uncut = bench.run(Comparing(embedders({})).compare, unequal).summary["datasets"]
    assert uncut["large"]["distinct_1"] < 0.6 * same["large"]["distinct_1"]
    assert same["large"]["distinct_1"] == pytest.approx(same["small"]["distinct_1"], rel=0.2)
    assert {"bars_vendi.png", "lengths.png"} <= {part.name for part in made.manifest.parts}


def test_cutting_by_tokens(bench: Any) -> None:
    datasets = {"short": bench.dataset(rows(10, 30)), "long": bench.dataset(rows(50, 30))}
    request = ComparisonRequest(
        datasets=datasets, metrics=[Metric.DISTINCT], equal="tokens", draws=2, pictures=False
    )
    made = bench.run(Comparing(embedders({})).compare, request)
    assert made.summary["equal_size"]["size"] == 90
    assert made.json("comparison.json")["datasets"]["long"]["tokens"] == 90
