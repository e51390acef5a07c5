"""Words where spaces are written are what they were; where none are, a text has as many as in translation."""

from __future__ import annotations

import re
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator.engine.filters.words import (
    count_between_blanks,
    count_words,
    shingle_hashes,
    words,
)
from services.generator.text.unspaced import RANGES, WORD
from tests.unit.services.generator.writing import SPACED, UNSPACED

spaced = st.text(max_size=80).filter(lambda text: not re.search(f"[{RANGES}]", text))
mixed = st.lists(
    st.sampled_from(["the", "fox’s", "人", "工", "智能", "コンピュータ", "ที่", "มี", "ខ្មែរ", " ", "。", ", "]),
    max_size=40,
).map("".join)


def runs_as_integers(tokens: list[str], size: int) -> list[int]:
    """The definition, in Python's integers."""
    width = min(size, len(tokens))
    found = []
    for start in range(len(tokens) - width + 1):
        rolled = 0
        for token in tokens[start : start + width]:
            rolled = (rolled ^ crc32(token.encode())) * 0x9E3779B97F4A7C15 % 2**64
            rolled ^= rolled >> 29
        found.append(rolled)
    return found


@given(spaced, st.integers(1, 8))
def test_words_with_spaces_are_runs_of_letters_and_digits(text: str, size: int) -> None:
    tokens = re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text.casefold())
    assert words(text).tokens == tokens
    assert words(text).count == len(tokens)
    assert shingle_hashes(words(text), size).tolist() == runs_as_integers(tokens, size)
    assert count_between_blanks(text) == len(text.split())


@pytest.mark.parametrize("language", UNSPACED)
def test_a_translation_has_about_as_many_words(language: str) -> None:
    assert 20 <= count_words(UNSPACED[language]) <= 40
    assert 20 <= count_between_blanks(UNSPACED[language]) <= 40
    assert count_words(SPACED["English"]) == 30


@given(mixed, st.integers(1, 8))
def test_a_run_of_words_is_no_longer_than_it_must_be(text: str, size: int) -> None:
    found = words(text)
    weights = found.quarters or [WORD] * len(found.tokens)
    ends = found.ends(size).tolist()
    for start, end in enumerate(ends):
        assert sum(weights[start:end]) >= size * WORD > sum(weights[start : end - 1])
    assert sum(weights[len(ends) :]) < size * WORD


@given(mixed, mixed, mixed, st.integers(1, 6))
def test_a_run_has_the_same_hash_wherever_it_stands(before: str, text: str, after: str, size: int) -> None:
    if not len(words(text).ends(size)):
        return
    alone = shingle_hashes(words(text), size)
    within = shingle_hashes(words(f"{before} {text} {after}"), size)
    assert np.isin(alone, within).all()


def test_words_of_both_kinds_may_stand_together() -> None:
    found = words("AI人工智能 2024年")
    assert found.tokens == ["ai", "人", "工", "智", "能", "2024", "年"]
    assert found.count == 5
    assert found.shown(0, 5) == "ai 人工智能"
