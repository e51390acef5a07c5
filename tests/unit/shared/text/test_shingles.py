"""A run of words is no longer than it must be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.text.shingles import Tokenised
from shared.text.unspaced import QUARTERS_OF_A_WORD
from tests.unit.shared.text.scripts import mixed, texts

sizes = st.integers(1, 8)


def parts(found: Tokenised) -> list[int]:
    return found.quarters or [QUARTERS_OF_A_WORD] * len(found.tokens)


@given(texts | mixed, sizes)
def test_a_run_of_words_is_no_longer_than_it_must_be(text: str, size: int) -> None:
    found = Tokenised.of(text)
    weights, runs = parts(found), found.runs(size)
    assert [start for start, _ in runs] == list(range(len(runs)))
    for start, end in runs:
        assert sum(weights[start:end]) >= size * QUARTERS_OF_A_WORD > sum(weights[start : end - 1])
    assert sum(weights[len(runs) :]) < size * QUARTERS_OF_A_WORD
    if not runs:
        assert found.runs_or_whole(size) == ([(0, len(weights))] if weights else [])


def test_words_of_both_kinds_may_stand_together() -> None:
    found = Tokenised.of("AI人工智能 2024年")
    assert found.shown((0, 7)) == "ai 人工智能2024 年"
    assert found.runs(2) == [(0, 3), (1, 5), (2, 6), (3, 6), (4, 7)]


@pytest.mark.parametrize("size", [1, 3])
def test_a_text_without_words_has_no_runs(size: int) -> None:
    assert Tokenised.of("… 😀").runs_or_whole(size) == []
