"""Finds in an answer a run of words of its own prompt: an example that was copied, or the request itself.

Weak models do both, and then a dataset speaks about its prompts, or holds the real rows again. What every
answer may repeat is no echo: the topic that it was given, the context that it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from services.generator.calls.call import Message
from shared.text.shingles import Tokenised
from shared.text.words import tokens

LINE = "\n"
Echoed = Callable[[str], str]
"""Text → the run that it repeats; "" for none."""


@dataclass(frozen=True, slots=True)
class Echo:
    """Runs of `words` words are compared, as tokens (`shared/text/words.py`)."""

    words: int

    def of(self, prompt: str | tuple[Message, ...], given: Iterable[str]) -> Echoed:
        """What looks for runs of this prompt; `given` are the texts in it that may be repeated."""
        asked = prompt if isinstance(prompt, str) else "\n".join(message.content for message in prompt)
        for text in filter(None, given):
            asked = asked.replace(text, "\n")
        joined = f" {' '.join(filter(None, map(_joined, asked.split(LINE))))} "

        def repeated(text: str) -> str:
            return "" if joined.count(" ") <= self.words else self._run(text, joined)

        return repeated

    def _run(self, text: str, joined: str) -> str:
        """The first run of the text that is in the joined tokens."""
        said = Tokenised.of(text)
        if said.quarters is None and not self._may_repeat(said.tokens, joined):
            return ""
        for start, end in said.runs(self.words):
            if f" {' '.join(said.tokens[start:end])} " in joined:
                return said.shown((start, end))
        return ""

    def _may_repeat(self, said: list[str], joined: str) -> bool:
        """Every run of n words holds a whole block of the text's own blocks of ⌈n/2⌉: only those are looked
        for at first, since most answers repeat nothing."""
        size = (self.words + 1) // 2
        return any(
            f" {' '.join(said[at : at + size])} " in joined for at in range(0, len(said) - size + 1, size)
        )


@lru_cache(maxsize=4096)
def _joined(line: str) -> str:
    """A line's tokens, between blanks; lines come again and again, as those of examples do."""
    return " ".join(tokens(line))
