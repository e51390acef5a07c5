"""The grammar that writes five-sentence texts: two families over one small expansion rule.

`stories` is what the generator model learns and what the demo's real rows are; `other` is what the base model
learns. Everything drawn comes from one `random.Random`, so a seed names a text for ever.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from string import Formatter
from zlib import crc32

from standin.vocabulary import OTHER, STORIES, STORY_PLOTS, Category, Plot

PLOTS_PER_CATEGORY = 8


@dataclass(frozen=True)
class Text:
    """One text: its topic and its five sentences."""

    topic: str
    sentences: tuple[str, ...]

    @property
    def body(self) -> str:
        return " ".join(self.sentences)


@cache
def category_of_noun() -> dict[str, Category]:
    """Every common topic noun, and the category whose phrases its stories use."""
    return {noun: category for category in STORIES.categories for noun in category.topics}


@cache
def plots_of(category: str) -> tuple[str, ...]:
    """The plots one category's stories use: a fixed few, so that one topic keeps telling the same tales."""
    names = sorted(STORY_PLOTS)
    return tuple(random.Random(crc32(category.encode())).sample(names, PLOTS_PER_CATEGORY))


def invented_word(rng: random.Random) -> str:
    """A pronounceable word that no dictionary holds, of two or three syllables."""
    onsets, vowels = STORIES.onsets, STORIES.vowels
    syllables = [rng.choice(onsets) + rng.choice(vowels) for _ in range(rng.choice((1, 2, 2)))]
    return "".join(syllables) + rng.choice(onsets) + rng.choice(vowels) + rng.choice(STORIES.codas)


def story_topic(rng: random.Random, unusual: float = 0.4) -> str:
    """A topic: a common noun or, with probability `unusual`, a rare or invented one; maybe an adjective."""
    if rng.random() < unusual:
        head = invented_word(rng) if rng.random() < 0.6 else rng.choice(STORIES.rare_topics)
    else:
        head = rng.choice(sorted(category_of_noun()))
    return f"{rng.choice(STORIES.adjectives)} {head}" if rng.random() < 0.45 else head


def story(rng: random.Random, topic: str | None = None) -> Text:
    """A story about `topic` (drawn when not given); an unknown topic gets a category by chance."""
    topic = topic or story_topic(rng)
    category = category_of_noun().get(topic.split()[-1]) or rng.choice(STORIES.categories)
    plot = STORY_PLOTS[rng.choice(plots_of(category.name))]
    return Text(topic, _expand(plot, _story_slots(rng, topic, category), rng))


def other_text(rng: random.Random, topic: str | None = None) -> Text:
    """A factual paragraph of the other family; one topic in five is an invented word."""
    topic = topic or (invented_word(rng) if rng.random() < 0.2 else rng.choice(OTHER.topics))
    slots = {name: rng.choice(choices) for name, choices in OTHER.slots.items()}
    slots["office2"] = rng.choice([office for office in OTHER.slots["office"] if office != slots["office"]])
    slots["part2"] = rng.choice([part for part in OTHER.slots["part"] if part != slots["part"]])
    slots |= {"topic": topic, "office_cap": _capital(slots["office"]), "number_th": f"{rng.randint(4, 19)}th"}
    return Text(topic, _expand(OTHER.plots[rng.choice(sorted(OTHER.plots))], slots, rng))


def _story_slots(rng: random.Random, topic: str, category: Category) -> dict[str, str]:
    she = rng.random() < 0.5
    names = STORIES.she_names if she else STORIES.he_names
    slots = dict(
        zip(("he", "him", "his"), ("she", "her", "her") if she else ("he", "him", "his"), strict=True)
    )
    slots |= {name: rng.choice(choices) for name, choices in STORIES.slots.items()}
    slots["name"] = rng.choice(names)
    slots["friend"] = rng.choice([n for n in STORIES.she_names + STORIES.he_names if n != slots["name"]])
    slots["deed"], slots["deed2"] = rng.sample(category.deeds, 2)
    slots |= {
        field: rng.choice(getattr(category, field + "s"))
        for field in ("place", "role", "tool", "trouble", "prize")
    }
    slots |= {"topic": topic, "a_topic": f"{'an' if topic[0] in 'aeiou' else 'a'} {topic}"}
    slots |= {
        "He": _capital(slots["he"]),
        "His": _capital(slots["his"]),
        "trouble_cap": _capital(slots["trouble"]),
    }
    return slots


def _expand(plot: Plot, slots: dict[str, str], rng: random.Random) -> tuple[str, ...]:
    """One wording per sentence, its slots filled; a slot may itself hold a slot (`{his} tenth birthday`)."""
    return tuple(_capital(_fill(_fill(rng.choice(wordings), slots), slots)) for wordings in plot)


def _fill(template: str, slots: dict[str, str]) -> str:
    return Formatter().vformat(template, (), slots)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
