"""Rows get our column names and an id; contexts are kept once; everything wrong with a row is told at
once."""

import pytest

from services.metrics.ingestion.canonical import ContextShelf, RowMaker, context_of
from services.metrics.ingestion.records import Fault, FileRecord
from shared.contracts.datasets import DatasetKind
from shared.datasets import Row


class Shelf(ContextShelf):
    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        super().__init__(self.kept.__setitem__)


def make(
    kind: DatasetKind, *values: dict[str, object], shelf: Shelf | None = None, **columns: str
) -> list[Row | list[Fault]]:
    maker = RowMaker(kind, columns, Shelf() if shelf is None else shelf)
    return [maker.row(FileRecord(number, number + 1, dict(row))) for number, row in enumerate(values)]


def test_columns_are_renamed_and_others_are_kept() -> None:
    (row,) = make(
        DatasetKind.COMPLETION, {"context": "c", "ending": "e", "topic": "war"}, completion="ending"
    )
    assert row == {"id": "0", "context": "c", "completion": "e", "topic": "war"}


def test_ids_are_kept_as_text_and_must_differ() -> None:
    rows = make(DatasetKind.TEXT, {"id": 7, "text": "a"}, {"id": "7", "text": "b"}, {"id": None, "text": "c"})
    assert rows[0] == {"id": "7", "text": "a"}
    assert isinstance(rows[1], list)
    assert "has occurred before" in rows[1][0].detail
    assert rows[2] == {"id": "row 2", "text": "c"}


@pytest.mark.parametrize("identifier", [True, 1.5, ["x"]])
def test_an_id_of_another_kind_is_refused(identifier: object) -> None:
    (faults,) = make(DatasetKind.TEXT, {"id": identifier, "text": "a"})
    assert isinstance(faults, list)
    assert faults[0].pointer == "/rows/0/id"


def test_every_fault_of_a_row_is_told() -> None:
    (faults,) = make(DatasetKind.QA, {"question": None, "answer": 3, "passage": "x"})
    assert isinstance(faults, list)
    assert [(fault.column, fault.detail) for fault in faults] == [
        ("context_id", "there is no column 'context_id'; the row has: answer, passage, question"),
        ("question", "'question' must be text, and is empty"),
        ("answer", "'answer' must be text, and is not"),
    ]


def test_contexts_in_the_rows_are_kept_once() -> None:
    shelf = Shelf()
    pair = {"question": "q", "answer": "a"}
    rows = make(
        DatasetKind.QA,
        {"context": "long", **pair},
        {"context": "long", **pair},
        {"context": "other", **pair},
        shelf=shelf,
    )
    named = [row["context_id"] for row in rows if isinstance(row, dict)]
    assert named[0] == named[1] != named[2]
    assert shelf.kept == {named[0]: "long", named[2]: "other"}
    assert all(isinstance(row, dict) and "context" not in row for row in rows)


def test_one_context_id_has_one_text() -> None:
    pair = {"question": "q", "answer": "a", "context_id": 5}
    rows = make(DatasetKind.QA, {"context": "long", **pair}, {"context": "other", **pair})
    assert isinstance(rows[0], dict)
    assert rows[0]["context_id"] == "5"
    assert isinstance(rows[1], list)
    assert rows[1][0].column == "context"


def test_a_row_must_name_a_context_that_is_there() -> None:
    shelf = Shelf()
    shelf.shelve("s1", "story")
    rows = make(
        DatasetKind.QA,
        {"question": "q", "answer": "a", "context_id": "s1"},
        {"question": "q", "answer": "a", "context_id": "s2"},
        shelf=shelf,
    )
    assert isinstance(rows[0], dict)
    assert isinstance(rows[1], list)
    assert rows[1][0].detail == "no context has the id 's2'"


def test_what_json_cannot_hold_is_refused() -> None:
    (faults,) = make(DatasetKind.TEXT, {"text": "a lone surrogate: \ud800"})
    assert isinstance(faults, list)
    assert "cannot be written as JSON" in faults[0].detail


def test_lines_of_a_contexts_file() -> None:
    assert context_of(FileRecord(0, 1, {"context_id": 3, "text": "x"})) == ("3", "x")
    faults = context_of(FileRecord(4, 5, {"context_id": "s"}))
    assert faults == [Fault(4, 5, "text", "a context needs 'text' as text")]
