"""Confidence intervals of Distinct-n, EAD, n-gram diversity and entropy; Distinct-n at a given size.

Texts, not n-grams, are the sampled units. They fall at random (seeded) into up to 1,024 groups of equal
size, and one pass over the n-grams tells what every measure would be without each group: an n-gram is
lost with a group only when all its occurrences are in it. That is 1,024 replicates of a delete-a-group
jackknife (`jackknife`) for little more than one value.

To compare sets of unequal size, `distinct_subsamples` gives Distinct-n over 1,024 random subsets of one
size: each replicate is a bit of a mask, a text has the bits of the subsets that it is in, and an n-gram
is in those subsets where any of its texts is (the masks' bitwise or).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.metrics.lexical.compiled import compiled
from services.metrics.lexical.distinct import GPT2_VOCABULARY, ead_value, ngram_total
from services.metrics.lexical.errors import LexicalError
from services.metrics.lexical.jackknife import Interval, grouped_jackknife
from services.metrics.lexical.partition import Partitioner
from services.metrics.lexical.tables import FEWEST_SLOTS, number_part
from services.metrics.lexical.tokens import Tokens
from services.metrics.lexical.values import Value, too_short

REPLICATES = 1024
WORD = 64


@compiled
def gather_texts(hashes, offsets, order, out, out_offsets):  # type: ignore[no-untyped-def]
    """Copy the texts in another order."""
    place = 0
    for k in range(len(order)):
        for i in range(offsets[order[k]], offsets[order[k] + 1]):
            out[place] = hashes[i]
            place += 1
        out_offsets[k + 1] = place


@compiled
def leave_out(keys, owners, starts, largest, group, exclusive, weight):  # type: ignore[no-untyped-def]
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
def take(group, count, here, exclusive, weight):  # type: ignore[no-untyped-def]
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
    sizes       (groups,) texts in each group
    """

    order: int
    distinct: NDArray[np.int64]
    total: NDArray[np.int64]
    weight: NDArray[np.float64]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, tokens: Tokens, order: int, *, groups: int = REPLICATES, seed: int = 0) -> Self:
        """Leave out each of `groups` random groups of texts in turn (of fewer, if there are fewer texts)."""
        tokens, group = in_groups(tokens, groups, seed)
        entries = Partitioner([tokens]).entries(order, documents=True)
        sizes = np.bincount(group, minlength=1)
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

    def interval(self, values: NDArray[np.float64], confidence: float = 0.95) -> Interval:
        """The interval of a measure from its values, that of all texts first and then without each group."""
        if not self.total[0]:
            return Interval.none(too_short(self.order))
        return grouped_jackknife(values[:1], values[1:, None], self.sizes, confidence)[0]


def distinct_interval(
    tokens: Tokens, order: int, *, groups: int = REPLICATES, seed: int = 0, confidence: float = 0.95
) -> Interval:
    """Jackknife interval of Distinct-n (equation 6, n-grams within texts)."""
    left_out = LeftOut.of(tokens, order, groups=groups, seed=seed)
    return left_out.interval(left_out.distinct_n(), confidence).clipped(0, 1)


def entropy_interval(
    tokens: Tokens, order: int, *, groups: int = REPLICATES, seed: int = 0, confidence: float = 0.95
) -> Interval:
    """Jackknife interval of the n-grams' entropy in bits."""
    left_out = LeftOut.of(tokens, order, groups=groups, seed=seed)
    return left_out.interval(left_out.entropy(), confidence).clipped(0, np.inf)


def ngram_diversity_interval(
    tokens: Tokens, longest: int = 4, *, groups: int = REPLICATES, seed: int = 0, confidence: float = 0.95
) -> Interval:
    """Jackknife interval of n-gram diversity, the sum of Distinct-1 to Distinct-`longest`."""
    orders = [LeftOut.of(tokens, n, groups=groups, seed=seed) for n in range(1, longest + 1)]
    values = np.sum([left_out.distinct_n() for left_out in orders], axis=0)
    return orders[-1].interval(values, confidence).clipped(0, longest)


def in_groups(tokens: Tokens, groups: int, seed: int) -> tuple[Tokens, NDArray[np.uint32]]:
    """The texts ordered by random groups of equal size (to within one text), and each one's group."""
    if groups < 2:
        raise LexicalError(f"at least two groups of texts are needed, not {groups}")
    count = len(tokens)
    group = np.arange(count) * min(groups, count) // max(count, 1)
    order = np.random.default_rng(seed).permutation(count)
    hashes, offsets = np.empty(len(tokens.hashes), np.uint64), np.zeros(count + 1, np.int64)
    gather_texts(tokens.hashes, tokens.offsets, order, hashes, offsets)
    reordered = Tokens(hashes, offsets, tokens.characters[order], tokens.tokeniser, tokens.seed)
    return reordered, group.astype(np.uint32)


def _over(
    numerator: NDArray[np.float64] | NDArray[np.int64], denominator: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The quotient, NaN where there is nothing to divide by (such replicates are left out)."""
    quotient: NDArray[np.float64] = np.where(denominator > 0, numerator / np.maximum(denominator, 1), np.nan)
    return quotient


@compiled
def count_in_subsets(keys, owners, starts, largest, group, masks, distinct):  # type: ignore[no-untyped-def]
    """Add to each subset its different n-grams; `masks[w, g]`: the subsets 64 w to 64 w + 63 of group g."""
    slots = FEWEST_SLOTS
    table = np.zeros(slots, np.uint32)
    row_keys, rows_of = np.empty(largest, np.uint64), np.empty(largest, np.uint32)
    groups, subsets = np.empty(largest, np.uint32), np.empty(largest, np.uint64)
    for part in range(len(starts) - 1):
        low, high = starts[part], starts[part + 1]
        rows, table, slots = number_part(keys[low:high], table, slots, row_keys, rows_of)
        for entry in range(high - low):
            groups[entry] = group[owners[low + entry]]
        for word in range(len(masks)):
            subsets[:rows] = 0
            for entry in range(high - low):
                subsets[rows_of[entry]] |= masks[word, groups[entry]]
            count_bits(subsets[:rows], distinct[64 * word : 64 * word + 64])


@compiled
def count_bits(rows, sums):  # type: ignore[no-untyped-def]
    """Add to each of 64 sums how many rows have that bit."""
    for row in range(len(rows)):
        for bit in range(64):
            sums[bit] += np.int64((rows[row] >> np.uint64(bit)) & np.uint64(1))


@dataclass(frozen=True)
class Subsamples:
    """Distinct-n of random subsets: `values` (replicates,), over `texts` texts each on average."""

    texts: float
    values: NDArray[np.float64]

    def mean(self) -> Value:
        return Value(float(self.values.mean()))

    def interval(self, confidence: float = 0.95) -> Interval:
        """The middle share of the subsets' values: how much Distinct-n at this size moves with the texts."""
        low, high = np.quantile(self.values, [(1 - confidence) / 2, (1 + confidence) / 2])
        error = float(self.values.std(ddof=1))
        return Interval(float(low), float(high), error, confidence, "random subsets of one size")


def distinct_subsamples(
    tokens: Tokens, order: int, texts: int, *, replicates: int = REPLICATES, seed: int = 0
) -> Subsamples:
    """Distinct-n of `replicates` random subsets of `texts` texts, drawn without replacement.

    Up to 1,024 texts each text is drawn by itself; above, texts are drawn as 1,024 random groups, so that a
    subset's size is right to within a thousandth of the set. Raises LexicalError unless some texts, and
    not more than there are, are asked for, or when there are no n-grams.
    """
    if not 0 < texts <= len(tokens):
        raise LexicalError(f"a subset of {texts} texts cannot be drawn from {len(tokens)}")
    if not ngram_total(tokens, order):
        raise LexicalError(too_short(order))
    tokens, group = in_groups(tokens, max(min(REPLICATES, len(tokens)), 2), seed)
    drawn = draw_groups(int(group[-1]) + 1, texts / len(tokens), replicates, seed)
    entries = Partitioner([tokens]).entries(order, documents=True)
    distinct = np.zeros(drawn.shape[1], np.int64)
    masks = np.ascontiguousarray(np.packbits(drawn, axis=1, bitorder="little").view(np.uint64).T)
    count_in_subsets(entries.keys, entries.documents, entries.starts, entries.largest, group, masks, distinct)
    ngrams = np.bincount(group, weights=np.maximum(tokens.lengths - (order - 1), 0))
    sizes = np.bincount(group)
    totals = (ngrams @ drawn)[:replicates]
    values = distinct[:replicates] / np.maximum(totals, 1)
    return Subsamples(float((sizes @ drawn)[:replicates].mean()), values)


def draw_groups(groups: int, share: float, replicates: int, seed: int) -> NDArray[np.uint8]:
    """(groups, replicates rounded up to 64) 1 where a replicate has the group; each has as many groups."""
    draw = np.random.default_rng([seed, 1])
    size = max(round(groups * share), 1)
    columns = -(-replicates // WORD) * WORD
    drawn = np.zeros((columns, groups), np.uint8)
    for column in range(replicates):
        drawn[column, draw.permutation(groups)[:size]] = 1
    return np.ascontiguousarray(drawn.T)
