"""Training documents: the prompt formats the two stand-in models know, as (text, is it learned?) segments.

Generator: `Topic: <topic>\\nStory: ` then five sentences and the end token; the same after up to three
example stories or a foreign preamble (so that few-shot prompts and instructions do not break it);
`Topics:\\n- a\\n- b` lists.
Base: the bare text, as a completion task shows it.
Segments are tokenised one by one, because a server tokenises the prompt without knowing what follows.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from standin.grammar import Text, other_text, story, story_topic

Segment = tuple[str, bool]
DocumentWriter = Callable[[random.Random], "Document"]

INSTRUCTIONS = (
    "Write a short story of five sentences.",
    "You are a helpful assistant.",
    "Write one story about the topic below. Use five sentences and about {number} words.",
    "Here are some examples. Write another one like them, about the given topic.",
    "Use simple words. Do not add a title.",
)
LIST_INSTRUCTIONS = (
    "Write a list of {number} different topics for short stories.",
    "Give {number} topics, one per line.",
    "List new topics that are not below.",
)


@dataclass(frozen=True)
class Document:
    """Segments of text, each with a flag: does the model learn to write it? An end token follows the last."""

    segments: tuple[Segment, ...]


def generator_document(rng: random.Random) -> Document:
    """One document of the generator's mixture."""
    kind = rng.random()
    if kind < 0.72:
        return _asked(rng, story(rng), preamble="")
    if kind < 0.92:
        return _few_shot(rng)
    return _topic_list(rng)


def base_document(rng: random.Random) -> Document:
    """One document for the base model: a bare paragraph of the other family."""
    return Document(((other_text(rng).body, True),))


def story_document(text: Text) -> Document:
    """The plain form used to measure held-out loss: a topic asked, its story learned."""
    return Document(((f"Topic: {text.topic}\nStory: ", False), (text.body, True)))


def _asked(rng: random.Random, text: Text, preamble: str, learn_prompt: bool = False) -> Document:
    if rng.random() < 0.06:
        preamble = _instructions(rng, INSTRUCTIONS) + preamble
    opening = rng.choice(("Story: ", "Story: ", "Story:", "Story:\n"))
    answer = text.body if opening[-1].isspace() else f" {text.body}"
    return Document(((f"{preamble}Topic: {text.topic}\n{opening}", learn_prompt), (answer, True)))


def _few_shot(rng: random.Random) -> Document:
    """One to three examples before the question; a third of them foreign text, read but not learned."""
    foreign = rng.random() < 0.35
    with_topics = rng.random() < 0.3
    examples = [other_text(rng) if foreign else story(rng) for _ in range(rng.choice((1, 1, 2, 3)))]
    blocks = [
        f"Topic: {text.topic}\nStory: {text.body}\n\n" if with_topics else f"Story: {text.body}\n\n"
        for text in examples
    ]
    return _asked(rng, story(rng), "".join(blocks), learn_prompt=not foreign)


def _topic_list(rng: random.Random) -> Document:
    topics = list(dict.fromkeys(story_topic(rng, unusual=0.15) for _ in range(rng.randint(6, 30))))
    given = rng.choice((0, 0, 0, 1, 2, 3))
    preamble = _instructions(rng, LIST_INSTRUCTIONS) if rng.random() < 0.3 else ""
    head = "".join(f"- {topic}\n" for topic in topics[:given])
    prompt, first = rng.choice(((f"{preamble}Topics:\n{head}", "- "), (f"{preamble}Topics:\n{head}- ", ""),
                                (f"{preamble}Topics:\n{head}-", " ")))  # fmt: skip
    return Document(((prompt, False), (first + "\n- ".join(topics[given:]), True)))


def _instructions(rng: random.Random, choices: tuple[str, ...]) -> str:
    lines = rng.sample(choices, rng.choice((1, 1, 2)))
    end = rng.choice(("\n", "\n\n"))
    return rng.choice((" ", "\n")).join(lines).format(number=rng.choice((5, 10, 20, 50, 80, 100))) + end
