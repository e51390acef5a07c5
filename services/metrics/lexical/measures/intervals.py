"""Confidence intervals of Distinct-n, EAD, n-gram diversity and entropy.

Texts, not n-grams, are the sampled units. They fall at random (seeded) into up to 1,024 groups of equal
size, and one pass over the n-grams tells what every measure would be without each group: an n-gram is
lost with a group only when all its occurrences are in it. That is 1,024 replicates of a delete-a-group
jackknife (`jackknife`) for little more than one value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.metrics.intervals.interval import NoInterval, Spread
from services.metrics.lexical.compiled import compiled
from services.metrics.lexical.errors import LexicalError
from services.metrics.lexical.measures.distinct import GPT2_VOCABULARY, ead_value
from services.metrics.lexical.measures.jackknife import grouped_jackknife
from services.metrics.lexical.ngrams.partition import Partitioner
from services.metrics.lexical.ngrams.tables import FEWEST_SLOTS, number_part
from services.metrics.lexical.text.tokens import Tokens
from services.metrics.lexical.values import too_short

REPLICATES = 1024


@compiled
def gather_texts(hashes, offsets, order, out, out_offsets):
    """Copy the texts in another order."""
    place = 0
    for k in range(len(order)):
        for i in range(offsets[order[k]], offsets[order[k] + 1]):
            out[place] = hashes[i]
            place += 1
        out_offsets[k + 1] = place


@compiled
def leave_out(keys, owners, starts, largest, group, exclusive, weight):
    """What each group takes with it when it goes, from entries whose groups ascend in each part.

    exclusive    (groups,) n-grams that occur in no other group
    weight       (groups,) by how much Σ c ln c falls

    Returns how many different n-grams there are, and Σ c ln c of all.
    """
    slots = FEWEST_SLOTS
    table = np.zeros(slots, np.uint32)
    row_keys, rows_of = np.empty(largest, np.uint64), np.empty(largest, np.uint32)
    counts, last = np.empty(largest, np.uint32), np.empty(largest, np.uint32)
    here = np.empty(largest, np.uint32)
    distinct, whole = np.int64(0), 0.0
    for part in range(len(starts) - 1):
        low, high = starts[part], starts[part + 1]
        rows, table, slots = number_part(keys[low:high], table, slots, row_keys, rows_of)
        counts[:rows] = here[:rows] = 0
        for entry in range(high - low):
            counts[rows_of[entry]] += np.uint32(1)
        for entry in range(high - low):
            row = rows_of[entry]
            own = group[owners[low + entry]]
            if here[row] > 0 and last[row] != own:
                take(last[row], counts[row], here[row], exclusive, weight)
                here[row] = 0
            last[row] = own
            here[row] += np.uint32(1)
        for row in range(rows):
            take(last[row], counts[row], here[row], exclusive, weight)
            whole += counts[row] * np.log(np.float64(counts[row]))
        distinct += rows
    return distinct, whole


@compiled
def take(group, count, here, exclusive, weight):
    """One n-gram's share in `leave_out`: `here` of its `count` occurrences are in the group."""
    if here == count:
        exclusive[group] += 1
        weight[group] += count * np.log(np.float64(count))
    else:
        rest = np.float64(count - here)
        weight[group] += count * np.log(np.float64(count)) - rest * np.log(rest)


@dataclass(frozen=True)
class LeftOut:
    """Of n-grams of one order: what there is of all texts (row 0) and without each group (rows 1 on).

    distinct    (1 + groups,) different n-grams
    total       (1 + groups,) all n-grams
    weight      (1 + groups,) Σ c ln c
    sizes       (groups,) texts, or units of them, in each group
    """

    order: int
    distinct: NDArray[np.int64]
    total: NDArray[np.int64]
    weight: NDArray[np.float64]
    sizes: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        tokens: Tokens,
        order: int,
        *,
        units: NDArray[np.int64] | None = None,
        groups: int = REPLICATES,
        seed: int = 0,
    ) -> Self:
        """Leave out each of `groups` random groups of texts in turn (of fewer, if there are fewer texts).
        Texts of one of `units` (texts,), numbered from 0, go together."""
        tokens, group, sizes = in_groups(tokens, groups, seed, units)
        entries = Partitioner([tokens]).entries(order, documents=True)
        exclusive, weight = np.zeros(len(sizes), np.int64), np.zeros(len(sizes))
        found, all_weight = leave_out(
            entries.keys, entries.documents, entries.starts, entries.largest, group, exclusive, weight
        )
        ngrams = np.zeros(len(sizes), np.int64)
        np.add.at(ngrams, group, np.maximum(tokens.lengths - (order - 1), 0))
        return cls(
            order,
            np.concatenate([[found], found - exclusive]),
            np.concatenate([[len(entries.keys)], len(entries.keys) - ngrams]),
            np.concatenate([[all_weight], all_weight - weight]),
            sizes,
        )

    def distinct_n(self) -> NDArray[np.float64]:
        """Distinct-n of all texts, and without each group (NaN where that leaves no n-gram)."""
        return _over(self.distinct, self.total)

    def entropy(self) -> NDArray[np.float64]:
        """Entropy in bits, likewise."""
        nats = np.log(np.maximum(self.total, 1)) - _over(self.weight, self.total)
        bits: NDArray[np.float64] = np.maximum(nats, 0) / np.log(2)
        return bits

    def ead(self, vocabulary: int = GPT2_VOCABULARY) -> NDArray[np.float64]:
        """EAD, likewise."""
        pairs = zip(self.distinct.tolist(), self.total.tolist(), strict=True)
        values = [ead_value(distinct, total, self.order, vocabulary).value for distinct, total in pairs]
        return np.array([np.nan if value is None else value for value in values])

    def interval(self, values: NDArray[np.float64], confidence: float = 0.95) -> Spread:
        """The interval of a measure from its values, that of all texts first and then without each group."""
        if not self.total[0]:
            return NoInterval(too_short(self.order))
        return grouped_jackknife(values[:1], values[1:, None], self.sizes, confidence)[0]


def in_groups(
    tokens: Tokens, groups: int, seed: int, units: NDArray[np.int64] | None = None
) -> tuple[Tokens, NDArray[np.uint32], NDArray[np.int64]]:
    """The texts ordered by random groups of equally many texts, or units of them (to within one), each one's
    group, and how many units each group has."""
    if groups < 2:
        raise LexicalError(f"at least two groups of texts are needed, not {groups}")
    units = np.arange(len(tokens)) if units is None else units
    count = int(units.max(initial=-1)) + 1
    group_of = np.arange(count) * min(groups, count) // max(count, 1)
    place = np.empty(count, np.int64)
    place[np.random.default_rng(seed).permutation(count)] = np.arange(count)
    order = np.argsort(place[units], kind="stable")
    group = group_of[place[units][order]]
    hashes, offsets = np.empty(len(tokens.hashes), np.uint64), np.zeros(len(tokens) + 1, np.int64)
    gather_texts(tokens.hashes, tokens.offsets, order, hashes, offsets)
    reordered = Tokens(hashes, offsets, tokens.characters[order], tokens.tokeniser, tokens.seed)
    return reordered, group.astype(np.uint32), np.bincount(group_of, minlength=1)


def _over(
    numerator: NDArray[np.float64] | NDArray[np.int64], denominator: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The quotient, NaN where there is nothing to divide by (such replicates are left out)."""
    quotient: NDArray[np.float64] = np.where(denominator > 0, numerator / np.maximum(denominator, 1), np.nan)
    return quotient
