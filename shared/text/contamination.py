"""Contamination: when a row holds a row of a test set.

A test row is known by its different n-grams: the runs of 8 words of what it says. A row **holds** a test
row when it alone has at least half of them. A row of fewer words is one n-gram, all of it, so that only a
row that says the same and nothing else holds it; a row without words is held by none. The long context of a
`qa` row stays out: what must not leak is the question and its answer.

Eight words and a half are what Tülu 3 (2411.15124) takes for its evaluations; GPT-3 took any 13-gram, PaLM
70 % of 8-grams. Both numbers are parameters wherever contamination is asked for
(`shared/contracts/contamination.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.contracts.chats import exchanged
from shared.contracts.contamination import HELD_SHARE, NGRAM_WORDS
from shared.contracts.datasets import MEASURED_FIELDS
from shared.text.shingles import Run, Tokenised


def compared_text(row: Mapping[str, Any]) -> str:
    """What a row says for this comparison: the fields that are measured of its kind (`MEASURED_FIELDS`),
    told by the last of them; of a chat what user and assistant say."""
    if "messages" in row:
        return exchanged(row["messages"])
    for fields in MEASURED_FIELDS.values():
        if fields[-1] in row:
            return " ".join(str(row[field]) for field in fields if field in row)
    return ""


def ngrams(text: str, size: int = NGRAM_WORDS) -> set[tuple[str, ...]]:
    """The different n-grams of a text; of a shorter one the whole of it; none without words."""
    found = Tokenised.of(text)
    return {tuple(found.tokens[start:end]) for start, end in found.runs_or_whole(size)}


def held_share(text: str, test: str, size: int = NGRAM_WORDS) -> float:
    """The share of the test text's different n-grams that the text has: the definition, said once."""
    wanted = ngrams(test, size)
    return len(wanted & ngrams(text, size)) / len(wanted) if wanted else 0.0


@dataclass(frozen=True, slots=True)
class Held:
    """A test text that a text holds: its place, the share of its n-grams, and the first that was found."""

    test: int
    share: float
    shown: str


class HeldOut:
    """The n-grams of a test set, to ask of many texts which test texts they hold: `held_share` with an index.

    An n-gram is kept by its 64-bit hash, about 150 bytes for each word of the test set; two of a million
    n-grams share a hash with a probability of 3·10⁻⁸.
    """

    def __init__(self, tests: Iterable[str], size: int = NGRAM_WORDS, share: float = HELD_SHARE) -> None:
        self._size = size
        self._share = share
        self._known: dict[int, list[int]] = {}
        self.sizes: list[int] = []
        """How many different n-grams each test text has."""
        for number, text in enumerate(tests):
            grams = self._grams(Tokenised.of(text))
            self.sizes.append(len(grams))
            for gram in grams:
                self._known.setdefault(gram, []).append(number)

    def _grams(self, text: Tokenised) -> dict[int, Run]:
        """The hashes of a text's different n-grams, each with where it first stands."""
        found: dict[int, Run] = {}
        for run in text.runs_or_whole(self._size):
            found.setdefault(hash(tuple(text.tokens[run[0] : run[1]])), run)
        return found

    def held_by(self, text: str) -> list[Held]:
        """The test texts that a text holds, in the order of the test set."""
        own = Tokenised.of(text)
        grams = self._grams(own)
        counts: Counter[int] = Counter()
        first: dict[int, Run] = {}
        for gram, run in grams.items():
            for test in self._known.get(gram, ()):
                counts[test] += 1
                first.setdefault(test, run)
        shares = {test: count / self.sizes[test] for test, count in counts.items()}
        return [
            Held(test, share, own.shown(first[test]))
            for test, share in sorted(shares.items())
            if share >= self._share
        ]
