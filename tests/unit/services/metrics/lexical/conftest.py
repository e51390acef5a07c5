"""Texts of some size: real prose where the data is at hand, seeded random text otherwise."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[5]


@pytest.fixture(scope="session")
def prose() -> list[str]:
    """A few thousand paragraphs, about 100,000 words."""
    data = Path(os.environ.get("GAMUT_DATA", ROOT.parent / "shared" / "data"))
    stories = data / "fairytaleqa" / "val.contexts.jsonl"
    if stories.exists():
        lines = stories.read_text(encoding="utf-8").splitlines()
        return [part for line in lines for part in json.loads(line)["text"].split("\n")] * 2
    return invented(2_000, 50)


def invented(texts: int, length: int, seed: int = 0) -> list[str]:
    """Seeded texts whose words follow Zipf's law."""
    draw = np.random.default_rng(seed)
    ranks = np.minimum(draw.zipf(1.2, (texts, length)), 50_000)
    return [" ".join(f"w{rank}" for rank in row) for row in ranks]
