"""Counting tokens: with a model's own tokenizer, as its server reports them, or in words (or letters)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from services.generator.engine.stage import Draft
from shared.text.words import count_words, unspaced_letters


class TokenCounter(ABC):
    """`name` is what a result says about how it counted, `unit` what a prompt asks for."""

    name: str
    unit = "tokens"

    @abstractmethod
    def __call__(self, text: str) -> int: ...

    def all(self, texts: Sequence[str]) -> list[int]:
        return [self(text) for text in texts]

    def of_row(self, draft: Draft) -> int:
        """The length of what a model wrote."""
        return self(draft.text)


class WordCounter(TokenCounter):
    """Words as people count them (`shared/text/words.py`): “don't” is one."""

    name = unit = "words"

    def __call__(self, text: str) -> int:
        return count_words(text)


class LetterCounter(TokenCounter):
    """Letters and digits, for scripts that put no spaces between words: there nobody counts words."""

    name = unit = "characters"

    def __call__(self, text: str) -> int:
        return sum(map(str.isalnum, text))


def plain_counter(texts: Iterable[str]) -> TokenCounter:
    """Of words; of letters where most of these texts' are of a script that puts no spaces between words."""
    together = "".join(texts)
    unspaced = 2 * len(unspaced_letters(together)) > LetterCounter()(together)
    return LetterCounter() if unspaced else WordCounter()


class TokenizerCounter(TokenCounter):
    """A `tokenizer.json`, as Hugging Face models carry it."""

    def __init__(self, path: Path) -> None:
        from tokenizers import Tokenizer

        self.name = f"tokenizer {path.parent.name}"
        self._tokenizer = Tokenizer.from_file(str(path))

    def __call__(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False))

    def all(self, texts: Sequence[str]) -> list[int]:
        return [len(e) for e in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]


class ReportedCounter(TokenCounter):
    """The server's own counts: `counted` of some texts, and of a row what came with its answer.

    Other texts, and answers that came without a count, are taken to have as many tokens for a word as the
    counted texts.
    """

    name = "tokens reported by the source"

    def __init__(self, counted: Mapping[str, int]) -> None:
        self._counted = counted
        in_words = sum(map(count_words, counted))
        self._tokens_a_word = sum(counted.values()) / in_words if in_words else 1.0

    def __call__(self, text: str) -> int:
        known = self._counted.get(text)
        return round(count_words(text) * self._tokens_a_word) if known is None else known

    def of_row(self, draft: Draft) -> int:
        return draft.origin["tokens"] or self(draft.text)


@lru_cache(maxsize=16)
def counter(tokenizer: Path | None) -> TokenCounter:
    return WordCounter() if tokenizer is None else TokenizerCounter(tokenizer)
