"""Length histograms against numpy on the lengths themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.lexical.measures.lengths import QUANTILES, Lengths
from services.metrics.lexical.text.tokens import Tokens
from tests.unit.services.metrics.lexical.adversarial import corpora, words

lengths = st.lists(st.integers(0, 40), min_size=1, max_size=30)


@given(corpora)
def test_lengths_are_words_and_code_points(corpus: list[str]) -> None:
    tokens = Tokens.of(corpus)
    assert Lengths.in_tokens(tokens).values().tolist() == sorted(len(words(text)) for text in corpus)
    assert Lengths.in_characters(tokens).values().tolist() == sorted(map(len, corpus))


@given(lengths)
def test_figures_are_numpys(values: list[int]) -> None:
    found = Lengths.of(np.array(values))
    assert found.mean().value == pytest.approx(np.mean(values))
    assert found.standard_deviation().value == pytest.approx(np.std(values))
    quantiles = [value.value for value in found.quantiles()]
    assert quantiles == pytest.approx(np.quantile(values, QUANTILES).tolist())
    edges = [0.0, 5.0, 10.0, 40.0]
    assert found.histogram(edges).tolist() == np.histogram(values, edges)[0].tolist()


@given(lengths, lengths)
def test_merging_adds(left: list[int], right: list[int]) -> None:
    merged = Lengths.of(np.array(left)).merge(Lengths.of(np.array(right)))
    assert merged.values().tolist() == sorted(left + right)


def test_no_texts() -> None:
    empty = Lengths.in_tokens(Tokens.of([]))
    assert empty.mean().reason == empty.standard_deviation().reason == "there are no texts"
    assert {value.reason for value in empty.quantiles()} == {"there are no texts"}
