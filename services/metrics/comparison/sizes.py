"""Cutting datasets to one size. Distinct-n falls with size, Vendi and Self-BLEU rise: unequal sets
mislead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from services.metrics.problems import require_rows

Equal = Literal["rows", "tokens", "none"]


@dataclass(frozen=True)
class EqualSize:
    """The common size of a group, in `by`; None when datasets are taken as they are."""

    by: Equal
    size: int | None

    def cuts(self, lengths: Sequence[int] | NDArray[np.int64]) -> bool:
        """Whether a dataset of texts with these token counts is larger than the common size."""
        return self.size is not None and self._amount(lengths) > self.size

    def rows(self, lengths: Sequence[int] | NDArray[np.int64], seed: int) -> NDArray[np.int64]:
        """Places, ascending, of a seeded cut without replacement; all places when nothing is cut.

        By tokens, rows are drawn until the next would pass the size: the total is at most the size, and
        less by fewer tokens than one row has.
        """
        if not self.cuts(lengths):
            return np.arange(len(lengths))
        order = np.random.default_rng(seed).permutation(len(lengths))
        if self.by == "rows":
            return np.sort(order[: self.size])
        totals = np.cumsum(np.asarray(lengths)[order])
        return np.sort(order[: max(1, int(np.searchsorted(totals, self.size or 0, side="right")))])

    def _amount(self, lengths: Sequence[int] | NDArray[np.int64]) -> int:
        return len(lengths) if self.by == "rows" else int(np.sum(lengths))


def equal_size(lengths: Mapping[str, Sequence[int] | NDArray[np.int64]], by: Equal) -> EqualSize:
    """The size of the smallest dataset of the group, in rows or in tokens.

    Raises Unmeasurable when a dataset is empty: nothing could be cut to its size.
    """
    for name, counts in lengths.items():
        require_rows(len(counts), 1, f"The dataset {name!r} in a comparison")
    if by == "none":
        return EqualSize(by, None)
    amounts = [len(counts) if by == "rows" else int(np.sum(counts)) for counts in lengths.values()]
    return EqualSize(by, min(amounts))
