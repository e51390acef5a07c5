"""Heaps' law against a Python set and numpy's least squares; the jackknife against leaving texts out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from services.metrics.intervals.interval import NoInterval
from services.metrics.lexical.errors import LexicalError
from services.metrics.lexical.measures.heaps import GROUPS, HeapsState, log_line
from services.metrics.lexical.text.tokens import Tokens
from tests.unit.services.metrics.lexical.adversarial import either, words


def naive_points(corpus: list[str], step: int) -> list[list[int]]:
    seen: set[str] = set()
    points = []
    for count, word in enumerate((word for text in corpus for word in words(text)), start=1):
        seen.add(word)
        if count % step == 0:
            points.append([count, len(seen)])
    return points


@given(either, st.integers(1, 5))
def test_points_are_a_sets_sizes(corpus: list[str], step: int) -> None:
    assert HeapsState.of(Tokens.of(corpus)).points(step).tolist() == naive_points(corpus, step)


@given(either, st.integers(1, 3))
def test_without_a_group_is_without_its_texts(corpus: list[str], step: int) -> None:
    state = HeapsState.of(Tokens.of(corpus))
    for group in set(state.text_groups.tolist()):
        rest = [text for text, own in zip(corpus, state.text_groups, strict=True) if own != group]
        assert state.without(group, step).tolist() == naive_points(rest, step)


@given(st.lists(either, min_size=2, max_size=4), st.integers(1, 3))
def test_merged_shards_are_the_whole(shards: list[list[str]], step: int) -> None:
    merged = HeapsState.of(Tokens.of(shards[0]))
    for shard in shards[1:]:
        merged = merged.merge(HeapsState.of(Tokens.of(shard)))
    whole = HeapsState.of(Tokens.of([text for shard in shards for text in shard]))
    rows = [
        dict(
            zip(
                state.types.tolist(),
                zip(state.first.tolist(), state.other.tolist(), state.groups.tolist(), strict=True),
                strict=True,
            )
        )
        for state in (merged, whole)
    ]
    assert rows[0] == rows[1]
    for group in range(GROUPS):
        assert merged.without(group, step).tolist() == whole.without(group, step).tolist()


def test_fit_is_least_squares_on_logarithms(prose: list[str]) -> None:
    found = HeapsState.of(Tokens.of(prose)).fit()
    tokens, types = np.array(naive_points(prose, 1000)).T
    slope, intercept = np.polyfit(np.log(tokens), np.log(types), 1)
    assert found.beta.value == pytest.approx(slope, rel=1e-9)
    assert found.k.value == pytest.approx(np.exp(intercept), rel=1e-9)
    assert found.beta_interval.low < found.beta.value < found.beta_interval.high
    assert found.k_interval.low < found.k.value < found.k_interval.high
    assert found.beta_interval.replicates == GROUPS
    assert found.k_interval.standard_error == pytest.approx(
        (found.k_interval.high - found.k_interval.low) / (2 * student.ppf(0.975, GROUPS - 1)), rel=0.1
    )


def test_a_law_is_found_again() -> None:
    """Tokens of which the n-th brings a new type whenever 3 n^0.5 passes a whole number."""
    lengths = np.arange(1, 40_001)
    growth = np.floor(3 * lengths**0.5).astype(int).tolist()
    tokens = [
        f"t{after}" if after > before else "t1" for before, after in zip([0, *growth], growth, strict=False)
    ]
    found = HeapsState.of(Tokens.of([" ".join(tokens)])).fit()
    assert found.beta.value == pytest.approx(0.5, abs=0.01)
    assert found.k.value == pytest.approx(3, rel=0.05)
    assert found.beta_interval.reason == "only 0 groups of texts can be left out, and 4 are needed"


def test_too_few_tokens_have_a_reason() -> None:
    for corpus in ([], [""], ["word " * 1999]):
        found = HeapsState.of(Tokens.of(corpus)).fit()
        assert found.beta.value is found.k.value is None
        assert "fewer than 2000 tokens" in found.beta.reason
        assert found.beta_interval == found.k_interval == NoInterval(found.beta.reason)
    with pytest.raises(LexicalError, match="one token apart"):
        HeapsState.of(Tokens.of(["a"])).fit(0)


def test_log_line_of_a_power() -> None:
    n = np.array([1000, 2000, 4000])
    intercept, slope = log_line(np.stack([n, n**2], axis=1))
    assert (np.exp(intercept), slope) == pytest.approx((1, 2))
