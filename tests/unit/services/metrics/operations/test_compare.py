"""A group measured together: equal sizes, means over cuts, values relative to the maximum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.comparison.group import mean_over_draws, relative_to_maximum
from services.metrics.comparison.sizes import equal_size
from services.metrics.lexical.measures.distinct import distinct_n
from services.metrics.lexical.measures.intervals import LeftOut
from services.metrics.lexical.text.tokens import Tokens
from services.metrics.measuring.values import told
from services.metrics.operations.compare import Comparing
from services.metrics.operations.text_sets import embedders
from services.metrics.problems import Unmeasurable
from services.metrics.semantic.hashed_ngrams import HashedNgrams
from services.metrics.semantic.vectors import Vectors
from services.metrics.semantic.vendi import vendi
from shared.contracts.measurement import ComparisonRequest, MeasuredInterval, MeasuredValue, Metric

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


def cut(value: float, low: float | None, **more: Any) -> list[MeasuredValue]:
    interval = (
        None if low is None else MeasuredInterval(low=low, high=value + 1, level=0.9, method="m", **more)
    )
    return [MeasuredValue(name="x", value=value, interval=interval)]


def test_the_mean_over_cuts_has_the_mean_of_their_intervals() -> None:
    (mean,) = mean_over_draws([cut(2, 1, standard_error=1, seed=4), cut(4, 2, standard_error=3, seed=4)])
    assert mean.value == 3
    assert mean.interval == MeasuredInterval(
        low=1.5, high=4, level=0.9, method="mean over cuts of m", standard_error=2, seed=4
    )
    (single,) = mean_over_draws([cut(2, 1)])
    assert single == cut(2, 1)[0]
    (lacking,) = mean_over_draws([cut(2, 1), cut(4, None)])
    assert lacking.interval is None


def test_intervals_of_cuts_hold_the_mean_of_datasets_of_that_size() -> None:
    """Distinct-1 of 40 rows from one law: cuts of 120 rows say as much of it as 40 rows do, and more."""

    def measured(tokens: Tokens) -> list[MeasuredValue]:
        left_out = LeftOut.of(tokens, 1)
        interval = told(left_out.interval(left_out.distinct_n()))[0]
        return [MeasuredValue(name="x", value=distinct_n(tokens, 1).value, interval=interval)]

    def drawn(count: int, seed: int) -> Tokens:
        words = np.random.default_rng(seed).integers(0, 60, (count, 9))
        return Tokens.of([" ".join(f"w{word}" for word in row) for row in words])

    centre = np.mean([distinct_n(drawn(40, 1000 + seed), 1).value or 0 for seed in range(40)])
    covered = 0
    for seed in range(40):
        tokens = drawn(120, seed)
        cuts = [np.sort(np.random.default_rng(draw).permutation(120)[:40]) for draw in range(3)]
        (mean,) = mean_over_draws([measured(tokens.take(kept)) for kept in cuts])
        assert mean.interval is not None
        covered += mean.interval.low <= centre <= mean.interval.high
    assert covered >= 36


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
    interval = large["distinct_2"]["interval"]
    assert interval["low"] < large["distinct_2"]["value"] < interval["high"]
    assert interval["method"] == "mean over cuts of delete-a-group jackknife"
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


class Counting(HashedNgrams):
    """Counts the texts that it embeds."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.texts += texts
        return super().embed(texts)


def test_each_dataset_is_embedded_once(bench: Any) -> None:
    """The reference is not embedded anew for every dataset, nor a dataset for every cut of it."""
    sets = {"small": rows(20, 30), "large": rows(50, 31)}
    datasets = {name: bench.dataset(made) for name, made in sets.items()}
    reference = bench.dataset(rows(40, 32))
    counting = Counting()
    request = ComparisonRequest(
        datasets=datasets,
        reference=reference,
        metrics=[Metric.VENDI, Metric.FRECHET],
        draws=4,
        pictures=False,
    )
    made = bench.run(Comparing(lambda name, precision: counting).compare, request)
    assert len(counting.texts) == 20 + 50 + 40
    values = {
        name: {value["name"]: value["value"] for value in one["values"]}
        for name, one in made.json("comparison.json")["datasets"].items()
    }
    cuts = [equal_size({"a": [9] * 20, "b": [9] * 50}, "rows").rows([9] * 50, 42 + draw) for draw in range(4)]
    texts = [row["text"] for row in sets["large"]]
    expected = [vendi(HashedNgrams().embed([texts[row] for row in cut])) for cut in cuts]
    assert values["large"]["vendi"] == pytest.approx(np.mean(expected))
    few = request.model_copy(update={"semantic_rows": 30, "metrics": [Metric.VENDI]})
    again = bench.run(Comparing(lambda name, precision: counting).compare, few).json("comparison.json")
    assert again["datasets"]["large"]["values"][0]["estimator"]["rows"] == 20
