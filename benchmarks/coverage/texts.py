"""Where texts are drawn from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

WORDS, TOPICS = 4000, 30


class Source(Protocol):
    """Draws texts. A prompt is a number; what answers one prompt is alike. `shifted` draws from another
    law."""

    def texts(
        self, prompts: NDArray[np.int64], random: np.random.Generator, *, shifted: bool
    ) -> list[str]: ...


class Simulated:
    """Texts of 20 to 60 words of a vocabulary with Zipf's frequencies. A prompt has two of 30 topics, each of
    which makes some words more frequent; the shifted law knows half of the topics and writes longer."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self._words = np.asarray([f"w{number:04d}" for number in range(WORDS)])
        base = 1 / np.arange(3, WORDS + 3)
        self._topics = np.stack([base * random.gamma(0.5, 2, WORDS) for _ in range(TOPICS)])
        self._topics /= self._topics.sum(axis=1, keepdims=True)

    def texts(self, prompts: NDArray[np.int64], random: np.random.Generator, *, shifted: bool) -> list[str]:
        found = []
        for prompt in prompts.tolist():
            own = np.random.default_rng([prompt, 1])
            one, other = own.integers(0, TOPICS, 2)
            if shifted and one % 2 and own.random() < 0.5:
                one -= 1
            shares = np.cumsum(0.5 * self._topics[one] + 0.5 * self._topics[other])
            length = int(random.integers(20, 61) * (1.1 if shifted else 1))
            picked = np.searchsorted(shares, random.random(length) * shares[-1])
            found.append(" ".join(self._words[picked]))
        return found


class FromFile:
    """Rows of a file of JSON lines, each an answer to a prompt of its own; the shifted law favours the
    longer ones. There is no second answer to a prompt: designs that need some are for the simulated texts."""

    def __init__(self, path: Path, field: str) -> None:
        rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line)
        self._texts: Sequence[str] = [str(row[field]) for row in rows if 40 < len(str(row[field])) < 1500]
        lengths = np.asarray([len(text) for text in self._texts], np.float64)
        self._weights = np.sqrt(lengths) / np.sqrt(lengths).sum()

    def texts(self, prompts: NDArray[np.int64], random: np.random.Generator, *, shifted: bool) -> list[str]:
        weights = self._weights if shifted else None
        rows = random.choice(len(self._texts), len(prompts), replace=False, p=weights)
        return [self._texts[row] for row in rows]
