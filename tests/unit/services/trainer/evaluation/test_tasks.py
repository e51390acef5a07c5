"""Task metrics are SQuAD's and sacrebleu's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics import CHRF

from services.trainer.evaluation.tasks import exact_match, normal_words, scores, token_f1


@pytest.mark.parametrize(
    ("answer", "reference", "em", "f1"),
    [
        ("The Eiffel Tower!", "eiffel tower", 1, 1),
        ("a cat, the cat", "cat", 0, 2 / 3),
        ("in the blue house", "blue house", 0, 0.8),
        ("red", "blue", 0, 0),
        ("", "blue", 0, 0),
        ("the", "a", 1, 1),
        ("Übung macht", "übung macht", 1, 1),
    ],
)
def test_answers_are_compared_as_squad_does(answer: str, reference: str, em: float, f1: float) -> None:
    assert exact_match(answer, reference) == em
    assert token_f1(answer, reference) == pytest.approx(f1)


texts = st.text(st.sampled_from("ab cé.,T"), max_size=30)


@given(texts, texts)
def test_a_score_lies_between_0_and_1_and_the_f1_is_that_of_the_bags(answer: str, reference: str) -> None:
    found = scores(answer, reference, ("exact_match", "f1", "chrf"))
    assert all(0 <= value <= 1 for value in found.values())
    assert found["f1"] == pytest.approx(slow_f1(normal_words(answer), normal_words(reference)))
    assert found["chrf"] == pytest.approx(CHRF().sentence_score(answer, [reference]).score / 100)
    if found["exact_match"]:
        assert found["f1"] == 1


def slow_f1(ours: list[str], theirs: list[str]) -> float:
    if not ours or not theirs:
        return float(ours == theirs)
    left = list(theirs)
    shared = sum(1 for word in ours if word in left and not left.remove(word))  # type: ignore[func-returns-value]
    if not shared:
        return 0.0
    precision, recall = shared / len(ours), shared / len(theirs)
    return 2 * precision * recall / (precision + recall)
