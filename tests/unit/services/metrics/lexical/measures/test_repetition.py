"""Self-repetition against its formulas written out."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.lexical.errors import LexicalError
from services.metrics.lexical.measures.repetition import Repetition, RepetitionCounts, self_repetition
from services.metrics.lexical.ngrams.partition import Partitioner, Slice
from services.metrics.lexical.text.tokens import Tokens
from tests.unit.services.metrics.lexical.adversarial import either, ngrams, words


def naive(corpus: list[str], order: int, formula: str) -> float | None:
    if not corpus:
        return None
    texts = [ngrams(words(text), order) for text in corpus]
    total = 0.0
    for i, own in enumerate(texts):
        others = [set(text) for j, text in enumerate(texts) if j != i]
        if formula == "package":
            total += math.log(1 + sum(gram in other for gram in set(own) for other in others))
        elif own:
            total += math.log(sum(1 + sum(gram in other for other in others) for gram in own))
    return total / len(corpus)


@pytest.mark.parametrize("formula", ["paper", "package"])
@given(corpus=either, order=st.integers(1, 4))
def test_equal_to_the_formula(formula: str, corpus: list[str], order: int) -> None:
    expected = naive(corpus, order, formula)
    found = self_repetition(Tokens.of(corpus), order, formula=formula).value
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-12))


@given(either, either)
def test_shards_give_the_whole_value_bit_for_bit(left: list[str], right: list[str]) -> None:
    whole = Repetition.of(Partitioner([Tokens.of(left + right)]), 2)
    tokens = [Tokens.of(left), Tokens.of(right)]
    merged = RepetitionCounts.of(tokens[0], 2).merge(RepetitionCounts.of(tokens[1], 2))
    parts = [merged.of_shard(shard) for shard in tokens]
    assert [n for part in parts for n in part.occurrences.tolist()] == whole.occurrences.tolist()
    assert [n for part in parts for n in part.types.tolist()] == whole.types.tolist()


@given(either)
def test_slices_add_up(corpus: list[str]) -> None:
    partitioner = Partitioner([Tokens.of(corpus)])
    total = Repetition.zeros(len(corpus))
    for index in range(4):
        total += Repetition.of(partitioner, 2, Slice(index, 4))
    assert total.value() == Repetition.of(partitioner, 2).value()


def test_unknown_formula() -> None:
    with pytest.raises(LexicalError, match="paper and package"):
        self_repetition(Tokens.of(["a"]), formula="other")
