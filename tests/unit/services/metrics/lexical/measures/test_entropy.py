"""Entropies against Counter, and against NLTK where it is installed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.lexical.errors import LexicalError
from services.metrics.lexical.measures.entropy import entropy, ngram_entropies
from services.metrics.lexical.ngrams.states import NgramCounts
from services.metrics.lexical.text.tokens import Tokens
from tests.unit.services.metrics.lexical.adversarial import all_ngrams, counted, either


@given(either, st.sampled_from([2, math.e, 10]))
def test_entropy_is_minus_sum_p_log_p(corpus: list[str], base: float) -> None:
    for order, found in zip((1, 2, 3), ngram_entropies(Tokens.of(corpus), base=base), strict=True):
        counts = counted(corpus, order)
        total = counts.total()
        if not total:
            assert found.value is None
            assert found.reason
            continue
        expected = -sum(c / total * math.log(c / total, base) for c in counts.values())
        assert found.value == pytest.approx(expected, abs=1e-12)


@given(either, either)
def test_merged_shards_have_the_whole_entropy_bit_for_bit(left: list[str], right: list[str]) -> None:
    for order in (1, 2):
        merged = NgramCounts.of(Tokens.of(left), order).merge(NgramCounts.of(Tokens.of(right), order))
        assert entropy(merged.spectrum()) == entropy(
            NgramCounts.of(Tokens.of(left + right), order).spectrum()
        )


def test_equal_to_nltk(prose: list[str]) -> None:
    """On few enough texts that NLTK's own running sum is good to 12 digits."""
    probability = pytest.importorskip("nltk.probability")
    sample = prose[:100]
    for order, found in zip((1, 2, 3), ngram_entropies(Tokens.of(sample)), strict=True):
        frequencies = probability.FreqDist(all_ngrams(sample, order))
        expected = probability.entropy(probability.MLEProbDist(frequencies))
        assert found.value == pytest.approx(expected, rel=1e-12)


def test_exact_where_a_running_sum_drifts(prose: list[str]) -> None:
    counts = counted(prose, 3).values()
    total = sum(counts)
    expected = math.fsum(-c / total * math.log2(c / total) for c in counts)
    assert ngram_entropies(Tokens.of(prose))[2].value == pytest.approx(expected, rel=1e-13)


def test_base_must_exceed_one() -> None:
    with pytest.raises(LexicalError, match="base above 1"):
        ngram_entropies(Tokens.of(["a b"]), base=1)
