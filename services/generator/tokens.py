"""Counting tokens: with a model's own tokenizer when it is known, in words when it is not."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Protocol

from services.generator.engine.filters.words import words


class TokenCounter(Protocol):
    name: str
    """What a result says about how it counted."""

    def __call__(self, text: str) -> int: ...


class WordCounter:
    """Runs of letters and digits: what the default tokenizer of the metrics counts too."""

    name = "words"

    def __call__(self, text: str) -> int:
        return len(words(text))


class TokenizerCounter:
    """A `tokenizer.json`, as Hugging Face models carry it."""

    def __init__(self, path: Path) -> None:
        from tokenizers import Tokenizer

        self.name = f"tokenizer {path.parent.name}"
        self._tokenizer = Tokenizer.from_file(str(path))

    def __call__(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)


@lru_cache(maxsize=16)
def counter(tokenizer: Path | None) -> TokenCounter:
    return WordCounter() if tokenizer is None else TokenizerCounter(tokenizer)
