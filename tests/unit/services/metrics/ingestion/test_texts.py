"""The texts of small files that are measured at once."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.metrics.ingestion.texts import file_texts
from shared.contracts.datasets import DatasetKind
from shared.errors import InvalidData
from tests.unit.services.metrics import phrases


def jsonl(*rows: Any) -> io.BytesIO:
    return io.BytesIO("".join(json.dumps(row) + "\n" for row in rows).encode())


@pytest.mark.parametrize(
    ("row", "kind", "text"),
    [
        ({"text": "a b", "id": 7}, DatasetKind.TEXT, "a b"),
        ({"context": "a", "completion": "b"}, DatasetKind.COMPLETION, "a b"),
        ({"context_id": 1, "question": "a", "answer": "b"}, DatasetKind.QA, "a b"),
    ],
)
def test_the_first_row_says_the_kind(row: dict[str, Any], kind: DatasetKind, text: str) -> None:
    assert file_texts(jsonl(row, row), "rows.jsonl", "texts", 10) == (kind, [text, text])


def test_a_row_of_another_kind_is_named() -> None:
    with pytest.raises(InvalidData, match=phrases.LINE_TWO) as raised:
        file_texts(jsonl({"text": "a"}, {"question": "a", "answer": "b"}), "rows.jsonl", "texts", 10)
    assert [error.pointer for error in raised.value.errors] == ["/texts/rows/1/text"]


def test_no_rows_have_no_kind() -> None:
    assert file_texts(io.BytesIO(b"\n\n"), "", "texts", 10) == (None, [])


def test_a_small_file_of_endless_text_is_stopped() -> None:
    file = io.BytesIO()
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 2000, pa.int32()), pa.array(["x" * 2**20]))
    pq.write_table(pa.table({"text": texts}), file, compression="zstd")
    assert file.tell() < 100_000
    file.seek(0)
    with pytest.raises(InvalidData, match=phrases.TOO_MANY_CHARACTERS):
        file_texts(file, "bomb.parquet", "reference", 20_000)
