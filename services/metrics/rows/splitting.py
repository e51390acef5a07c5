"""Splitting a dataset so that no context is in two splits.

Questions on one story share its words: a test set with a training story's other questions measures memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from math import floor

from services.metrics.problems import Unmeasurable
from services.metrics.rows.ordering import require_unique, seeded_order


def split(
    ids: Sequence[str], shares: Mapping[str, float], *, groups: Sequence[str] | None = None, seed: int
) -> dict[str, list[str]]:
    """Rows by split; `shares` name the splits and add up to 1. Rows keep the order they were given in.

    With `groups` (one name per row, say its context) the rows of a group stay together, and no split
    exceeds its share by as much as the largest group. Without, every split is within one row of its share.
    Raises Unmeasurable (`empty_split`) when there are too few rows or groups to give each split one.
    """
    _check_shares(shares)
    require_unique(ids)
    split_of = _split_rows(ids, shares, seed) if groups is None else _split_groups(ids, groups, shares, seed)
    parts: dict[str, list[str]] = {name: [] for name in shares}
    for row in ids:
        parts[split_of[row]].append(row)
    for name, rows in parts.items():
        if not rows:
            raise Unmeasurable(
                "empty_split",
                f"Split {name!r} would be empty: give it a larger share, or give more rows or groups.",
            )
    return parts


def _split_rows(ids: Sequence[str], shares: Mapping[str, float], seed: int) -> dict[str, str]:
    order = seeded_order(ids, seed)
    ends = [floor(share * len(order) + 0.5) for share in accumulate(shares.values())]
    ends[-1] = len(order)
    bounds = pairwise([0, *ends])
    return {row: name for name, (start, end) in zip(shares, bounds, strict=True) for row in order[start:end]}


def _split_groups(
    ids: Sequence[str], groups: Sequence[str], shares: Mapping[str, float], seed: int
) -> dict[str, str]:
    """Groups, in seeded order, go one by one to the split that is then furthest below its share of the
    rows."""
    members = _members(ids, groups)
    split_of: dict[str, str] = {}
    filled = dict.fromkeys(shares, 0)
    placed = 0
    for group in seeded_order(list(members), seed):
        placed += len(members[group])
        name = max(shares, key=lambda split: shares[split] * placed - filled[split])
        filled[name] += len(members[group])
        split_of |= dict.fromkeys(members[group], name)
    return split_of


def _members(ids: Sequence[str], groups: Sequence[str]) -> dict[str, list[str]]:
    if len(groups) != len(ids):
        raise Unmeasurable(
            "groups_mismatch", f"{len(ids)} rows were given with {len(groups)} groups: give one each."
        )
    members: defaultdict[str, list[str]] = defaultdict(list)
    for row, group in zip(ids, groups, strict=True):
        members[group].append(row)
    return dict(members)


def _check_shares(shares: Mapping[str, float]) -> None:
    if not shares or any(not share > 0 for share in shares.values()):
        raise Unmeasurable(
            "bad_shares", f"Every split needs a share above 0: {dict(shares)}.", field="shares"
        )
    if abs(sum(shares.values()) - 1) > 1e-9:
        raise Unmeasurable(
            "bad_shares", f"The shares add up to {sum(shares.values())}, not to 1.", field="shares"
        )
