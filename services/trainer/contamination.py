"""Are test rows among the training rows? Word n-gram overlap, checked before anything is trained.

Share of a test row's distinct n-grams that occur in *one* training row. Words are lower-cased runs of letters
and digits; a row of fewer words than n is its own single n-gram. The long context of a `qa` row stays out, as
in every measure of such data: what must not leak is the question and its answer.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.trainer.errors import Contaminated
from services.trainer.rendering import Row, row_name
from shared.contracts.training import ContaminationResult, ContaminationSettings

_WORD = re.compile(r"\w+")
REPORTED = 100


def check_contamination(
    training: Iterable[Row], test: Sequence[Row], settings: ContaminationSettings
) -> ContaminationResult:
    """The overlaps found; raises Contaminated when they are more than the settings allow and `action` is
    'refuse'.
    """
    pairs = overlaps(training, test, settings.ngram, settings.threshold)
    touched = len({name for _, name, _ in pairs})
    if settings.action == "refuse" and touched > settings.allowed_share * len(test):
        raise Contaminated(pairs, len(test), settings.threshold)
    return ContaminationResult(
        test_rows=len(test), overlapped_test_rows=touched, pairs=tuple(pairs[:REPORTED])
    )


def overlaps(
    training: Iterable[Row], test: Sequence[Row], ngram: int, threshold: float
) -> list[tuple[str, str, float]]:
    """(training row, test row, share of the test row's n-grams) for every pair at or above the threshold."""
    grams = [ngrams(row, ngram) for row in test]
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, row_grams in enumerate(grams):
        for gram in row_grams:
            holders[gram].append(index)
    found = []
    for number, row in enumerate(training):
        shared = Counter(index for gram in ngrams(row, ngram) for index in holders.get(gram, ()))
        for index, count in shared.items():
            share = count / len(grams[index])
            if share >= threshold:
                found.append((row_name(row, number), row_name(test[index], index), share))
    return found


def ngrams(row: Mapping[str, Any], size: int) -> set[tuple[str, ...]]:
    """The distinct word n-grams of what the row says."""
    fields = ("question", "answer") if "question" in row else ("context", "completion", "text")
    words = _WORD.findall(" ".join(str(row[field]) for field in fields if field in row).lower())
    if len(words) < size:
        return {tuple(words)} if words else set()
    return {tuple(words[start : start + size]) for start in range(len(words) - size + 1)}
