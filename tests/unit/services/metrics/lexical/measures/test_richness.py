"""HD-D and MTLD against their definitions written out."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.lexical.measures.richness import DRAW, RichnessState
from services.metrics.lexical.text.tokens import Tokens
from tests.unit.services.metrics.lexical.adversarial import words

longer = st.lists(
    st.builds(" ".join, st.lists(st.sampled_from([f"w{i}" for i in range(30)]), max_size=120)), max_size=4
)


def naive_hdd(tokens: list[str]) -> float:
    every = math.comb(len(tokens), DRAW)
    return sum(1 - math.comb(len(tokens) - c, DRAW) / every for c in Counter(tokens).values()) / DRAW


def naive_factors(tokens: list[str]) -> float:
    count, run = 0.0, []
    for token in tokens:
        run.append(token)
        if len(set(run)) / len(run) < 0.72:
            count, run = count + 1, []
    return count + ((1 - len(set(run)) / len(run)) / (1 - 0.72) if run else 0)


def naive_mtld(tokens: list[str]) -> float:
    directions = (naive_factors(tokens), naive_factors(tokens[::-1]))
    return sum(len(tokens) / factors if factors else len(tokens) for factors in directions) / 2


@given(longer)
def test_values_are_the_definitions(corpus: list[str]) -> None:
    state = RichnessState.of(Tokens.of(corpus))
    for text, hdd, mtld in zip(corpus, state.hdd, state.mtld, strict=True):
        tokens = words(text)
        assert hdd == (pytest.approx(naive_hdd(tokens), rel=1e-9) if len(tokens) >= DRAW else -1)
        assert mtld == (pytest.approx(naive_mtld(tokens), rel=1e-9) if tokens else -1)
    value, texts = state.mean_hdd()
    expected = [naive_hdd(words(text)) for text in corpus if len(words(text)) >= DRAW]
    assert texts == len(expected)
    assert value.value == (pytest.approx(sum(expected) / texts, rel=1e-9) if texts else None)


@given(longer, longer)
def test_merged_shards_are_the_whole_bit_for_bit(left: list[str], right: list[str]) -> None:
    merged = RichnessState.of(Tokens.of(left)).merge(RichnessState.of(Tokens.of(right)))
    whole = RichnessState.of(Tokens.of(left + right))
    assert merged.mean_hdd() == whole.mean_hdd()
    assert merged.mean_mtld(10) == whole.mean_mtld(10)


def test_short_texts_have_a_reason() -> None:
    state = RichnessState.of(Tokens.of(["", "one two"]))
    assert state.mean_hdd()[0].reason == "no text has 42 tokens"
    assert state.mean_mtld()[0].reason == "no text has 50 tokens"
    assert RichnessState.of(Tokens.of([])).mean_mtld(0)[0].value is None


def test_a_text_without_repetition_has_its_length() -> None:
    state = RichnessState.of(Tokens.of([" ".join(f"w{i}" for i in range(60))]))
    assert state.mean_mtld()[0].value == 60
    assert state.mean_hdd()[0].value == pytest.approx(1.0)
