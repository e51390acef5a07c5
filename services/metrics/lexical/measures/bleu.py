"""BLEU of many hypotheses at once from its sufficient statistics, as NLTK and as sacrebleu compute it.

Papineni et al. 2002. The two packages differ in smoothing, in what they do with texts shorter than the
longest n-gram, and in scale:

| convention  | smoothing of a precision of zero                    | texts shorter than n | scale |
|-------------|-----------------------------------------------------|----------------------|-------|
| `nltk`      | method 1: (0 + 0.1) / total                         | total counts as 1    | 0-1   |
| `sacrebleu` | exponential: the k-th such is 1 / (2^k total)       | shorter orders only  | 0-100 |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.metrics.lexical.errors import LexicalError

EPSILON = 0.1
"""What NLTK's smoothing method 1 adds to a count of zero."""

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class BleuStatistics:
    """For each hypothesis: clipped matches and n-grams of each order, its length, the nearest reference's.

    matches, totals     (orders, documents) int64
    lengths, nearest    (documents,) int64
    """

    matches: NDArray[np.int64]
    totals: NDArray[np.int64]
    lengths: NDArray[np.int64]
    nearest: NDArray[np.int64]


def bleu_scores(statistics: BleuStatistics, convention: str = "nltk") -> Scores:
    """Each hypothesis's BLEU with equal weights, on the convention's scale. Raises LexicalError."""
    return convention_named(convention)(statistics)


def convention_named(name: str) -> Callable[[BleuStatistics], Scores]:
    if name not in _CONVENTIONS:
        raise LexicalError(f"no BLEU convention is named {name!r}: choose {' or '.join(_CONVENTIONS)}")
    return _CONVENTIONS[name]


def nltk_scores(statistics: BleuStatistics) -> Scores:
    """`sentence_bleu(..., smoothing_function=SmoothingFunction().method1)`."""
    matches = statistics.matches.astype(np.float64)
    smoothed = np.where(matches == 0, EPSILON, matches) / np.maximum(statistics.totals, 1)
    scores = brevity_penalty(statistics) * np.exp(np.log(smoothed).mean(axis=0))
    return np.where(statistics.matches[0] > 0, scores, 0.0)


def sacrebleu_scores(statistics: BleuStatistics) -> Scores:
    """`BLEU(effective_order=True).sentence_score`, smoothing `exp`."""
    used = statistics.totals > 0
    missed = used & (statistics.matches == 0)
    divisor = np.where(missed, 2.0 ** np.cumsum(missed, axis=0), 1.0) * np.maximum(statistics.totals, 1)
    precisions = 100.0 * np.where(missed, 1, statistics.matches) / divisor
    logarithms = np.log(np.where(used, precisions, 1.0)).sum(axis=0)
    scores = brevity_penalty(statistics) * np.exp(logarithms / np.maximum(used.sum(axis=0), 1))
    return np.where(statistics.matches.any(axis=0), scores, 0.0)


def brevity_penalty(statistics: BleuStatistics) -> Scores:
    """1 for a hypothesis at least as long as the nearest reference, else exp(1 - reference / length)."""
    lengths = np.maximum(statistics.lengths, 1)
    shorter = statistics.lengths < statistics.nearest
    return np.where(shorter, np.exp(1 - np.where(shorter, statistics.nearest, lengths) / lengths), 1.0)


def nearest_lengths(lengths: NDArray[np.int64], among: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """For each text, the length nearest to its own among the *other* texts, the shorter on a tie.

    lengths     (documents,) of the texts asked about
    among       of all texts, those included (the same, when left out); at least two
    """
    distinct, number = np.unique(lengths if among is None else among, return_counts=True)
    gaps = np.diff(distinct)
    below = np.concatenate([[-1], distinct[:-1]])
    above = np.concatenate([distinct[1:], [-1]])
    gap_below = np.concatenate([[np.iinfo(np.int64).max], gaps])
    gap_above = np.concatenate([gaps, [np.iinfo(np.int64).max]])
    nearest = np.where(gap_above < gap_below, above, below)
    return np.where(number > 1, distinct, nearest)[np.searchsorted(distinct, lengths)]


_CONVENTIONS: dict[str, Callable[[BleuStatistics], Scores]] = {
    "nltk": nltk_scores,
    "sacrebleu": sacrebleu_scores,
}
