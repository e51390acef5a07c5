"""Topics for candidates: uniform, nested from level to level, or each as often as any other."""

from __future__ import annotations

from collections import Counter

import pytest
from scipy.stats import chisquare

from services.generator.engine.chance import Chance
from services.generator.topics.turns import TopicTurns, last_record, level_topics

POOL = [f"t{i}" for i in range(100)]


@pytest.mark.parametrize("count", [1, 2, 7, 50])
def test_records_are_uniform(count: int) -> None:
    drawn = Counter(last_record(count, Chance("r", n)) for n in range(6000))
    assert set(drawn) == set(range(count))
    if count > 1:
        assert chisquare([drawn[place] for place in range(count)]).pvalue > 1e-3


def test_a_candidate_keeps_its_topic_in_a_larger_level_when_it_can() -> None:
    small = [last_record(20, Chance("r", n)) for n in range(5000)]
    large = [last_record(100, Chance("r", n)) for n in range(5000)]
    kept = sum(a == b for a, b in zip(small, large, strict=True))
    assert kept / 5000 == pytest.approx(20 / 100, abs=0.03)
    assert all(b >= 20 for a, b in zip(small, large, strict=True) if a != b), "it changes only to a new topic"


def test_levels_are_nested() -> None:
    smaller, larger = level_topics(POOL, 10, seed=4), level_topics(POOL, 30, seed=4)
    assert larger[:10] == smaller
    assert sorted(level_topics(POOL, None, seed=4)) == sorted(POOL)
    assert level_topics(POOL, 10, seed=5) != smaller
    with pytest.raises(ValueError, match="the pool has 100 topics"):
        level_topics(POOL, 101, seed=4)


def test_balanced_turns_use_every_topic_alike() -> None:
    turns = TopicTurns(POOL, balanced=True, seed=1)
    drawn = [turns.topic(n, Chance(n)) for n in range(300)]
    assert set(Counter(drawn).values()) == {3}
    assert drawn[:100] != drawn[100:200]
    assert TopicTurns(POOL, balanced=True, seed=1).topic(250, Chance(250)) == drawn[250], "in any order"


def test_a_pool_without_topics_is_refused() -> None:
    with pytest.raises(ValueError, match="the pool of topics is empty"):
        level_topics([], None, 0)
