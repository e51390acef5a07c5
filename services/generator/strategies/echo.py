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
        joined = "".join(map(_joined, asked.split("\n")))

        def repeated(text: str) -> str:
            return self._run(text, joined)

        return repeated

    def _run(self, text: str, joined: str) -> str:
        said = Tokenised.of(text)
        if said.quarters is None and not self._may_repeat(said.tokens, joined):
            return ""
        return next(
            (
                shown
                for run in said.runs(self.words)
                if _block(said.tokens[slice(*run)]) in joined and (shown := said.shown(run))
            ),
            "",
        )

    def _may_repeat(self, said: list[str], joined: str) -> bool:
        """Every run of n words holds a whole block of the text's own blocks of ⌈n/2⌉: only those are looked
        for at first, since most answers repeat nothing."""
        size = (self.words + 1) // 2
        return any(_block(said[at : at + size]) in joined for at in range(0, len(said) - size + 1, size))


@lru_cache(maxsize=4096)
def _joined(line: str) -> str:
    """A line's tokens, each between blanks; lines come again and again, as those of examples do."""
    found = tokens(line)
    return _block(found) if found else ""


def _block(found: list[str]) -> str:
    return f" {'  '.join(found)} "
