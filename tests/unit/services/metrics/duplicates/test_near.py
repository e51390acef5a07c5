"""Near-duplicates against all pairs of Python sets."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.duplicates import near_duplicates, shingles
from services.metrics.duplicates.near import EXACT
from services.metrics.lexical.errors import LexicalError
from services.metrics.lexical.text.tokens import Tokens

# Few words and long runs of them, so that sets overlap by every degree.
few = st.lists(st.lists(st.sampled_from("abcd"), max_size=14).map(" ".join), max_size=12)


def naive_pairs(corpus: list[str], threshold: float, length: int) -> dict[tuple[int, int], float]:
    """Pairs of rows, copies of earlier rows' tokens standing for a pair with the first of them only."""
    tokens = [text.split() for text in corpus]
    sets = [{tuple(t[i : i + length]) for i in range(len(t) - length + 1)} for t in tokens]
    first = [tokens.index(t) if t else i for i, t in enumerate(tokens)]
    pairs = {(first[i], i): 1.0 for i in range(len(corpus)) if first[i] != i}
    kept = [i for i in range(len(corpus)) if first[i] == i and sets[i]]
    for place, j in enumerate(kept):
        for i in kept[:place]:
            score = len(sets[i] & sets[j]) / len(sets[i] | sets[j])
            if score >= threshold:
                pairs[i, j] = score
    return pairs


def variants(count: int, seed: int = 0) -> list[str]:
    """Texts, and copies of them with one to a third of their words replaced."""
    draw = random.Random(seed)
    texts = [[f"w{draw.randrange(400)}" for _ in range(draw.randint(5, 40))] for _ in range(count)]
    for original in draw.choices(texts[: count // 2], k=count // 2):
        copy = list(original)
        for _ in range(draw.randint(1, max(len(copy) // 3, 1))):
            copy[draw.randrange(len(copy))] = f"w{draw.randrange(400)}"
        texts.append(copy)
    return [" ".join(text) for text in texts]


@given(few, st.sampled_from([0.3, 0.5, 0.7, 0.9, 1.0]), st.integers(1, 4))
def test_pairs_and_scores_are_those_of_all_pairs(corpus: list[str], threshold: float, length: int) -> None:
    found = near_duplicates(Tokens.of(corpus), threshold=threshold, shingle=length)
    pairs = {(i, j): score for (i, j), score in zip(found.pairs.tolist(), found.scores.tolist(), strict=True)}
    assert pairs == naive_pairs(corpus, threshold, length)
    assert (found.exact, found.method) == (True, EXACT)


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8])
def test_a_larger_set_is_joined_exactly(threshold: float) -> None:
    corpus = variants(400)
    found = near_duplicates(Tokens.of(corpus), threshold=threshold)
    expected = naive_pairs(corpus, threshold, 3)
    assert len(expected) > 10
    assert {tuple(pair) for pair in found.pairs.tolist()} == set(expected)
    assert found.verified < len(corpus) ** 2 / 20


@given(few, st.integers(0, 12))
def test_shards_and_slices_are_the_whole(corpus: list[str], cut: int) -> None:
    whole = near_duplicates(Tokens.of(corpus), threshold=0.5, shingle=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shingles, "MOST_ENTRIES", 4)
        shards = [Tokens.of(corpus[:cut]), Tokens.of(corpus[cut:])]
        parts = near_duplicates(shards, threshold=0.5, shingle=2)
    assert parts.pairs.tolist() == whole.pairs.tolist()
    assert parts.scores.tolist() == whole.scores.tolist()
    assert parts.groups.first.tolist() == whole.groups.first.tolist()


def test_too_many_candidates_are_searched_by_minhash_and_the_result_says_so() -> None:
    corpus = variants(300, seed=1)
    exact = near_duplicates(Tokens.of(corpus))
    bounded = near_duplicates(Tokens.of(corpus), most_candidates=10)
    assert not bounded.exact
    assert "MinHash" in bounded.method
    scores = dict(zip(map(tuple, exact.pairs.tolist()), exact.scores.tolist(), strict=True))
    for pair, score in zip(bounded.pairs.tolist(), bounded.scores.tolist(), strict=True):
        assert scores[tuple(pair)] == score
    assert len(bounded.pairs) > 0.9 * len(exact.pairs)


def test_rows_that_are_short_empty_or_alone() -> None:
    corpus = ["", "", "yes", "Yes!", "no", "one two three four", "one two three four five"]
    found = near_duplicates(Tokens.of(corpus), threshold=0.6)
    assert found.pairs.tolist() == [[2, 3], [5, 6]]
    assert found.scores.tolist() == [1.0, 2 / 3]
    for corpus in ([], [""], ["one row only here"]):
        assert len(near_duplicates(Tokens.of(corpus)).pairs) == 0


def test_groups_are_what_pairs_connect() -> None:
    chain = ["a b c d e f g h", "a b c d e f g h i", "a b c d e f g h i j", "x y z w v"]
    found = near_duplicates(Tokens.of(chain), threshold=0.85)
    assert found.pairs.tolist() == [[0, 1], [1, 2]]
    assert found.groups.members() == [[0, 1, 2]]
    assert found.groups.duplicates == 2
    assert found.groups.repeated.tolist() == [False, True, True, False]


def test_what_makes_no_sense_is_refused() -> None:
    tokens = Tokens.of(["a b c"])
    with pytest.raises(LexicalError, match=r"at most 1, not 1\.5"):
        near_duplicates(tokens, threshold=1.5)
    with pytest.raises(LexicalError, match="at least one token"):
        near_duplicates(tokens, shingle=0)


def test_one_line_of_a_million_tokens() -> None:
    line = " ".join(f"w{i % 70_001}" for i in range(1_000_000))
    found = near_duplicates(Tokens.of([line, line + " and more", "something else"]))
    assert found.pairs.tolist() == [[0, 1]]
    assert np.isclose(found.scores[0], 70_001 / 70_004, atol=1e-4)
