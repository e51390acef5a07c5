"""The texts every lexical row is measured on.

Paragraphs of about fifty words: sentences drawn with replacement, by a seeded generator, from real stories
where GAMUT_DATA has them (`fairytaleqa`), else made of seeded words that follow Zipf's law.
"""

from __future__ import annotations

import json
import os
import random
import re
from functools import cache
from pathlib import Path

from shared.text.words import tokens

ROOT = Path(__file__).parents[2]
WORDS_PER_TEXT = 50


@cache
def paragraphs(count: int, seed: int = 0) -> list[str]:
    """`count` paragraphs."""
    draw = random.Random(seed)
    pool = sentences()
    return [paragraph(draw, pool) for _ in range(count)]


def paragraph(draw: random.Random, pool: list[str]) -> str:
    parts: list[str] = []
    while sum(part.count(" ") + 1 for part in parts) < WORDS_PER_TEXT:
        parts.append(draw.choice(pool))
    return " ".join(" ".join(parts).split()[:WORDS_PER_TEXT])


@cache
def sentences() -> list[str]:
    data = Path(os.environ.get("GAMUT_DATA", ROOT.parent / "shared" / "data"))
    files = sorted((data / "fairytaleqa").glob("*.contexts.jsonl"))
    stories = [json.loads(line)["text"] for file in files for line in file.read_text("utf-8").splitlines()]
    found = [part for story in stories for part in re.split(r"(?<=[.!?])\s+", story) if part.strip()]
    return found or invented_sentences()


def invented_sentences(count: int = 30_000) -> list[str]:
    draw = random.Random(0)
    vocabulary = ["".join(draw.choices("etaoinshrdlucmfw", k=draw.randint(2, 9))) for _ in range(20_000)]
    weights = [1 / rank for rank in range(1, len(vocabulary) + 1)]
    return [
        " ".join(draw.choices(vocabulary, weights, k=draw.randint(6, 30))).capitalize() + "."
        for _ in range(count)
    ]


def source() -> str:
    """What the texts are made of, for a row's note."""
    return "real prose" if len(sentences()) != 30_000 else "invented words"


def words(text: str) -> list[str]:
    """What the default tokeniser gives: the peers' tokens too."""
    return tokens(text)
