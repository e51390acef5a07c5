"""The prefix-filter join: all pairs of sets with Jaccard >= threshold, exactly.

After Bayardo, Ma, Srikant (2007, All-Pairs) and Xiao et al. (2008, PPJoin): with every set's shingles in one
order, the rarest first, two sets that reach the threshold share a shingle within their prefixes. Sets are
taken from the smallest to the largest; the prefix of each is looked up among the (shorter) prefixes that
sets before it left; sets too small to reach the threshold, that agree too late, or whose bitmaps differ in
too many bits are passed over, and the rest are verified by merging the two sets.

Its worst case is many sets that are alike but not enough: every pair is verified in vain. The join stops
when it has verified `most` pairs, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.metrics.duplicates.shingles import ShingleSets, prefix_lengths
from services.metrics.lexical.compiled import compiled
from services.metrics.lexical.text.hashing import GOLDEN, set_bits


@compiled
def common(shingles, left, left_end, right, right_end, needed):
    """How many shingles two sorted sets share; less than `needed` as soon as it cannot be reached."""
    shared = 0
    while left < left_end and right < right_end:
        if shared + min(left_end - left, right_end - right) < needed:
            return shared
        one, other = shingles[left], shingles[right]
        shared += one == other
        left += one <= other
        right += other <= one
    return shared


@compiled
def bitmap(shingles, begin, end):
    """128 bits, one set for each shingle: two sets differ in at least as many elements as their bits do."""
    low = high = np.uint64(0)
    for k in range(begin, end):
        place = (np.uint64(shingles[k]) * GOLDEN) >> np.uint64(57)
        bit = np.uint64(1) << (place & np.uint64(63))
        if place < np.uint64(64):
            low |= bit
        else:
            high |= bit
    return low, high


@compiled
def join_sets(
    order, sizes, starts, shingles, prefixes, left, heads, posts, maps, threshold, most, pairs, scores
):
    """Pairs of documents in `order` (ascending size) that reach the threshold; see the module.

    prefixes    (documents,) shared shingles of each document that are looked up
    left        (documents,) how many of them it leaves for larger sets to find
    posts       for each shingle left, from `heads[shingle]` on: the place in `order` of the document, its
                size, how many of its shared shingles stand from this one on, and where they end
    maps        the bitmaps of the same documents

    Returns pairs found and pairs verified; the latter above `most` when the join was stopped. Pairs beyond
    the room in `pairs` are counted, not kept.
    """
    found = verified = np.int64(0)
    # For each shingle, the posts still of use: the first, and one past the last.
    bounds = np.empty((len(heads) - 1, 2), np.uint32)
    bounds[:, 0] = bounds[:, 1] = heads[:-1]
    seen = np.full(len(order), -1, np.int32)
    together = threshold / (1 + threshold)
    for place in range(len(order)):
        document = order[place]
        size, stop = sizes[document], starts[document + 1]
        smallest = threshold * size - 1e-9
        low, high = bitmap(shingles, starts[document], stop)
        for here in range(starts[document], starts[document] + prefixes[document]):
            shingle = shingles[here]
            first, last = bounds[shingle, 0], bounds[shingle, 1]
            while first < last and posts[first, 1] < smallest:
                first += np.uint32(1)
            bounds[shingle, 0] = first
            for post in range(first, last):
                # What this pair must share; nothing common stands before its first common shingle.
                needed = together * (size + posts[post, 1]) - 1e-9
                if min(stop - here, posts[post, 2]) < needed or seen[posts[post, 0]] == place:
                    continue
                apart = set_bits(low ^ maps[post, 0]) + set_bits(high ^ maps[post, 1])
                if apart > size + posts[post, 1] - 2 * needed:
                    continue
                seen[posts[post, 0]] = place
                verified += 1
                end = np.int64(posts[post, 3])
                shared = common(shingles, here, stop, end - posts[post, 2], end, needed)
                score = shared / (size + posts[post, 1] - shared)
                if score >= threshold:
                    if found < len(pairs):
                        partner = order[posts[post, 0]]
                        pairs[found, 0] = min(document, partner)
                        pairs[found, 1] = max(document, partner)
                        scores[found] = score
                    found += 1
            if here < starts[document] + left[document]:
                posts[last, 0], posts[last, 1] = place, size
                posts[last, 2], posts[last, 3] = stop - here, stop
                maps[last, 0], maps[last, 1] = low, high
                bounds[shingle, 1] = last + np.uint32(1)
        if verified > most:
            break
    return found, verified


@compiled
def count_prefixes(starts, shingles, prefixes, heads):
    """Add to `heads[s + 1]` the documents with shingle s in their prefix of that length."""
    for document in range(len(prefixes)):
        for k in range(starts[document], starts[document] + prefixes[document]):
            heads[shingles[k] + 1] += 1


@dataclass(frozen=True)
class Join:
    """pairs (pairs, 2) and their Jaccard scores; how many pairs were verified; whether it was stopped."""

    pairs: NDArray[np.int64]
    scores: NDArray[np.float64]
    verified: int
    stopped: bool


def join(sets: ShingleSets, threshold: float, most: int) -> Join:
    """All pairs that reach the threshold, unless more than `most` need verifying."""
    shared = np.diff(sets.starts)
    own = sets.sizes - shared
    prefixes = _within(prefix_lengths(sets.sizes, threshold) - own, shared)
    # A later set is no smaller, so that both together must share 2t/(1+t) of this one.
    left = _within(prefix_lengths(sets.sizes, 2 * threshold / (1 + threshold)) - own, shared)
    candidates = np.flatnonzero(shared)
    order = candidates[np.argsort(sets.sizes[candidates], kind="stable")]
    heads = np.zeros(int(sets.shingles.max(initial=0)) + 2, np.int64)
    count_prefixes(sets.starts, sets.shingles, left, heads)
    np.cumsum(heads, out=heads)
    posts, maps = np.empty((heads[-1], 4), np.uint32), np.empty((heads[-1], 2), np.uint64)
    room = 1 << 16
    while True:
        pairs, scores = np.empty((room, 2), np.int64), np.empty(room)
        where = (sets.sizes, sets.starts, sets.shingles, prefixes, left, heads, posts, maps)
        found, verified = join_sets(order, *where, threshold, most, pairs, scores)
        if found <= room or verified > most:
            kept = min(found, room)
            return Join(pairs[:kept], scores[:kept], int(verified), verified > most)
        room = found


def _within(lengths: NDArray[np.int64], most: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.clip(lengths, 0, most)
