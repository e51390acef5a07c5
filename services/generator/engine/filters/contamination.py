"""Refuses rows that repeat a word sequence of the held-out set: the test must stay a test."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from services.generator.engine.filters.words import shingle_hashes, words
from services.generator.engine.stage import Draft, Filter, Refusal, Reject


class ContaminationFilter(Filter):
    """`size` consecutive words in common with any held-out text. 8 bytes for each held-out word are kept (for
    each letter where no spaces are written); a 64-bit collision refuses a clean row with a probability below
    10⁻⁹ for a million of them."""

    def __init__(self, held_out: Iterable[str], size: int) -> None:
        self._size = size
        hashes = [shingle_hashes(found, size) for text in held_out if len((found := words(text)).ends(size))]
        self._known = np.unique(np.concatenate(hashes)) if hashes else np.empty(0, np.uint64)

    def judge(self, draft: Draft) -> Reject | None:
        found = words(draft.text)
        ends = found.ends(self._size)
        if not len(ends) or not len(self._known):
            return None
        hashes = shingle_hashes(found, self._size)
        slots = np.minimum(self._known.searchsorted(hashes), len(self._known) - 1)
        hits = np.flatnonzero(self._known[slots] == hashes)
        if not len(hits):
            return None
        shared = found.shown(hits[0], ends[hits[0]])
        return Reject(
            Refusal.CONTAMINATION, f"shares “{shared}” with the held-out set", draft.text, draft.origin
        )
