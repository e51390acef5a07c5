"""Distinct-n, EAD and n-gram diversity against sets of tuples."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.lexical.errors import LexicalError
from services.metrics.lexical.measures.distinct import (
    distinct_counts,
    distinct_n,
    distinct_ns,
    expectation_adjusted_distinct,
    ngram_diversity,
    ngram_total,
)
from services.metrics.lexical.text.tokens import Tokens
from tests.unit.services.metrics.lexical.adversarial import FIXED, all_ngrams, either, ngrams, words

ORDERS = [1, 2, 3, 4, 5]


def naive(grams: list[tuple[str, ...]]) -> float | None:
    return len(set(grams)) / len(grams) if grams else None


@given(either)
def test_equation_6_is_the_share_of_different_ngrams(corpus: list[str]) -> None:
    values = distinct_ns(Tokens.of(corpus), ORDERS)
    assert [value.value for value in values] == [naive(all_ngrams(corpus, order)) for order in ORDERS]
    assert all((value.reason is None) == (value.value is not None) for value in values)


@given(either)
def test_across_borders_the_texts_are_one(corpus: list[str]) -> None:
    joined = [word for text in corpus for word in words(text)]
    values = distinct_ns(Tokens.of(corpus), ORDERS, across=True)
    assert [value.value for value in values] == [naive(ngrams(joined, order)) for order in ORDERS]


@given(either, st.integers(1, 3), st.integers(2, 1000))
def test_ead_divides_by_what_uniform_draws_give(corpus: list[str], order: int, vocabulary: int) -> None:
    grams = all_ngrams(corpus, order)
    found = expectation_adjusted_distinct(Tokens.of(corpus), order, vocabulary=vocabulary).value
    if not grams:
        assert found is None
        return
    possible = vocabulary**order
    expected = possible * (1 - ((possible - 1) / possible) ** len(grams))
    assert found == pytest.approx(len(set(grams)) / expected, rel=1e-6)


@given(either)
def test_ngram_diversity_is_the_packages_formula(corpus: list[str]) -> None:
    tokens = " ".join(corpus).split(" ")
    found = ngram_diversity(Tokens.of(corpus, "spaces"), across=True).value
    if len(tokens) < 4 or not corpus:
        assert found is None
        return
    grams = [ngrams(tokens, order) for order in (1, 2, 3, 4)]
    assert found == pytest.approx(sum(len(set(some)) / len(some) for some in grams), rel=1e-12)


def test_texts_without_ngrams_have_a_reason_and_no_value() -> None:
    assert distinct_n(Tokens.of([])).reason == "there are no texts"
    assert (
        distinct_n(Tokens.of(FIXED["all empty"]), 1).reason == "no text has 1 tokens, so there are no 1-grams"
    )
    assert distinct_n(Tokens.of(["two words"]), 3).reason == "no text has 3 tokens, so there are no 3-grams"
    assert distinct_n(Tokens.of(["two words", "two more"]), 3, across=True).value == 1.0
    assert ngram_diversity(Tokens.of(["only three words"])).value is None
    with pytest.raises(LexicalError, match="at least one token"):
        distinct_n(Tokens.of(["a"]), 0)


def test_large_sets_count_as_sets_of_strings_do(prose: list[str]) -> None:
    """Parts, growing tables and 64-bit keys: no n-gram is lost or counted twice among half a million."""
    tokens = Tokens.of(prose)
    found = distinct_counts(tokens, ORDERS)
    for order, count in zip(ORDERS, found, strict=True):
        grams = all_ngrams(prose, order)
        assert (count, ngram_total(tokens, order)) == (len(set(grams)), len(grams))
    assert found == distinct_counts(Tokens.of(prose, seed=12345), ORDERS)
