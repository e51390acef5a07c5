"""Heaps' law: the vocabulary after n tokens, V(n) = K n^β.

"Synthetic Eggs in Many Baskets" (2511.01490) takes lower-cased words and a point every 1,000 tokens; its
code joins responses without a separator, which makes words that nobody wrote: here no token crosses a
text's border. K and β come from least squares on (log n, log V), unweighted.

The points of one curve are far from independent, so the regression's own standard errors mean nothing.
The intervals are of a delete-a-group jackknife over texts (Busing, Meijer, van der Leeden 1999, for groups
of unequal size): texts fall into 16 groups by a hash of their tokens, the fit is repeated without each,
and Student's t with groups - 1 degrees of freedom is used.

The state merges: for every type its first position, and the first one in a text of another group, which
is all the jackknife needs. Positions of the right-hand state move by the left-hand one's tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.metrics.intervals.interval import NoInterval, Spread
from services.metrics.lexical.compiled import compiled
from services.metrics.lexical.errors import LexicalError
from services.metrics.lexical.measures.jackknife import grouped_jackknife
from services.metrics.lexical.ngrams.states import numbered
from services.metrics.lexical.ngrams.tables import EMPTY, ONE, index, slots_for
from services.metrics.lexical.text.hashing import mix
from services.metrics.lexical.text.tokens import Tokens
from services.metrics.lexical.values import Value

STEP = 1000
GROUPS = 16
NEVER = np.iinfo(np.int64).max


@compiled
def group_texts(hashes, offsets, groups, group):
    """A group for each text, by a hash of its tokens: equal texts share one."""
    for text in range(len(offsets) - 1):
        key = np.uint64(0)
        for i in range(offsets[text], offsets[text + 1]):
            key += hashes[i]
        group[text] = mix(key) % np.uint64(groups)


@compiled
def read_text(hashes, begin, end, own, table, slots, types, first, other, groups, found):
    """Take one text's tokens into the types; returns how many there are. The table has room for all."""
    mask = slots - ONE
    for i in range(begin, end):
        key = hashes[i]
        slot = key & mask
        row = table[slot]
        while row != 0 and types[np.uint64(row) - ONE] != key:
            slot = (slot + ONE) & mask
            row = table[slot]
        if row != 0:
            place = np.uint64(row) - ONE
            if groups[place] != own and other[place] > i:
                other[place] = i
            continue
        types[found], first[found], other[found], groups[found] = key, i, NEVER, own
        found += ONE
        table[slot] = found
    return found


@compiled
def first_positions(hashes, offsets, group, types, first, other, groups):
    """Types in order of appearance; returns how many.

    first     position of each type
    other     its first position in a text of another group than the first one's
    groups    the group of that first text
    """
    slots = np.uint64(1024)
    table = np.zeros(slots, np.uint32)
    found = EMPTY
    for text in range(len(offsets) - 1):
        begin, end = offsets[text], offsets[text + 1]
        if np.uint64(2) * (found + np.uint64(end - begin)) > slots:
            slots = slots_for(np.uint64(2) * (found + np.uint64(end - begin)))
            table = index(types, np.int64(found), slots)
        found = read_text(hashes, begin, end, group[text], table, slots, types, first, other, groups, found)
    return np.int64(found)


@dataclass(frozen=True)
class HeapsFit:
    """K and β with their intervals, and the points they were fitted to.

    points    (points, 2) int64: tokens read, types seen
    """

    k: Value
    beta: Value
    k_interval: Spread
    beta_interval: Spread
    points: NDArray[np.int64]


@dataclass(frozen=True)
class HeapsState:
    """First positions of types; see the module.

    types, first, other, groups    (types,)
    lengths, text_groups           (texts,) tokens and group of each text, in order
    """

    types: NDArray[np.uint64]
    first: NDArray[np.int64]
    other: NDArray[np.int64]
    groups: NDArray[np.uint8]
    lengths: NDArray[np.int64]
    text_groups: NDArray[np.uint8]

    @classmethod
    def of(cls, tokens: Tokens) -> Self:
        size = len(tokens.hashes)
        types, groups = np.empty(size, np.uint64), np.empty(size, np.uint8)
        first, other = np.empty(size, np.int64), np.empty(size, np.int64)
        text_groups = np.zeros(len(tokens), np.uint8)
        group_texts(tokens.hashes, tokens.offsets, GROUPS, text_groups)
        found = first_positions(tokens.hashes, tokens.offsets, text_groups, types, first, other, groups)
        for column in (types, first, other, groups):
            column.resize(found, refcheck=False)
        return cls(types, first, other, groups, tokens.lengths, text_groups)

    def merge(self, right: Self) -> Self:
        """The state of these texts followed by those."""
        shift = int(self.lengths.sum())
        rows, sources = numbered([self.types, right.types])
        left, new = sources < len(self.types), sources >= len(self.types)
        size = len(rows.keys)
        first, other = np.full(size, NEVER), np.full(size, NEVER)
        groups = np.zeros(size, np.uint8)
        there, from_right = rows.of[new], sources[new] - len(self.types)
        first[there], groups[there] = right.first[from_right] + shift, right.groups[from_right]
        other[there] = _moved(right.other[from_right], shift)
        here, from_left = rows.of[left], sources[left]
        # Where both know the type the left one's first stands; the right one's first in another group
        # than that counts when the left has none.
        right_first, right_other, right_group = first[here], other[here], groups[here]
        in_another = np.where(right_group != self.groups[from_left], right_first, right_other)
        first[here], groups[here] = self.first[from_left], self.groups[from_left]
        other[here] = np.minimum(self.other[from_left], in_another)
        return type(self)(
            rows.keys,
            first,
            other,
            groups,
            np.concatenate([self.lengths, right.lengths]),
            np.concatenate([self.text_groups, right.text_groups]),
        )

    def points(self, step: int = STEP) -> NDArray[np.int64]:
        """The vocabulary after every `step` tokens: (points, 2) int64."""
        return growth(np.sort(self.first), int(self.lengths.sum()), step)

    def fit(self, step: int = STEP, *, confidence: float = 0.95) -> HeapsFit:
        """K, β and their intervals. None when there are fewer than two points with tokens."""
        if step < 1:
            raise LexicalError(f"points are at least one token apart, not {step}")
        points = self.points(step)
        if len(points) < 2:
            reason = f"the texts have fewer than {2 * step} tokens: two points are needed for a line"
            none, no_interval = Value.none(reason), NoInterval(reason)
            return HeapsFit(none, none, no_interval, no_interval, points)
        intercept, slope = log_line(points)
        of_log_k, of_slope = self._intervals(np.array([intercept, slope]), step, confidence)
        return HeapsFit(
            Value(float(np.exp(intercept))), Value(slope), _exponential(of_log_k), of_slope, points
        )

    def _intervals(self, whole: NDArray[np.float64], step: int, confidence: float) -> list[Spread]:
        sizes = np.bincount(self.text_groups, weights=self.lengths, minlength=GROUPS).astype(np.int64)
        lines = []
        for group in range(GROUPS):
            points = self.without(group, step) if sizes[group] else np.zeros((0, 2), np.int64)
            lines.append(log_line(points) if len(points) > 1 else (np.nan, np.nan))
        return grouped_jackknife(whole, np.array(lines), sizes, confidence)

    def without(self, group: int, step: int = STEP) -> NDArray[np.int64]:
        """The points of the texts outside a group."""
        removed = self.text_groups == group
        starts = np.concatenate([[0], np.cumsum(self.lengths)])
        gone = np.concatenate([[0], np.cumsum(np.where(removed, self.lengths, 0))])
        first = np.where(self.groups == group, self.other, self.first)
        first = first[first != NEVER]
        first -= gone[np.searchsorted(starts, first, side="right") - 1]
        return growth(np.sort(first), int(starts[-1] - gone[-1]), step)


def _exponential(found: Spread) -> Spread:
    """The interval of exp of what this one, symmetric, is for; its error by the delta method."""
    if isinstance(found, NoInterval):
        return found
    with np.errstate(over="ignore"):  # limits that are not finite are told as none
        low, middle, high = np.exp([found.low, (found.low + found.high) / 2, found.high]).tolist()
    return replace(found, low=low, high=high, standard_error=found.standard_error * middle)


def _moved(positions: NDArray[np.int64], shift: int) -> NDArray[np.int64]:
    return np.where(positions == NEVER, NEVER, np.where(positions == NEVER, 0, positions) + shift)


def growth(first: NDArray[np.int64], tokens: int, step: int) -> NDArray[np.int64]:
    """Types among the first n tokens, for n = step, 2 step, ... up to all; from sorted first positions."""
    read = np.arange(step, tokens + 1, step)
    return np.stack([read, np.searchsorted(first, read)], axis=1)


def log_line(points: NDArray[np.int64]) -> tuple[float, float]:
    """Intercept and slope of log V on log n by least squares."""
    x, y = np.log(points).T
    centred = x - x.mean()
    slope = float(centred @ y / (centred @ centred))
    return float(y.mean() - slope * x.mean()), slope
