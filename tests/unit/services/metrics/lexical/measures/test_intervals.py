"""Replicates against the measure computed again without a group."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.intervals.interval import Spread
from services.metrics.lexical.errors import LexicalError
from services.metrics.lexical.measures.distinct import distinct_n, expectation_adjusted_distinct
from services.metrics.lexical.measures.entropy import ngram_entropies
from services.metrics.lexical.measures.intervals import LeftOut, in_groups
from services.metrics.lexical.text.tokens import Tokens
from tests.unit.services.metrics.lexical.adversarial import either
from tests.unit.services.metrics.lexical.conftest import invented


def subset(tokens: Tokens, kept: np.ndarray) -> Tokens:
    spans = [tokens.select(i, i + 1) for i in np.flatnonzero(kept)]
    empty = tokens.select(0, 0)
    for span in spans:
        empty = empty.merge(span)
    return empty


@given(either, st.integers(2, 5), st.integers(1, 3), st.integers(0, 3))
def test_each_replicate_is_the_measure_without_a_group(
    corpus: list[str], groups: int, order: int, seed: int
) -> None:
    tokens = Tokens.of(corpus)
    left_out = LeftOut.of(tokens, order, groups=groups, seed=seed)
    reordered, group, sizes = in_groups(tokens, groups, seed)
    assert sizes.tolist() == np.bincount(group, minlength=1).tolist()
    sets = [tokens, *(subset(reordered, group != left) for left in range(len(left_out.sizes)))]
    for i, remaining in enumerate(sets):
        expected = distinct_n(remaining, order).value
        assert left_out.distinct_n()[i] == pytest.approx(
            np.nan if expected is None else expected, nan_ok=True
        )
        expected = ngram_entropies(remaining, [order])[0].value
        found = left_out.entropy()[i]
        assert found == pytest.approx(np.nan if expected is None else expected, abs=1e-12, nan_ok=True)
        expected = expectation_adjusted_distinct(remaining, order).value
        assert left_out.ead()[i] == pytest.approx(np.nan if expected is None else expected, nan_ok=True)


def distinct_interval(tokens: Tokens, order: int) -> Spread:
    left_out = LeftOut.of(tokens, order)
    return left_out.interval(left_out.distinct_n())


def test_intervals_hold_the_value_of_the_texts_own_law() -> None:
    """95 % intervals of Distinct-2 hold the mean of samples from one law in 9 samples of 10 or more."""
    samples = [Tokens.of(invented(200, 20, seed)) for seed in range(60)]
    centre = np.mean([distinct_n(sample, 2).value for sample in samples])
    held = [interval.low < centre < interval.high for interval in (distinct_interval(s, 2) for s in samples)]
    assert np.mean(held) >= 0.9


def test_intervals_are_around_the_value(prose: list[str]) -> None:
    tokens = Tokens.of(prose)
    left_out = LeftOut.of(tokens, 2)
    pairs = [
        (distinct_n(tokens, 2), left_out.distinct_n()),
        (ngram_entropies(tokens, [2])[0], left_out.entropy()),
        (expectation_adjusted_distinct(tokens, 2), left_out.ead()),
    ]
    for value, without in pairs:
        interval = left_out.interval(without)
        assert interval.low < value.value < interval.high
        assert 0 < interval.standard_error < value.value / 10


def test_what_has_no_interval() -> None:
    assert distinct_interval(Tokens.of([]), 2).reason == "no text has 2 tokens, so there are no 2-grams"
    assert "4 are needed" in distinct_interval(Tokens.of(["a b", "c d"]), 2).reason
    with pytest.raises(LexicalError, match="two groups"):
        LeftOut.of(Tokens.of(["a b"]), 2, groups=1)
