"""The words that the grammar writes with, read from `standin/words/`.

A plot is five sentences, every sentence with a few wordings. Slots come from the hero (`{name}`, `{he}`,
`{him}`, `{his}`), the topic (`{topic}`, `{a_topic}`), the topic's category (`{place}`, `{role}`, `{tool}`,
`{deed}`, `{deed2}`, `{trouble}`, `{prize}`) and the shared words. A plot keeps its wording to itself, so
knowing four sentences says a lot about the fifth.

A category decides places, roles, tools, deeds and troubles, so text about one topic repeats itself and text
about many topics does not: this is what makes the number of topics a real control of diversity.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

WORDS = Path(__file__).parent / "words"
Phrases = tuple[str, ...]
Plot = tuple[Phrases, Phrases, Phrases, Phrases, Phrases]


@dataclass(frozen=True)
class Category:
    """One world of topics. Deeds are past-tense verb phrases without a subject; troubles are clauses."""

    name: str
    topics: Phrases
    places: Phrases
    roles: Phrases
    tools: Phrases
    deeds: Phrases
    troubles: Phrases
    prizes: Phrases


@dataclass(frozen=True)
class StoryWords:
    """What every story shares. Rare topics are real words: a model that has only met common nouns tends to
    swap these for one it knows. Onsets, vowels and codas are the parts of invented words.
    """

    she_names: Phrases
    he_names: Phrases
    adjectives: Phrases
    rare_topics: Phrases
    onsets: Phrases
    vowels: Phrases
    codas: Phrases
    slots: dict[str, Phrases]
    categories: tuple[Category, ...]


@dataclass(frozen=True)
class OtherWords:
    """Short factual paragraphs in registers of their own, for the base model to grow up on: partly the same
    nouns, but other plots, people, tenses and words. A model trained on them knows the language and how to
    copy a subject, and knows no story.
    """

    topics: Phrases
    slots: dict[str, Phrases]
    plots: dict[str, Plot]


STORIES = TypeAdapter(StoryWords).validate_json((WORDS / "stories.json").read_bytes())
STORY_PLOTS = TypeAdapter(dict[str, Plot]).validate_json((WORDS / "plots.json").read_bytes())
OTHER = TypeAdapter(OtherWords).validate_json((WORDS / "other.json").read_bytes())
