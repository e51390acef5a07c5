"""De-duplication as a job: which row stays, which go, and why."""

from __future__ import annotations

from typing import Any

import pytest

from services.metrics.operations.deduplicate import make_deduplicated
from services.metrics.operations.measure import Measuring
from services.metrics.operations.text_sets import embedders
from shared.contracts.measurement import MeasurementRequest, Metric
from shared.contracts.mixture import DeduplicationRequest
from shared.errors import InvalidData
from tests.unit.services.metrics import phrases

STORY = "once upon a time the old king went far away to see the red house of the queen"
NEAR = STORY.replace("red", "blue") + " again"
ROWS = [
    {"id": "a", "text": STORY},
    {"id": "b", "text": "something else entirely"},
    {"id": "c", "text": STORY},
    {"id": "d", "text": NEAR},
]


def kept(made: Any) -> list[str]:
    return [row["id"] for row in made.rows()]


def test_equal_texts_are_kept_once(bench: Any) -> None:
    made = bench.run(make_deduplicated, DeduplicationRequest(dataset=bench.dataset(ROWS)))
    assert kept(made) == ["a", "b", "d"]
    assert made.summary == {"kind": "text", "rows": 3, "rejects": 1, "duplicates": 1, "contaminated": 0}
    assert list(made.rows("rejects.jsonl")) == [{"row": ROWS[2], "reason": "duplicate of a"}]


def test_near_texts_are_kept_once_by_their_longest(bench: Any) -> None:
    request = DeduplicationRequest(dataset=bench.dataset(ROWS), similarity=0.5, keep="longest")
    made = bench.run(make_deduplicated, request)
    assert kept(made) == ["b", "d"]
    assert {reject["reason"] for reject in made.rows("rejects.jsonl")} == {"duplicate of d"}


def test_rows_that_hold_a_test_row_go(bench: Any) -> None:
    test = bench.dataset([{"text": "far away to see the red house of the queen"}])
    request = DeduplicationRequest(dataset=bench.dataset(ROWS), test=test)
    made = bench.run(make_deduplicated, request)
    assert kept(made) == ["b", "d"]
    assert made.summary["contaminated"] == 2
    assert "of a test row's n-grams" in next(made.rows("rejects.jsonl"))["reason"]


def test_a_dataset_that_is_all_test_rows_is_refused(bench: Any) -> None:
    dataset = bench.dataset([ROWS[0]])
    with pytest.raises(InvalidData, match=phrases.NONE_KEPT):
        bench.run(make_deduplicated, DeduplicationRequest(dataset=dataset, test=dataset))


def test_what_would_be_dropped_is_measured_first(bench: Any) -> None:
    dataset = bench.dataset(ROWS)
    test = bench.dataset([{"text": "far away to see the red house of the queen"}, {"text": "short"}])
    metrics = [Metric.DUPLICATES, Metric.NEAR_DUPLICATES, Metric.CONTAMINATION]
    request = MeasurementRequest(
        dataset=dataset, test=test, metrics=metrics, near_duplicate_similarity=0.5, pictures=False
    )
    made = bench.run(Measuring(embedders({})).measure, request)
    assert made.summary["duplicate_share"] == 0.25
    assert made.summary["near_duplicate_share"] == 0.5
    assert made.summary["contamination_share"] == 0.5
    assert made.summary["contaminated_test_share"] == 0.5, "one of two: no row says “short” and nothing else"
    details = made.json("measurement.json")["details"]
    assert [row["row"] for row in details["contaminated"]] == [0, 2]
    assert details["near_duplicates"][0]["rows"] == [0, 2, 3]


def test_a_test_set_without_words_cannot_be_looked_for(bench: Any) -> None:
    dataset, test = bench.dataset(ROWS), bench.dataset([{"text": "😀"}])
    request = MeasurementRequest(dataset=dataset, test=test, metrics=[Metric.CONTAMINATION], pictures=False)
    made = bench.run(Measuring(embedders({})).measure, request)
    (value,) = made.json("measurement.json")["values"]
    assert value["value"] is None
    assert value["note"]


def test_a_test_row_is_found_whatever_the_tokenizer_of_the_measures(bench: Any) -> None:
    dataset, test = bench.dataset(ROWS), bench.dataset([{"text": STORY.upper()}])
    request = DeduplicationRequest(dataset=dataset, test=test, tokenizer="characters")
    assert bench.run(make_deduplicated, request).summary["contaminated"] == 3, "all but “something else”"
