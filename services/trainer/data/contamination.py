"""Are test rows among the training rows? Word n-gram overlap, checked before anything is trained.

Share of a test row's distinct n-grams that occur in *one* training row. Words are lower-cased runs of letters
and digits; a row of fewer words than n is its own single n-gram. The long context of a `qa` row stays out, as
in every measure of such data: what must not leak is the question and its answer.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from services.trainer.data.rendering import Row, row_name
from services.trainer.errors import Contaminated
from shared.contracts.training.results import ContaminationResult
from shared.contracts.training.settings import ContaminationSettings

_WORD = re.compile(r"\w+")
REPORTED = 100


def check_contamination(
    training: Iterable[Row], test: Sequence[Row], settings: ContaminationSettings, of: str = "training"
) -> ContaminationResult:
    """The overlaps found, the first `REPORTED` by name; raises Contaminated when they are more than the
    settings allow and `action` is 'refuse'. `of` says which rows `training` are.
    """
    pairs: list[tuple[str, str, float]] = []
    touched: set[str] = set()
    for pair in overlaps(training, test, settings.ngram, settings.threshold):
        touched.add(pair[1])
        if len(pairs) < REPORTED:
            pairs.append(pair)
    if settings.action == "refuse" and len(touched) > settings.allowed_share * len(test):
        raise Contaminated(pairs, len(touched), len(test), settings.threshold, of)
    return ContaminationResult(test_rows=len(test), overlapped_test_rows=len(touched), pairs=tuple(pairs))


def overlaps(
    training: Iterable[Row], test: Sequence[Row], ngram: int, threshold: float
) -> Iterator[tuple[str, str, float]]:
    """(training row, test row, share of the test row's n-grams) for every pair at or above the threshold."""
    alike: dict[frozenset[tuple[str, ...]], list[str]] = defaultdict(list)  # test rows that say the same
    for index, row in enumerate(test):
        alike[frozenset(ngrams(row, ngram))].append(row_name(row, index))
    grams = list(alike)
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, row_grams in enumerate(grams):
        for gram in row_grams:
            holders[gram].append(index)
    for number, row in enumerate(training):
        shared = Counter(index for gram in ngrams(row, ngram) for index in holders.get(gram, ()))
        for index, count in shared.items():
            share = count / len(grams[index])
            if share >= threshold:
                yield from ((row_name(row, number), name, share) for name in alike[grams[index]])


def ngrams(row: Mapping[str, Any], size: int) -> set[tuple[str, ...]]:
    """The distinct word n-grams of what the row says."""
    fields = ("question", "answer") if "question" in row else ("context", "completion", "text")
    words = _WORD.findall(" ".join(str(row[field]) for field in fields if field in row).lower())
    if len(words) < size:
        return {tuple(words)} if words else set()
    return {tuple(words[start : start + size]) for start in range(len(words) - size + 1)}
