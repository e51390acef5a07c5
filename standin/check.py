"""Is the generator a fair stand-in? `python -m standin.check` asks the model and prints a table.

Stories are well formed when they have five sentences and end by themselves, and on topic when they name it.
Distinct-3 (unique over all word trigrams of one concatenation) must rise with the number of topics at a fixed
number of stories; topics come from lists that the model itself wrote.
"""

from __future__ import annotations

import argparse
import random
import re
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from standin.grammar import other_text, story, story_topic
from standin.server.engine import Engine
from standin.server.intake import choice_seed
from standin.server.sequence import Sampling
from standin.server.sequence import Sequence as Writing

TEMPERATURE = 0.8
LEVELS = (1, 5, 20, 100)
WELL_FORMED = 0.95
SENTENCE = re.compile(r"[A-Z][^.!?]*[.!?]")


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, its value, and whether it holds (None: no bound)."""

    name: str
    value: str
    holds: bool | None = None


def is_well_formed(text: str) -> bool:
    """Five sentences, each with a capital at its start and a stop at its end, and nothing else."""
    sentences = SENTENCE.findall(text)
    return len(sentences) == 5 and " ".join(sentences) == text.strip()


def distinct_3(texts: Sequence[str]) -> float:
    """Unique over all trigrams of lower-cased words, over one concatenation of the texts."""
    words = " ".join(texts).lower().split()
    trigrams = list(zip(words, words[1:], words[2:], strict=False))
    return len(set(trigrams)) / len(trigrams)


def topics_of(listing: str) -> list[str]:
    """The topics of a list the model wrote; its last line may be cut short and is left out."""
    return [line.removeprefix("-").strip() for line in listing.split("\n")[:-1] if line.strip(" -")]


class Author:
    """Asks the model for texts, in batches, each with a seed of its own."""

    def __init__(self, engine: Engine, seed: int) -> None:
        self._engine = engine
        self._seed = seed
        self._asked = 0

    def write(
        self, prompts: Sequence[str], max_tokens: int, temperature: float = TEMPERATURE
    ) -> list[Writing]:
        rows = []
        for prompt in prompts:
            self._asked += 1
            sampling = Sampling(max_tokens, temperature, 1.0, choice_seed(self._seed, self._asked))
            rows.append(Writing(self._engine.tokenizer(prompt)["input_ids"], sampling))
        for start in range(0, len(rows), 64):
            self._engine.generate(rows[start : start + 64], after_step=lambda _: None)
        return rows

    def stories(self, topics: Sequence[str], preamble: str = "") -> list[Writing]:
        return self.write([f"{preamble}Topic: {topic}\nStory: " for topic in topics], max_tokens=180)


def quality(author: Author, rng: random.Random, count: int) -> Iterator[Row]:
    """Form and topic under each kind of prompt, with fresh topics (two in five rare or invented)."""
    shots = "".join(f"Story: {story(rng).body}\n\n" for _ in range(3))
    foreign = f"Story: {other_text(rng).body}\n\n"
    kinds = {
        "plain prompt": "",
        "three examples": shots,
        "a foreign example": foreign,
        "an instruction": "Write a short story of five sentences.\n\n",
    }
    for kind, preamble in kinds.items():
        topics = [story_topic(rng) for _ in range(count)]
        texts = author.stories(topics, preamble)
        formed = statistics.mean(t.finish_reason == "stop" and is_well_formed(t.text) for t in texts)
        named = statistics.mean(topic in t.text.lower() for topic, t in zip(topics, texts, strict=True))
        yield Row(f"{kind}: well formed", f"{formed:.1%}", formed >= WELL_FORMED)
        yield Row(f"{kind}: topic named", f"{named:.1%}", named >= WELL_FORMED)


def topic_pool(author: Author, lists: int) -> tuple[list[str], float]:
    """Distinct topics from lists the model wrote, and the share of listed topics that were new."""
    writings = author.write(["Topics:\n- "] * lists, max_tokens=160, temperature=1.0)
    listed = [topic for writing in writings for topic in topics_of(writing.text)]
    pool = list(dict.fromkeys(listed))
    return pool, len(pool) / len(listed)


def diversity(author: Author, rng: random.Random, pool: list[str], count: int, draws: int) -> Iterator[Row]:
    """Distinct-3 per level, mean over several draws of the level's topics; levels of one draw are nested."""
    values: dict[int, list[float]] = {level: [] for level in LEVELS}
    for _ in range(draws):
        topics = rng.sample(pool, max(LEVELS))
        for level in LEVELS:
            asked = [topics[index % level] for index in range(count)]
            values[level].append(distinct_3([writing.text for writing in author.stories(asked)]))
    means = [statistics.mean(values[level]) for level in LEVELS]
    for at, level in enumerate(LEVELS):
        rises = at == 0 or means[at] > means[at - 1]
        yield Row(f"Distinct-3 of {count} stories, {level} topic(s)", f"{means[at]:.3f}", rises)


def check(model: Path, count: int, draws: int, seed: int) -> list[Row]:
    """The whole table for the model in `model`."""
    author, rng = Author(Engine(model), seed), random.Random(seed)
    rows = list(quality(author, rng, count))
    pool, fresh = topic_pool(author, lists=64)
    rows.append(
        Row("topics from 64 lists", f"{len(pool)} distinct, {fresh:.1%} of those listed", len(pool) >= 100)
    )
    return rows + list(diversity(author, rng, pool, count, draws))


def main() -> None:
    """Command line: exit status 1 when a bound does not hold."""
    parser = argparse.ArgumentParser(prog="python -m standin.check", description=__doc__)
    parser.add_argument("--model", type=Path, default=Path(__file__).parent / "models" / "generator")
    parser.add_argument("--stories", type=int, default=300, help="stories per line of the table")
    parser.add_argument("--draws", type=int, default=3, help="draws of topics per diversity level")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = check(arguments.model, arguments.stories, arguments.draws, arguments.seed)
    for row in rows:
        print(f"{row.name:<44}{row.value:<36}{ {True: 'holds', False: 'FAILS', None: ''}[row.holds] }")
    sys.exit(any(row.holds is False for row in rows))


if __name__ == "__main__":
    main()
