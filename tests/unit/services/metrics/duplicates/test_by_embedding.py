"""Pairs by embedding are all there are, each once; light paraphrase hides from shingles and not from them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.metrics.duplicates import near_duplicates
from services.metrics.duplicates.by_embedding import BLOCK, pairs_within
from services.metrics.duplicates.groups import Groups
from services.metrics.lexical import Tokens
from services.metrics.semantic.hashed_ngrams import HashedNgrams
from services.metrics.semantic.vectors import unit_rows
from tests.unit.services.metrics.refusals import refused


@given(st.integers(1, 60), st.integers(0, 1000), st.floats(0.05, 1))
@settings(max_examples=50)
def test_pairs_are_those_of_the_whole_matrix(rows: int, seed: int, threshold: float) -> None:
    vectors = unit_rows(np.random.default_rng(seed).normal(size=(rows, 3)))
    found = pairs_within(vectors, threshold)
    cosines = vectors @ vectors.T
    expected = {(i, j) for i in range(rows) for j in range(i + 1, rows) if cosines[i, j] >= threshold - 1e-6}
    assert {(int(i), int(j)) for i, j in found.pairs} == expected
    assert len(found.pairs) == len(expected)
    assert found.counts(rows).sum() == 2 * len(expected)


def test_blocks_do_not_show() -> None:
    vectors = unit_rows(np.random.default_rng(1).normal(size=(BLOCK + 5, 4)).astype(np.float32))
    vectors[-1] = vectors[3]
    assert (3, BLOCK + 4) in {tuple(pair) for pair in pairs_within(vectors, 1.0).pairs.tolist()}


def test_a_text_with_every_tenth_word_left_out_is_near_by_embedding_alone() -> None:
    random = np.random.default_rng(1)
    words = [f"word{number}" for number in range(2000)]
    texts = [list(random.choice(words, 60)) for _ in range(30)]
    copies = [[word for place, word in enumerate(text) if place % 10 != 4] for text in texts]
    both = [" ".join(text) for text in texts + copies]
    assert near_duplicates(Tokens.of(both)).groups.duplicates == 0
    found = pairs_within(HashedNgrams().embed(both), 0.9)
    assert Groups.of(60, found.pairs).members() == [[row, row + 30] for row in range(30)]


def test_an_embedding_that_finds_all_alike_is_told() -> None:
    with refused("too_many_pairs"):
        pairs_within(np.ones((6500, 1), np.float32), 0.9)


def test_no_rows_have_no_pairs_to_speak_of() -> None:
    with refused("empty_dataset"):
        pairs_within(np.zeros((0, 3), np.float32))
    assert len(pairs_within(np.ones((1, 1), np.float32)).pairs) == 0
    assert pytest.approx(pairs_within(np.ones((2, 1), np.float32)).cosines) == [1]
