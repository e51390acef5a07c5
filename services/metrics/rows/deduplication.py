"""Keeping one row of each group of duplicates, and taking a test set's rows out of a training set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from services.metrics.problems import Unmeasurable
from services.metrics.rows.filtering import Selection, select
from services.metrics.rows.ordering import require_unique

Keep = Literal["first", "longest"]


def keep_one_of_each(
    ids: Sequence[str],
    groups: Iterable[Sequence[str]],
    *,
    keep: Keep = "first",
    lengths: Mapping[str, int] | None = None,
) -> Selection:
    """Keep one row of every group (the first in the dataset, or the longest) and every row in no group.

    `groups` are disjoint sets of ids that are duplicates of each other; `lengths` are needed to keep the
    longest, and the first of equally long rows stays. The reason of a reject names the row that stands for
    it.
    """
    require_unique(ids)
    if keep == "longest" and lengths is None:
        raise Unmeasurable(
            "no_lengths", "Keeping the longest of each group needs the rows' lengths.", field="keep"
        )
    place = {row: position for position, row in enumerate(ids)}
    reasons: dict[str, str] = {}
    for group in groups:
        stays = min(
            group, key=lambda row: (-lengths[row] if keep == "longest" and lengths else 0, place[row])
        )
        reasons |= {row: f"duplicate of {stays}" for row in group if row != stays}
    return select(ids, reasons)


def drop_contaminated(ids: Sequence[str], held: Mapping[str, float], *, share: float) -> Selection:
    """Drop the rows that hold `share` or more of some test row's n-grams.

    `held` is the largest such share of each row; a row that is not in it holds nothing.
    """
    if not 0 < share <= 1:
        raise Unmeasurable("bad_share", f"A share lies above 0 and at most at 1, not {share}.", field="share")
    return select(
        ids,
        {row: f"holds {held[row]:.0%} of a test row's n-grams" for row in ids if held.get(row, 0.0) >= share},
    )
