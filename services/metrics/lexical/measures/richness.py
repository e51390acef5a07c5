"""HD-D and MTLD: lexical diversity of single texts, made to depend little on their length.

HD-D (McCarthy and Jarvis 2007): the mean over types of the chance that a draw of 42 tokens without
replacement holds the type, times types over 42: Σ (1 - C(N - c, 42) / C(N, 42)) / 42, in (0, 1].

MTLD (McCarthy and Jarvis 2010): the mean length of runs of tokens whose type-token ratio stays at or above
0.72, a last partial run counted as (1 - TTR) / (1 - 0.72) of one; the mean of reading forwards and
backwards. A text in which no word comes twice has no run: its value is then its length, our choice.

Both are given as the mean over the texts long enough (42 tokens for HD-D, 50 for MTLD, which its authors
distrust below 100), with how many those were. The states keep each text's value, and the mean is summed
exactly, so that it does not depend on shards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.metrics.lexical.compiled import compiled
from services.metrics.lexical.ngrams.tables import slots_for
from services.metrics.lexical.text.tokens import Tokens
from services.metrics.lexical.values import Value

DRAW = 42
THRESHOLD = 0.72
SHORTEST_MTLD = 50


@compiled
def number_types(hashes, begin, end, table, stamps, stamp, types):
    """Number the types of one text in order of appearance: `types[i]` for token begin + i; how many."""
    mask = slots_for(end - begin) - np.uint64(1)
    found = 0
    for i in range(begin, end):
        slot = hashes[i] & mask
        while stamps[slot] == stamp and hashes[begin + table[slot]] != hashes[i]:
            slot = (slot + np.uint64(1)) & mask
        if stamps[slot] == stamp:
            types[i - begin] = types[table[slot]]
        else:
            stamps[slot] = stamp
            table[slot] = i - begin
            types[i - begin] = found
            found += 1
    return found


@compiled
def hdd_of_counts(counts, kinds, tokens, draw):
    """Σ kinds (1 - chance of drawing none of c) / draw; counts ascending."""
    missing = 1.0
    at = 0
    total = 0.0
    for i in range(len(counts)):
        while at < counts[i]:
            missing *= max(tokens - at - draw, 0) / (tokens - at)
            at += 1
        total += kinds[i] * (1.0 - missing)
    return total / draw


@compiled
def factors(types, tokens, threshold, backwards, stamps, stamp):
    """Runs whose type-token ratio stays at the threshold or above, with the part of the last; next stamp."""
    count = 0.0
    seen = 0
    length = 0
    for k in range(tokens):
        kind = types[tokens - 1 - k] if backwards else types[k]
        if stamps[kind] != stamp:
            stamps[kind] = stamp
            seen += 1
        length += 1
        if seen / length < threshold:
            count += 1.0
            stamp += 1
            seen = length = 0
    if length > 0:
        count += (1.0 - seen / length) / (1.0 - threshold)
    return count, stamp + 1


@compiled
def measure_texts(hashes, offsets, longest, draw, threshold, hdd, mtld):
    """Each text's HD-D (-1 when it has fewer tokens than the draw) and MTLD (-1 when it has none)."""
    room = slots_for(longest)
    table = np.zeros(room, np.int64)
    text_stamps = np.zeros(room, np.int64)
    run_stamps = np.zeros(longest + 1, np.int64)
    types = np.zeros(longest + 1, np.int64)
    stamp = 1
    for text in range(len(offsets) - 1):
        begin, end = offsets[text], offsets[text + 1]
        tokens = end - begin
        hdd[text] = mtld[text] = -1.0
        if tokens == 0:
            continue
        found = number_types(hashes, begin, end, table, text_stamps, text + 1, types)
        if tokens >= draw:
            hdd[text] = text_hdd(types, tokens, found, draw)
        forwards, stamp = factors(types, tokens, threshold, False, run_stamps, stamp)
        backwards, stamp = factors(types, tokens, threshold, True, run_stamps, stamp)
        runs = tokens if forwards == 0.0 else tokens / forwards
        mtld[text] = (runs + (tokens if backwards == 0.0 else tokens / backwards)) / 2.0


@compiled
def text_hdd(types, tokens, found, draw):
    """HD-D of a text from its numbered types."""
    occurrences = np.zeros(found, np.int64)
    for i in range(tokens):
        occurrences[types[i]] += 1
    spectrum = np.zeros(occurrences.max() + 1, np.int64)
    for kind in range(found):
        spectrum[occurrences[kind]] += 1
    return hdd_of_counts(np.arange(len(spectrum)), spectrum, tokens, draw)


@dataclass(frozen=True)
class RichnessState:
    """Each text's values (-1 where it is too short), in order.

    lengths, hdd, mtld    (texts,)
    """

    lengths: NDArray[np.int64]
    hdd: NDArray[np.float64]
    mtld: NDArray[np.float64]

    @classmethod
    def of(cls, tokens: Tokens) -> Self:
        hdd, mtld = np.empty((2, len(tokens)))
        longest = int(tokens.lengths.max(initial=0))
        measure_texts(tokens.hashes, tokens.offsets, longest, DRAW, THRESHOLD, hdd, mtld)
        return cls(tokens.lengths, hdd, mtld)

    def merge(self, other: Self) -> Self:
        columns = ("lengths", "hdd", "mtld")
        return type(self)(*(np.concatenate([getattr(self, c), getattr(other, c)]) for c in columns))

    def mean_hdd(self) -> tuple[Value, int]:
        """The mean HD-D of texts of at least 42 tokens, and how many there are."""
        return _mean(self.long_hdd(), DRAW)

    def mean_mtld(self, shortest: int = SHORTEST_MTLD) -> tuple[Value, int]:
        """The mean MTLD of texts of at least `shortest` tokens, and how many there are."""
        return _mean(self.long_mtld(shortest), shortest)

    def long_hdd(self) -> NDArray[np.float64]:
        """HD-D of each text that is long enough."""
        return self.hdd[self.lengths >= DRAW]

    def long_mtld(self, shortest: int = SHORTEST_MTLD) -> NDArray[np.float64]:
        """MTLD of each text that is long enough."""
        return self.mtld[self.lengths >= max(shortest, 1)]


def _mean(values: NDArray[np.float64], shortest: int) -> tuple[Value, int]:
    if not len(values):
        return Value.none(f"no text has {shortest} tokens"), 0
    return Value(math.fsum(values) / len(values)), len(values)
