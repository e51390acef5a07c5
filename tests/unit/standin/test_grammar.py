"""The grammar: every text it can write is well formed, on topic, and named by its seed."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standin.check import distinct_3, is_well_formed
from standin.grammar import (
    PLOTS_PER_CATEGORY,
    Text,
    category_of_noun,
    invented_word,
    other_text,
    plots_of,
    story,
    story_topic,
)
from standin.vocabulary import OTHER, STORIES, STORY_PLOTS

Writer = Callable[[random.Random], Text]
WRITERS = pytest.mark.parametrize("write", [story, other_text])


@WRITERS
@given(seed=st.integers(0, 2**64))
def test_a_text_is_five_sentences_that_name_the_topic(write: Writer, seed: int) -> None:
    text = write(random.Random(seed))
    assert len(text.sentences) == 5
    assert all(re.fullmatch(r"[A-Z][^.!?{}]*[.]", sentence) for sentence in text.sentences), text
    assert text.topic in text.body


@given(seed=st.integers(0, 2**64))
def test_the_check_accepts_every_story_of_the_grammar(seed: int) -> None:
    assert is_well_formed(story(random.Random(seed)).body)


@WRITERS
@given(seed=st.integers(0, 2**64))
def test_a_seed_names_a_text(write: Writer, seed: int) -> None:
    assert write(random.Random(seed)) == write(random.Random(seed))


@pytest.mark.parametrize("plots", [STORY_PLOTS, OTHER.plots], ids=["stories", "other"])
def test_every_plot_is_five_sentences_in_several_wordings(
    plots: dict[str, tuple[tuple[str, ...], ...]],
) -> None:
    for name, plot in plots.items():
        assert len(plot) == 5, name
        assert all(len(wordings) >= 3 for wordings in plot), name


def test_the_families_share_no_sentence_pattern() -> None:
    stories = {wording for plot in STORY_PLOTS.values() for wordings in plot for wording in wordings}
    other = {wording for plot in OTHER.plots.values() for wordings in plot for wording in wordings}
    assert not stories & other


def test_a_noun_belongs_to_one_category() -> None:
    assert len(category_of_noun()) == sum(len(category.topics) for category in STORIES.categories)
    assert len(category_of_noun()) >= 400


def test_a_category_tells_a_fixed_few_tales() -> None:
    told = [plots_of(category.name) for category in STORIES.categories]
    assert all(len(set(plots)) == PLOTS_PER_CATEGORY for plots in told)
    assert {plot for plots in told for plot in plots} == set(STORY_PLOTS), "a plot that no category tells"


def test_two_topics_in_five_are_rare_or_invented() -> None:
    rng = random.Random(0)
    heads = [story_topic(rng).split()[-1] for _ in range(4000)]
    share = sum(head not in category_of_noun() for head in heads) / len(heads)
    assert 0.37 < share < 0.43


def test_invented_words_are_open_ended() -> None:
    rng = random.Random(0)
    drawn = {invented_word(rng) for _ in range(2000)}
    assert len(drawn) > 1950
    assert all(re.fullmatch(r"[a-z]{3,}", word) for word in drawn)


def test_more_topics_give_more_distinct_text() -> None:
    rng = random.Random(1)
    topics = [story_topic(rng, unusual=0) for _ in range(100)]  # an unknown topic may belong anywhere
    corpora = [[story(rng, topics[i % level]).body for i in range(400)] for level in (1, 5, 20, 100)]
    values = [distinct_3(corpus) for corpus in corpora]
    assert values == sorted(set(values))
    assert values[-1] > 1.4 * values[0]
