"""Are test rows among the training rows? Checked by `shared/text/contamination.py` before anything is
trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from services.trainer.data.rendering import Row, row_name
from services.trainer.errors import Contaminated
from shared.contracts.training.results import ContaminationResult
from shared.contracts.training.settings import ContaminationSettings
from shared.text.contamination import HeldOut, compared_text

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
    alike: dict[str, list[str]] = {}  # test rows that say the same: a thousand of them are looked up once
    for index, row in enumerate(test):
        alike.setdefault(compared_text(row), []).append(row_name(row, index))
    names = list(alike.values())
    held_out = HeldOut(alike, ngram, threshold)
    for number, row in enumerate(training):
        for held in held_out.held_by(compared_text(row)):
            yield from ((row_name(row, number), name, held.share) for name in names[held.test])
