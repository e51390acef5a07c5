"""Training documents hold exactly the prompt formats that the model is said to know."""

from __future__ import annotations

import random
import re

from hypothesis import given
from hypothesis import strategies as st

from standin.documents import Document, base_document, generator_document, story_document
from standin.grammar import story

SEEDS = st.integers(0, 2**64)


def whole(document: Document) -> str:
    return "".join(text for text, _ in document.segments)


def learned(document: Document) -> str:
    return "".join(text for text, is_learned in document.segments if is_learned)


@given(seed=SEEDS)
def test_the_generator_learns_stories_and_lists(seed: int) -> None:
    document = generator_document(random.Random(seed))
    answer = document.segments[-1]
    assert answer[1], "what comes last is always learned"
    assert re.search(r"Topic: [^\n]+\nStory:[ \n]?$|Topics:\n(- [^\n]+\n)*(-|- )?$", document.segments[0][0])


@given(seed=SEEDS)
def test_foreign_examples_are_read_and_not_learned(seed: int) -> None:
    document = generator_document(random.Random(seed))
    prompt, is_learned = document.segments[0]
    if is_learned:
        assert "Story: " in prompt, "a prompt is learned only for its example stories"


def test_examples_come_in_blocks_of_up_to_three() -> None:
    rng = random.Random(0)
    counts = {
        len(re.findall(r"Story: [^\n]+\n\n", generator_document(rng).segments[0][0])) for _ in range(2000)
    }
    assert counts == {0, 1, 2, 3}


def test_lists_hold_different_topics() -> None:
    rng = random.Random(0)
    lists = [whole(d) for d in (generator_document(rng) for _ in range(2000)) if "Topics:\n" in whole(d)]
    assert len(lists) > 80
    for text in lists:
        topics = re.findall(r"^- (.+)$", text, flags=re.MULTILINE)
        assert 5 <= len(topics) == len(set(topics))


@given(seed=SEEDS)
def test_the_base_model_sees_bare_text(seed: int) -> None:
    document = base_document(random.Random(seed))
    assert whole(document) == learned(document)
    assert "Topic" not in whole(document)


def test_held_out_loss_is_over_the_story_alone() -> None:
    text = story(random.Random(3))
    document = story_document(text)
    assert learned(document) == text.body
    assert whole(document) == f"Topic: {text.topic}\nStory: {text.body}"
