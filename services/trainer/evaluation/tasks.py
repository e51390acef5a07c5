"""Task metrics of an answer against the row's own: exact match and token F1 as SQuAD's, and chrF.

SQuAD (Rajpurkar et al. 2016, arXiv 1606.05250, its evaluation script): both texts in lower case, without
punctuation, the articles a, an, the and surplus spaces. chrF2 is sacrebleu's sentence score (Popović 2015,
2017) over 100. Each lies between 0 and 1, and a test set's value is the mean over its rows, so that two
models are compared row by row.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec

from shared.contracts.problems import FieldError
from shared.contracts.training.held_out import TaskMetric
from shared.errors import InvalidRequest

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


class MetricUnavailable(InvalidRequest):
    """A task metric whose library this trainer does not have."""

    code = "metric_unavailable"


def require_metrics(metrics: Sequence[TaskMetric]) -> None:
    """Raises MetricUnavailable before anything is computed."""
    if "chrf" in metrics and find_spec("sacrebleu") is None:
        raise MetricUnavailable(
            "This trainer computes no chrF: sacrebleu is not installed (`pip install gamut[chrf]`). "
            "Leave `chrf` out.",
            [FieldError(pointer=f"/answers/metrics/{metrics.index('chrf')}", detail="needs sacrebleu")],
        )


def scores(answer: str, reference: str, metrics: Sequence[TaskMetric]) -> dict[TaskMetric, float]:
    """Each metric of one answer."""
    return {name: SCORES[name](answer, reference) for name in metrics}


def normal_words(text: str) -> list[str]:
    """The words that SQuAD compares."""
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def exact_match(answer: str, reference: str) -> float:
    """1 where both have the same words in the same order, else 0."""
    return float(normal_words(answer) == normal_words(reference))


def token_f1(answer: str, reference: str) -> float:
    """2PR / (P + R) of the words as bags. Where either has none: 1 if both have none, else 0 (SQuAD 2.0)."""
    ours, theirs = normal_words(answer), normal_words(reference)
    if not ours or not theirs:
        return float(ours == theirs)
    shared = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * shared / (len(ours) + len(theirs))


def chrf(answer: str, reference: str) -> float:
    """Sentence chrF2: F-score, recall twice as important, of character n-grams of 1 to 6."""
    from sacrebleu import sentence_chrf

    return float(sentence_chrf(answer, [reference]).score) / 100


SCORES: Mapping[TaskMetric, Callable[[str, str], float]] = {
    "exact_match": exact_match,
    "f1": token_f1,
    "chrf": chrf,
}
