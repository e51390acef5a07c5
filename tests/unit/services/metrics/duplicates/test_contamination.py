"""Contamination of whole sets is that of their rows, pair by pair."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.duplicates import HeldOutIndex, contamination
from services.metrics.duplicates.contamination import NO_ROW
from services.metrics.lexical.errors import LexicalError, UnlikeStates
from services.metrics.lexical.text.tokens import Tokens
from shared.text.contamination import held_share, ngrams
from tests.unit.shared.text.scripts import mixed, texts

few = st.lists(st.lists(st.sampled_from("abc"), max_size=10).map(" ".join) | mixed | texts, max_size=8)


@given(few, few, st.integers(1, 4))
def test_equal_to_the_definition(training: list[str], test: list[str], order: int) -> None:
    """Of `shared/text/contamination.py`."""
    found = contamination(Tokens.of(training), Tokens.of(test), order)
    tests = [ngrams(text, order) for text in test]
    everything = set().union(*(ngrams(text, order) for text in training))
    for row, text in enumerate(training):
        shares = [held_share(text, other, order) for other in test]
        best = max(shares, default=0.0)
        assert found.share[row] == best
        assert found.test_row[row] == (shares.index(best) if best else NO_ROW)
        assert found.contaminated(0.5)[row] == (best >= 0.5)
    expected = [len(other & everything) / len(other) if other else None for other in tests]
    assert found.of_tests() == expected
    assert found.unchecked == expected.count(None)


@given(few, few, few)
def test_shards_merge_into_the_whole(left: list[str], right: list[str], test: list[str]) -> None:
    index = HeldOutIndex.of(Tokens.of(test), 2)
    merged = index.check(Tokens.of(left)).merge(index.check(Tokens.of(right)))
    whole = index.check(Tokens.of(left + right))
    assert merged.test_row.tolist() == whole.test_row.tolist()
    assert merged.share.tolist() == whole.share.tolist()
    assert merged.of_tests() == whole.of_tests()


def test_a_test_answer_within_a_training_row_is_named() -> None:
    test = [
        "what did the fox say to the old farmer that night",
        "where was the ring hidden by the third of the sons",
    ]
    training = ["nothing of it", f"Q: {test[1].upper()}? A: under the stone", "the fox and the farmer"]
    found = contamination(Tokens.of(training), Tokens.of(test))
    assert found.test_row.tolist() == [NO_ROW, 1, NO_ROW]
    assert found.contaminated().tolist() == [False, True, False]
    assert found.of_tests() == [0.0, 1.0]


def test_a_short_test_row_is_held_by_what_says_the_same() -> None:
    found = contamination(Tokens.of(["a b c d", "A, b!"]), Tokens.of(["a b", "", "…"]))
    assert found.contaminated().tolist() == [False, True]
    assert found.of_tests() == [1.0, None, None]
    assert found.unchecked == 2, "nothing can be looked for in a row without words"


def test_what_cannot_be_checked_is_refused() -> None:
    with pytest.raises(LexicalError, match="at least one word"):
        contamination(Tokens.of(["a"]), Tokens.of(["a"]), 0)
    with pytest.raises(UnlikeStates, match="one tokeniser"):
        contamination(Tokens.of(["a"], "spaces"), Tokens.of(["a"]))
