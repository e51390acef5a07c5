"""When two topics are the same: a normal form, and the trigrams that nearly the same topics share.

Exact Jaccard similarity by prefix filtering (Bayardo et al., WWW 2007): two sets of sizes n and m can reach
J ≥ t only if their first n − ⌈t·n⌉ + 1 elements in any fixed order have one in common; so only those are
indexed.
"""

from __future__ import annotations

import math
import re
import unicodedata

from shared.text.characters import MARKS

_ARTICLE = re.compile(r"^(?:a|an|the)\s+")
_PLURAL = re.compile(r"(?<=\w{3})(?<!s)s\b")
_NOT_WORD = re.compile(rf"(?:[^\w{MARKS}]|_)+")


def normalised(topic: str) -> str:
    """NFKC, case-folded, without what is invisible (soft hyphens, joiners); punctuation, a leading article
    and plural endings dropped, spaces single."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", topic).casefold())
    if not folded.isascii():
        folded = "".join(character for character in folded if unicodedata.category(character) != "Cf")
    return _ARTICLE.sub("", _PLURAL.sub("", _NOT_WORD.sub(" ", folded).strip()))


def trigrams(normal: str) -> frozenset[str]:
    padded = f"  {normal} "
    return frozenset(padded[i : i + 3] for i in range(len(padded) - 2))


class TopicSet:
    """Topics none of which is nearly the same as another: `like` names the one that a new topic repeats."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._known: dict[str, int] = {}
        self.topics: list[str] = []
        self._grams: list[frozenset[str]] = []
        self._index: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self.topics)

    def _prefix(self, grams: frozenset[str]) -> list[str]:
        size = len(grams)
        return sorted(grams)[: size - math.ceil(self._threshold * size) + 1]

    def like(self, topic: str) -> str | None:
        normal = normalised(topic)
        if normal in self._known:
            return self.topics[self._known[normal]]
        grams = trigrams(normal)
        for number in {n for gram in self._prefix(grams) for n in self._index.get(gram, ())}:
            other = self._grams[number]
            shared = len(grams & other)
            if shared >= self._threshold * (len(grams) + len(other) - shared):
                return self.topics[number]
        return None

    def add(self, topic: str) -> None:
        normal = normalised(topic)
        grams = trigrams(normal)
        number = len(self.topics)
        self._known[normal] = number
        self.topics.append(topic)
        self._grams.append(grams)
        for gram in self._prefix(grams):
            self._index.setdefault(gram, []).append(number)
