"""Test rows among the training rows are found, named and refused."""

from __future__ import annotations

import pytest

from services.trainer.data.contamination import check_contamination, overlaps
from services.trainer.errors import Contaminated
from shared.contracts.training.settings import ContaminationSettings
from tests.unit.services.trainer import tiny


def test_copies_are_found_whatever_their_case_and_marks() -> None:
    train = [
        {"id": "a", "text": "HE CAME; and she went -- away"},
        {"id": "b", "text": "Nothing of the kind."},
    ]
    test = [{"id": "t", "text": "He came, and she went away."}]
    assert list(overlaps(train, test, ngram=3, threshold=0.8)) == [("a", "t", 1.0)]


def test_the_long_context_of_a_question_stays_out() -> None:
    row = {"context_id": "c", "context": "long " * 50, "question": "Who came?", "answer": "He."}
    other = row | {"question": "Who went?"}
    assert list(overlaps([row], [row], 8, 0.5)) == [("0", "0", 1.0)]
    assert list(overlaps([other], [row], 8, 0.5)) == []


def test_other_sentences_of_the_same_tales_are_clean() -> None:
    rows = [{"id": str(n), "text": sentence} for n, sentence in enumerate(tiny.SENTENCES)]
    assert check_contamination(rows[:6], rows[6:], ContaminationSettings()).overlapped_test_rows == 0


def test_it_is_refused_with_the_rows_named() -> None:
    rows = [{"id": f"r{n}", "text": sentence} for n, sentence in enumerate(tiny.SENTENCES)]
    with pytest.raises(Contaminated) as raised:
        check_contamination(rows, rows[2:4], ContaminationSettings())
    assert [error.pointer for error in raised.value.errors] == ["/rows/r2", "/rows/r3"]
    assert "2 of 2 test rows" in raised.value.detail


@pytest.mark.parametrize("allowed", [{"action": "report"}, {"allowed_share": 1.0}])
def test_unless_told_otherwise(allowed: dict[str, object]) -> None:
    rows = [{"id": f"r{n}", "text": sentence} for n, sentence in enumerate(tiny.SENTENCES)]
    found = check_contamination(rows, rows[2:4], ContaminationSettings.model_validate(allowed))
    assert (found.test_rows, found.overlapped_test_rows) == (2, 2)
    assert found.pairs[0] == ("r2", "r2", 1.0)


def test_many_copies_are_counted_and_a_hundred_named() -> None:
    """A thousand rows that are all alike are a million pairs: they are not all kept."""
    rows = [{"id": f"r{n}", "text": "the very same words in every row of both sets"} for n in range(1000)]
    found = check_contamination(rows, rows, ContaminationSettings(action="report"))
    assert (found.overlapped_test_rows, len(found.pairs)) == (1000, 100)
    with pytest.raises(Contaminated, match=r"1000 of 1000 test rows share .* with a validation row"):
        check_contamination(rows, rows, ContaminationSettings(), of="validation")
