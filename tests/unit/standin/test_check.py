"""The check's own measures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standin.check import Author, distinct_3, is_well_formed, topic_pool, topics_of
from standin.pretrain import MODELS
from standin.server.engine import Engine

FIVE = "One day it rained. Two came. Three went. Four stayed. Five slept."


def test_five_sentences_are_well_formed() -> None:
    assert is_well_formed(FIVE)


@pytest.mark.parametrize(
    "text",
    ["", FIVE + " Six woke.", FIVE[:-1], FIVE.replace(" Five slept.", ""), "one" + FIVE[3:], FIVE + " And"],
)
def test_anything_else_is_not(text: str) -> None:
    assert not is_well_formed(text)


def test_distinct_3_counts_over_one_concatenation() -> None:
    assert distinct_3(["a b c", "A B C"]) == 3 / 4  # abc bca cab abc


@given(
    st.lists(st.text("ab ", min_size=5), min_size=4, max_size=9).filter(
        lambda t: len(" ".join(t).split()) > 2
    )
)
def test_distinct_3_is_a_share(texts: list[str]) -> None:
    assert 0 < distinct_3(texts) <= 1


def test_a_list_s_cut_last_line_is_left_out() -> None:
    assert topics_of("old clock\n- red kite\n- ver") == ["old clock", "red kite"]


def test_the_bundled_generator_writes_topics_and_stories_about_them() -> None:
    author = Author(Engine(MODELS / "generator"), seed=4)
    pool, fresh = topic_pool(author, lists=6)
    assert len(pool) >= 30
    assert fresh > 0.8
    topics = pool[:30]
    texts = author.stories(topics)
    assert sum(is_well_formed(writing.text) for writing in texts) >= 27
    assert sum(topic in writing.text.lower() for topic, writing in zip(topics, texts, strict=True)) >= 26
