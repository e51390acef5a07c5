"""How far the n-grams of generated texts are from those of real ones: KL and Jensen-Shannon divergence.

KL(real ‖ generated) = Σ p log(p / q) is infinite as soon as a real n-gram is never generated, so both
distributions are smoothed: `smoothing` (0.5 by default) is added to the count of every n-gram that occurs
in either set, and of no other. Jensen-Shannon needs no smoothing: Σ over P and Q of their KL to
(P + Q) / 2, halved; it lies between 0 and log 2. Both are in bits unless another base is given.

"What Matters in LLM-generated Data" (2506.19262, Table 2) reports KL without saying how it was
estimated: compare trends with it, not values. Both grow when the sets are small, and with n.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.metrics.lexical.errors import LexicalError, UnlikeStates
from services.metrics.lexical.ngrams.amounts import pair_keys, pair_one_table
from services.metrics.lexical.ngrams.partition import WHOLE, Partitioner, Slice
from services.metrics.lexical.ngrams.states import NgramCounts, numbered
from services.metrics.lexical.ngrams.tables import ONE_TABLE
from services.metrics.lexical.text.tokens import Tokens
from services.metrics.lexical.values import Value

SMOOTHING = 0.5
INFINITE = "without smoothing it is infinite: one side misses a bin that the other holds"
NO_REAL = "the real texts have no n-grams of this order"
NO_GENERATED = "the generated texts have no n-grams of this order"


@dataclass(frozen=True)
class JointSpectrum:
    """`kinds[i]` different n-grams occur `real[i]` times in the real and `generated[i]` in the generated set.

    Integers, so that a divergence is the same to the last bit however the texts were divided.
    """

    real: NDArray[np.int64]
    generated: NDArray[np.int64]
    kinds: NDArray[np.int64]

    @classmethod
    def of(cls, real: NDArray[np.integer], generated: NDArray[np.integer]) -> Self:
        """From the counts of each n-gram in both sets (0 where it does not occur)."""
        pairs = (real.astype(np.uint64) << np.uint64(32)) | generated.astype(np.uint64)
        pairs, kinds = np.unique(pairs, return_counts=True)
        return cls._unpacked(pairs, kinds)

    @classmethod
    def of_tokens(cls, real: Tokens, generated: Tokens, order: int, key_slice: Slice = WHOLE) -> Self:
        """From texts; over slices of the key space, merge."""
        if (real.tokeniser, real.seed) != (generated.tokeniser, generated.seed):
            raise UnlikeStates("real and generated texts need one tokeniser and one seed")
        size = len(real.hashes) + len(generated.hashes)
        pairs = np.empty(size + 1, np.uint64)
        found = -1
        if order == 1 and key_slice == WHOLE:
            found = pair_one_table(real.hashes, generated.hashes, ONE_TABLE, pairs)
        if found < 0:
            left, right = (
                Partitioner([side], sized_for=size).entries(order, key_slice=key_slice)
                for side in (real, generated)
            )
            found = pair_keys(left.keys, left.starts, right.keys, right.starts, pairs)
        return cls._unpacked(*np.unique(pairs[:found], return_counts=True))

    @classmethod
    def of_counts(cls, real: NgramCounts, generated: NgramCounts) -> Self:
        """From the (merged) count states of both sets."""
        if (real.order, real.key_slice) != (generated.order, generated.key_slice):
            raise UnlikeStates("the two states count n-grams of another order or slice")
        rows, sources = numbered([real.keys, generated.keys])
        counts = np.zeros((2, len(rows.keys)), np.int64)
        known = sources < len(real.keys)
        counts[0, rows.of[known]] = real.counts[sources[known]]
        counts[1, rows.of[~known]] = generated.counts[sources[~known] - len(real.keys)]
        return cls.of(counts[0], counts[1])

    def merge(self, other: Self) -> Self:
        """The joint spectrum of two *disjoint* sets of n-grams (two slices of the key space)."""
        packed = [
            (part.real.astype(np.uint64) << np.uint64(32)) | part.generated.astype(np.uint64)
            for part in (self, other)
        ]
        pairs, place = np.unique(np.concatenate(packed), return_inverse=True)
        kinds = np.zeros(len(pairs), np.int64)
        np.add.at(kinds, place, np.concatenate([self.kinds, other.kinds]))
        return self._unpacked(pairs, kinds)

    @classmethod
    def _unpacked(cls, pairs: NDArray[np.uint64], kinds: NDArray[np.int64]) -> Self:
        real, generated = pairs >> np.uint64(32), pairs & np.uint64(0xFFFFFFFF)
        return cls(real.astype(np.int64), generated.astype(np.int64), kinds.astype(np.int64))

    @property
    def totals(self) -> tuple[int, int]:
        """All n-grams, occurrences counted, of the real and of the generated set."""
        return int(self.real @ self.kinds), int(self.generated @ self.kinds)

    def undefined(self) -> str | None:
        """Why there is no divergence; None when there is."""
        real, generated = self.totals
        return NO_REAL if not real else NO_GENERATED if not generated else None


@dataclass(frozen=True)
class DivergenceValues:
    """kl: real ‖ generated with `smoothing`; js: symmetric, unsmoothed; logarithms to `base`."""

    kl: Value
    js: Value
    order: int
    smoothing: float
    base: float


def divergence(
    real: Tokens, generated: Tokens, order: int = 1, *, smoothing: float = SMOOTHING, base: float = 2
) -> DivergenceValues:
    """KL and JS of the n-gram distributions. No value when either set has no n-gram of that order."""
    return joint_divergence(
        JointSpectrum.of_tokens(real, generated, order), order, smoothing=smoothing, base=base
    )


def joint_divergence(
    joint: JointSpectrum, order: int, *, smoothing: float = SMOOTHING, base: float = 2
) -> DivergenceValues:
    """The same from counts."""
    if smoothing < 0:
        raise LexicalError(f"smoothing adds to counts: {smoothing} is negative")
    if base <= 1:
        raise LexicalError(f"logarithms need a base above 1, not {base}")
    reason = joint.undefined()
    if reason:
        return DivergenceValues(Value.none(reason), Value.none(reason), order, smoothing, base)
    unit = math.log(base)
    kl, js = kullback_leibler(joint, smoothing) / unit, jensen_shannon(joint) / unit
    told = Value(kl) if math.isfinite(kl) else Value.none(INFINITE)
    return DivergenceValues(told, Value(js), order, smoothing, base)


def kullback_leibler(joint: JointSpectrum, smoothing: float) -> float:
    """Σ p ln(p / q) over the union of both sets' n-grams, both smoothed; in nats. Infinite without smoothing
    where the generated texts miss an n-gram of the real ones."""
    if smoothing == 0:
        if ((joint.real > 0) & (joint.generated == 0) & (joint.kinds > 0)).any():
            return math.inf
        held = joint.real > 0
        joint = JointSpectrum(joint.real[held], joint.generated[held], joint.kinds[held])
    union = int(joint.kinds.sum())
    p, q = (
        (counts + smoothing) / (total + smoothing * union)
        for counts, total in zip((joint.real, joint.generated), joint.totals, strict=True)
    )
    return max(math.fsum(joint.kinds * p * np.log(p / q)), 0.0)


def jensen_shannon(joint: JointSpectrum) -> float:
    """½ KL(P ‖ M) + ½ KL(Q ‖ M) with M = (P + Q) / 2; in nats."""
    p, q = (counts / total for counts, total in zip((joint.real, joint.generated), joint.totals, strict=True))
    middle = (p + q) / 2
    terms = [
        joint.kinds * np.where(side > 0, side * np.log(np.where(side > 0, side, 1) / middle), 0.0)
        for side in (p, q)
    ]
    return min(max(math.fsum(np.concatenate(terms)) / 2, 0.0), math.log(2))
