"""Near-duplicates: estimates near the exact Jaccard similarity, nothing missed that matters, state that
survives."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.generator.engine.filters.near_duplicate import NearDuplicateFilter, signature, similarity
from services.generator.engine.stage import Draft, Refusal
from shared.text.words import tokens
from tests.unit.shared.text.languages import UNSPACED

RNG = random.Random(5)
VOCABULARY = [f"w{i}" for i in range(3000)]


def text(size: int = 80) -> str:
    return " ".join(RNG.choices(VOCABULARY, k=size))


def edited(source: str, changes: int) -> str:
    tokens = source.split()
    for place in RNG.sample(range(len(tokens)), changes):
        tokens[place] = RNG.choice(VOCABULARY)
    return " ".join(tokens)


def jaccard(a: str, b: str) -> float:
    x, y = ({tuple(w[i : i + 3]) for i in range(len(w) - 2)} for w in (tokens(a), tokens(b)))
    return len(x & y) / len(x | y)


def judge(known: NearDuplicateFilter, candidate: str) -> bool:
    """Whether it is accepted."""
    draft = Draft({}, candidate, {})
    refused = known.judge(draft)
    if refused is None:
        known.accepted(draft)
        return True
    assert refused.reason is Refusal.NEAR_DUPLICATE
    return False


def test_the_estimate_is_near_the_exact_similarity() -> None:
    for changes in (0, 1, 3, 8, 20):
        errors = []
        for _ in range(60):
            a = text()
            b = edited(a, changes)
            errors.append(similarity(signature(a), signature(b)) - jaccard(a, b))
        assert abs(sum(errors) / len(errors)) < 0.03


def test_near_repetitions_are_found_among_thousands() -> None:
    known = NearDuplicateFilter(0.8)
    originals = [text() for _ in range(3000)]
    assert all(judge(known, original) for original in originals)
    assert not any(judge(known, original) for original in RNG.sample(originals, 50))
    assert not any(judge(known, original.upper() + "!") for original in RNG.sample(originals, 50))
    nearly = [edited(original, 1) for original in RNG.sample(originals, 50)]
    found = sum(not judge(known, text) for text in nearly)
    assert found >= 48  # similarity 0.92, whose estimate falls below 0.8 in one of a thousand


def test_texts_on_one_subject_are_not_repetitions() -> None:
    known = NearDuplicateFilter(0.8)
    source = text()
    assert judge(known, source)
    assert all(judge(known, edited(source, 30)) for _ in range(50))


@settings(max_examples=30)
@given(st.lists(st.text(max_size=40), max_size=20))
def test_any_text_can_be_judged(texts: list[str]) -> None:
    known = NearDuplicateFilter(1.0)
    for candidate in texts:
        judge(known, candidate)
        assert known.judge(Draft({}, candidate, {})) is not None, "the same text again is a repetition"


@pytest.mark.parametrize("commit_every", [1, 7, 100])
def test_state_survives_a_restart(commit_every: int) -> None:
    known, states = NearDuplicateFilter(0.8), []
    texts = [text() for _ in range(60)]
    for number, candidate in enumerate(texts, start=1):
        judge(known, candidate)
        if number % commit_every == 0:
            states.append(known.take_state())
    states.append(known.take_state())
    assert known.take_state() == b""
    again = NearDuplicateFilter(0.8)
    again.load_state([state for state in states if state])
    assert not any(judge(again, candidate) for candidate in texts)
    assert judge(again, text())
    assert len(again.take_state()) == 64 * 4, "only what is new"


@pytest.mark.parametrize("language", UNSPACED)
def test_texts_without_spaces_are_compared_by_more_than_their_clauses(language: str) -> None:
    """A clause was one word: of a Chinese row with a letter changed nothing was left."""
    article = UNSPACED[language]
    changed = article[:10] + article[11:]
    assert similarity(signature(article), signature(changed)) > 0.6
    other = "今天早上一只狐狸在雪地里遇见了一只鹅，它们一起走回了家。"
    assert similarity(signature(article), signature(other)) < 0.2
