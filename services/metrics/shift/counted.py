"""Shifts of what rows hold so and so often (words, a bin each), of many divisions into sides at once.

The counts of a division are one product of (bins, rows) counts and (rows, divisions) labels, so that floors,
intervals and values at equal size share one counting of the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack
from scipy.special import xlogy

from services.metrics.lexical.ngrams.partition import Partitioner
from services.metrics.lexical.ngrams.states import NGramRows
from services.metrics.lexical.text.tokens import Tokens
from services.metrics.shift.mauve import area_under, divergence_curve
from services.metrics.shift.sides import Labels

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
CELLS = 2**21
"""Cells of counts (bins × divisions) in memory at a time."""


@dataclass(frozen=True)
class Counted:
    """`counts` (bins, rows): how often each row, reference first, holds each bin."""

    counts: csr_array

    @classmethod
    def words(cls, real: Tokens, generated: Tokens, order: int = 1) -> Counted:
        """The n-grams of texts of both sides."""
        entries = Partitioner([real, generated]).entries(order, documents=True)
        assert entries.documents is not None
        rows = NGramRows.from_entries(entries)
        return cls._of(rows.of, entries.documents, (len(rows.keys), len(real) + len(generated)))

    @classmethod
    def bins(cls, labels: NDArray[np.int64]) -> Counted:
        """Rows of one bin each, numbered from 0."""
        return cls._of(labels, np.arange(len(labels)), (int(labels.max(initial=-1)) + 1, len(labels)))

    @classmethod
    def _of(cls, bins: NDArray[np.integer], rows: NDArray[np.integer], shape: tuple[int, int]) -> Counted:
        places = bins.astype(np.int32), rows.astype(np.int32)
        return cls(csr_array((np.ones(len(bins), np.float32), places), shape=shape))

    def divergences(self, real: Labels, generated: Labels, smoothing: float) -> dict[str, Floats]:
        """KL, reverse KL and JS of each division, in nats (`shift/divergence.py`); NaN where a side holds
        nothing, and infinite KL where it is."""
        return self._over(real, generated, lambda p, q: divergences(p, q, smoothing))

    def jensen_shannon(self, real: Labels, generated: Labels) -> dict[str, Floats]:
        """JS alone, in nats. A bin that one row holds is never on both sides, and adds half of ln 2 times its
        share: of such bins, which most pairs of words are, only the sum is counted."""
        held = np.diff(self.counts.indptr)
        rest = csr_array(self.counts[held < 2].sum(axis=0).reshape(1, -1).astype(np.float32))
        shared = Counted(csr_array(vstack([self.counts[held > 1], rest], format="csr")))
        return shared._over(real, generated, _jensen_shannon)

    def mauve(self, real: Labels, generated: Labels) -> dict[str, Floats]:
        """MAUVE of each division over these clusters."""

        def areas(p: Counts, q: Counts) -> dict[str, Floats]:
            shares = zip((p / p.sum(axis=0)).T, (q / q.sum(axis=0)).T, strict=True)
            return {"mauve": np.asarray([area_under(divergence_curve(one, other)) for one, other in shares])}

        return self._over(real, generated, areas)

    def _over(
        self, real: Labels, generated: Labels, measure: Callable[[Counts, Counts], Mapping[str, Floats]]
    ) -> dict[str, Floats]:
        width = max(1, CELLS // max(1, *self.counts.shape))
        found: list[Mapping[str, Floats]] = []
        for start in range(0, max(1, real.shape[1]), width):
            sides = [
                (self.counts @ side[:, start : start + width].astype(np.float32)).astype(np.int64)
                for side in (real, generated)
            ]
            found.append(measure(*sides))
        return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


def _jensen_shannon(p: Counts, q: Counts) -> dict[str, Floats]:
    """Of columns of counts, of which the last of each is of bins that are not on both sides."""
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = p / p.sum(axis=0), q / q.sum(axis=0)
        both = shares[0][:-1] + shares[1][:-1]
        apart = sum(xlogy(share[:-1], share[:-1]).sum(axis=0) + share[-1] * np.log(2) for share in shares)
        js = (apart - xlogy(both, both / 2).sum(axis=0)) / 2
    return {"js": np.clip(js, 0.0, np.log(2))}


def divergences(p: Counts, q: Counts, smoothing: float) -> dict[str, Floats]:
    """KL, reverse KL and JS of the columns of two (bins, divisions) matrices of counts, in nats. Counts are
    few and small: their logarithms are looked up."""
    counts = np.arange(max(p.max(initial=0), q.max(initial=0)) + 1, dtype=np.float64)
    own = xlogy(counts, counts)
    logs = np.log(counts + smoothing, where=counts + smoothing > 0, out=np.zeros_like(counts))
    gap = logs[p] - logs[q]
    with np.errstate(divide="ignore", invalid="ignore"):
        p_all, q_all = p.sum(axis=0), q.sum(axis=0)
        union = np.count_nonzero(p + q, axis=0)
        p_size, q_size = p_all + smoothing * union, q_all + smoothing * union
        # Bins that neither side holds have no gap.
        kl = ((p + smoothing) * gap).sum(axis=0) / p_size - np.log(p_size / q_size)
        reverse = -((q + smoothing) * gap).sum(axis=0) / q_size - np.log(q_size / p_size)
        both = p / p_all + q / q_all
        middle = (both * np.log(both / 2, where=both > 0, out=np.zeros_like(both))).sum(axis=0)
        alone = own[p].sum(axis=0) / p_all - np.log(p_all) + own[q].sum(axis=0) / q_all - np.log(q_all)
    if smoothing == 0:
        kl[((p > 0) & (q == 0)).any(axis=0)] = np.inf
        reverse[((q > 0) & (p == 0)).any(axis=0)] = np.inf
    return {
        "kl": np.maximum(kl, 0.0),
        "kl_reverse": np.maximum(reverse, 0.0),
        "js": np.clip((alone - middle) / 2, 0.0, np.log(2)),
    }
