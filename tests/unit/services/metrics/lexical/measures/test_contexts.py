"""Equation 5 against sets of tuples, context by context."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.lexical.errors import LexicalError, UnlikeStates
from services.metrics.lexical.measures.contexts import ContextState, distinct_n_by_context
from services.metrics.lexical.text.tokens import Tokens
from tests.unit.services.metrics.lexical.adversarial import all_ngrams, either, ngrams, words

contexts = st.lists(st.sampled_from(["", "a", "b", "é"]), min_size=8, max_size=8)


def naive(corpus: list[str], labels: list[str], order: int, across: bool) -> dict[str, float | None]:
    values: dict[str, float | None] = {}
    for context in dict.fromkeys(labels):
        own = [text for text, label in zip(corpus, labels, strict=True) if label == context]
        joined = [word for text in own for word in words(text)]
        grams = ngrams(joined, order) if across else all_ngrams(own, order)
        values[context] = len(set(grams)) / len(grams) if grams else None
    return values


@given(either, contexts, st.integers(1, 3), st.booleans())
def test_the_sum_over_contexts(corpus: list[str], labels: list[str], order: int, across: bool) -> None:
    labels = labels[: len(corpus)]
    found = distinct_n_by_context(Tokens.of(corpus), labels, order, across=across)
    present = [value for value in naive(corpus, labels, order, across).values() if value is not None]
    assert found.value == (math.fsum(present) if present else None)
    assert (found.reason is None) == bool(present)


@given(either, either, contexts, contexts)
def test_shards_merge_into_the_whole(
    left: list[str], right: list[str], some: list[str], more: list[str]
) -> None:
    some, more = some[: len(left)], more[: len(right)]
    merged = ContextState.of(Tokens.of(left), some, 2).merge(ContextState.of(Tokens.of(right), more, 2))
    whole = ContextState.of(Tokens.of(left + right), some + more, 2)
    assert merged.by_context() == whole.by_context()
    assert {label: value.value for label, value in merged.by_context().items()} == naive(
        left + right, some + more, 2, False
    )


def test_contexts_must_be_as_many_as_texts() -> None:
    with pytest.raises(LexicalError, match="2 texts need 2 contexts, and 1"):
        distinct_n_by_context(Tokens.of(["a", "b"]), ["only one"])
    assert distinct_n_by_context(Tokens.of([]), []).reason == "there are no texts"
    state = ContextState.of(Tokens.of(["a"]), ["c"], 1)
    with pytest.raises(UnlikeStates, match="another order"):
        state.merge(ContextState.of(Tokens.of(["a"]), ["c"], 2))
