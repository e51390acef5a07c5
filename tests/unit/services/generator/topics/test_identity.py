"""Which topics are the same: exact against brute force, and by examples."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator.topics.identity import TopicSet, normalised, trigrams

words = st.sampled_from(
    ["a", "the", "red", "old", "fox", "hen", "boat", "boats", "of", "king", "kings", "day"]
)
topics = st.lists(st.lists(words, min_size=1, max_size=4).map(" ".join), max_size=25)


@given(topics, st.sampled_from([0.5, 0.7, 0.8, 0.95, 1.0]))
def test_the_prefix_filter_misses_nothing(listed: list[str], threshold: float) -> None:
    known = TopicSet(threshold)
    kept: list[str] = []
    for topic in listed:
        grams = trigrams(normalised(topic))
        repeated = any(
            normalised(other) == normalised(topic)
            or len(grams & (o := trigrams(normalised(other)))) >= threshold * len(grams | o)
            for other in kept
        )
        assert (known.like(topic) is not None) == repeated
        if not repeated:
            known.add(topic)
            kept.append(topic)
    assert known.topics == kept


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("A lost dog", "the LOST dog!", True),
        ("lost dogs in the snow", "lost dog in the snow", True),
        ("Ｌost　dog", "lost dog", True),
        ("cafe\u0301 owners", "CAFÉ owner", True),
        ("Straße im Schnee", "STRASSE IM SCHNEE", True),
        ("snow\u00adball fight\u200b", "snowball fight", True),
        ("a lost dog", "a lost key", False),
        ("雪中的狐狸", "雪中的狐狸。", True),
        ("雪中的狐狸", "海边的白鹅", False),
        ("ที่นี่", "ทุนนำ", False),
        ("น้ำ", "น้ำ!", True),
        ("the first day at school", "the last day at school", False),
    ],
)
def test_by_example(one: str, other: str, same: bool) -> None:
    known = TopicSet(0.8)
    known.add(one)
    assert (known.like(other) == one) == same
