"""The built-in embedding."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.metrics.problems import Unmeasurable
from services.metrics.semantic.embedding import find_embedder
from services.metrics.semantic.hashed_ngrams import DIMENSIONS, HashedNgrams

HASHED = HashedNgrams()
TEXTS = ["The cat sat.", "A dog ran far away from the cat and the old tree", "", "the CAT sat", "tree " * 60]


@settings(max_examples=50)
@given(st.lists(st.text(max_size=60), max_size=8))
def test_every_text_is_a_direction(texts: list[str]) -> None:
    rows = HASHED.embed(texts)
    assert rows.shape == (len(texts), DIMENSIONS)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_a_row_depends_on_its_text_alone() -> None:
    alone = np.concatenate([HASHED.embed([text]) for text in TEXTS])
    np.testing.assert_array_equal(HASHED.embed(TEXTS), alone)
    np.testing.assert_array_equal(HashedNgrams().embed(TEXTS), alone)


def test_texts_that_share_words_are_near() -> None:
    rows = HASHED.embed(
        ["the red fox ran home", "a red fox ran home", "stock prices fell sharply", "", "  ...\n"]
    )
    near = rows @ rows.T
    assert near[0, 1] > 0.7 > 0.3 > abs(near[0, 2])
    assert near[3, 4] == pytest.approx(1)


def test_an_unknown_embedding_is_named_with_the_known_ones() -> None:
    with pytest.raises(Unmeasurable, check=lambda error: error.code == "unknown_embedding") as caught:
        find_embedder("other", {"minilm": "/nowhere"})
    assert caught.value.field == "embedding"


def test_without_torch_the_problem_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "services.metrics.semantic.sentence_model", raising=False)
    with pytest.raises(Unmeasurable, match=r"torch is not installed.*extra `embeddings`") as caught:
        find_embedder("minilm", {"minilm": "/nowhere"})
    assert caught.value.code == "missing_extra"
