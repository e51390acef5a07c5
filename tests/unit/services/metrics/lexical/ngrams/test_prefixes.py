"""Counting all orders at once against sets of tuples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.lexical.measures.distinct import distinct_counts
from services.metrics.lexical.ngrams.prefixes import distinct_by_order
from services.metrics.lexical.text.tokens import Tokens
from tests.unit.services.metrics.lexical.adversarial import FIXED, counted, either


def naive(corpus: list[str], longest: int) -> list[int]:
    return [len(counted(corpus, order)) for order in range(1, longest + 1)]


@given(either, st.integers(2, 7))
def test_every_order_is_counted_as_a_set_of_tuples_has_it(corpus: list[str], longest: int) -> None:
    assert distinct_by_order(Tokens.of(corpus), longest) == naive(corpus, longest)


@pytest.mark.parametrize("name", FIXED)
def test_odd_texts(name: str) -> None:
    assert distinct_by_order(Tokens.of(FIXED[name]), 5) == naive(FIXED[name], 5)


def test_a_line_of_a_million_tokens_among_short_ones() -> None:
    corpus = ["one two", " ".join(f"w{i % 70_001}" for i in range(1_000_000)), "w1 w2 w3", "w1", ""]
    assert distinct_by_order(Tokens.of(corpus), 5) == naive(corpus, 5)


@given(st.lists(st.lists(st.integers(0, 3), max_size=9), max_size=9))
def test_keys_that_collide_with_an_empty_slot_are_counted(corpus: list[list[int]]) -> None:
    """A token whose hash is zero, which is what marks an empty slot."""
    hashes = np.array([token for text in corpus for token in text], np.uint64) << np.uint64(3)
    offsets = np.concatenate([[0], np.cumsum([len(text) for text in corpus], dtype=np.int64)])
    tokens = Tokens(hashes, offsets.astype(np.int64), np.zeros(len(corpus), np.int64))
    texts = [" ".join(f"t{token}" for token in text) for text in corpus]
    assert distinct_by_order(tokens, 3) == naive(texts, 3)


def test_parts_of_any_number_give_the_same(prose: list[str]) -> None:
    tokens = Tokens.of(prose)
    found = distinct_by_order(tokens, 5)
    assert found == [distinct_counts(tokens, [order])[0] for order in range(1, 6)]
    for bits in (4, 7):
        assert distinct_by_order(tokens, 5, most_bits=bits) == found
