"""Self-BLEU against the quadratic definition, NLTK and sacrebleu."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.lexical.errors import LexicalError
from services.metrics.lexical.measures.bleu import nearest_lengths
from services.metrics.lexical.measures.self_bleu import SelfBleuCounts, self_bleu, self_bleu_scores
from services.metrics.lexical.text.tokens import Tokens
from tests.unit.services.metrics.lexical.adversarial import FIXED, either, words


def with_nltk(token_lists: list[list[str]], longest: int) -> list[float]:
    score = pytest.importorskip("nltk.translate.bleu_score")
    method = score.SmoothingFunction().method1
    weights = (1 / longest,) * longest
    others = [token_lists[:i] + token_lists[i + 1 :] for i in range(len(token_lists))]
    pairs = zip(others, token_lists, strict=True)
    return [score.sentence_bleu(refs, own, weights, smoothing_function=method) for refs, own in pairs]


def with_sacrebleu(corpus: list[str]) -> list[float]:
    bleu = pytest.importorskip("sacrebleu.metrics.bleu").BLEU(effective_order=True)
    others = [corpus[:i] + corpus[i + 1 :] for i in range(len(corpus))]
    return [bleu.sentence_score(own, refs).score for own, refs in zip(corpus, others, strict=True)]


@given(either.filter(lambda corpus: len(corpus) > 1), st.integers(2, 5))
def test_every_score_is_nltks(corpus: list[str], longest: int) -> None:
    found = self_bleu_scores(Tokens.of(corpus), longest)
    with warnings.catch_warnings(action="ignore"):
        expected = with_nltk([words(text) for text in corpus], longest)
    assert found.tolist() == pytest.approx(expected, abs=1e-12)


@given(either.filter(lambda corpus: len(corpus) > 1))
def test_every_score_is_sacrebleus(corpus: list[str]) -> None:
    found = self_bleu_scores(Tokens.of(corpus, "13a"), convention="sacrebleu")
    assert found.tolist() == pytest.approx(with_sacrebleu(corpus), abs=1e-10)


def test_equal_to_both_on_prose(prose: list[str]) -> None:
    sample = prose[:40]
    expected = with_nltk([words(text) for text in sample], 4)
    assert self_bleu(Tokens.of(sample)).value == pytest.approx(sum(expected) / 40, rel=1e-12)
    reference = with_sacrebleu(sample)
    found = self_bleu(Tokens.of(sample, "13a"), convention="sacrebleu").value
    assert found == pytest.approx(sum(reference) / 40, rel=1e-12)


@given(st.lists(either, min_size=2, max_size=3))
def test_shards_score_as_the_whole_bit_for_bit(shards: list[list[str]]) -> None:
    whole = Tokens.of([text for shard in shards for text in shard])
    if len(whole) < 2:
        return
    tokens = [Tokens.of(shard) for shard in shards]
    first, *rest = (SelfBleuCounts.of(shard) for shard in tokens)
    merged = first.merge(*rest)
    for convention in ("nltk", "sacrebleu"):
        scores = np.concatenate([merged.scores(shard, convention=convention) for shard in tokens])
        assert scores.tolist() == self_bleu_scores(whole, convention=convention).tolist()


@given(st.lists(st.integers(0, 12), min_size=2, max_size=9))
def test_nearest_length_is_that_of_another_text(lengths: list[int]) -> None:
    expected = [
        min((other for j, other in enumerate(lengths) if j != i), key=lambda other: (abs(other - own), other))
        for i, own in enumerate(lengths)
    ]
    assert nearest_lengths(np.array(lengths)).tolist() == expected


def test_one_text_or_none_has_no_value_but_a_reason() -> None:
    assert self_bleu(Tokens.of([])).reason == "there are no texts"
    assert (
        self_bleu(Tokens.of(["alone"])).reason
        == "one text cannot be compared with others: at least two are needed"
    )


def test_texts_without_tokens_score_zero_and_equal_texts_one() -> None:
    assert self_bleu(Tokens.of(FIXED["all empty"])).value == 0.0
    assert self_bleu(Tokens.of(FIXED["all equal"])).value == pytest.approx(1.0)
    assert self_bleu(Tokens.of(FIXED["all equal"]), convention="sacrebleu").value == pytest.approx(100.0)


def test_unknown_convention() -> None:
    with pytest.raises(LexicalError, match="nltk or sacrebleu"):
        self_bleu(Tokens.of(["a", "b"]), convention="bleu")
