"""An upload becomes a dataset, or nothing at all and a list of what is wrong with it."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.metrics.operations.ingest import ingest
from shared.contracts.datasets import DatasetKind, IngestRequest, UploadedFile
from shared.errors import InputMissing, InvalidData, InvalidRequest
from tests.unit.services.metrics import phrases


def lines(*rows: object) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def test_rows_are_kept_in_order_with_their_ids(bench: Any) -> None:
    file = bench.upload(lines({"context": "c", "ending": "e"}, {"id": "x", "context": "", "ending": ""}))
    made = bench.run(
        ingest, IngestRequest(kind=DatasetKind.COMPLETION, file=file, columns={"completion": "ending"})
    )
    assert made.summary == {"kind": "completion", "rows": 2, "taken_for": "JSON lines", "empty": 1}
    assert list(made.rows()) == [
        {"id": "0", "context": "c", "completion": "e"},
        {"id": "x", "context": "", "completion": ""},
    ]


def test_contexts_of_a_qa_dataset_are_stored_once(bench: Any) -> None:
    rows = bench.upload(lines(*({"context_id": "s", "question": f"{n}?", "answer": "a"} for n in range(3))))
    contexts = bench.upload(lines({"context_id": "s", "text": "a long story"}))
    made = bench.run(ingest, IngestRequest(kind=DatasetKind.QA, file=rows, contexts=contexts))
    taken = "JSON lines of {question, answer}"
    assert made.summary == {"kind": "qa", "rows": 3, "contexts": 1, "taken_for": taken}
    assert list(made.rows("contexts.jsonl")) == [{"id": "s", "text": "a long story"}]


def test_every_fault_is_told_with_its_line_and_nothing_is_kept(bench: Any) -> None:
    file = bench.upload(b'{"text": "a"}\n{"txt": "b"}\n{"text": "caf\xe9"}\n{"text": 4}\n')
    request = IngestRequest(kind=DatasetKind.TEXT, file=file)
    with pytest.raises(InvalidData, match=r"3 faults are wrong .* the first at line 2") as raised:
        bench.run(ingest, request)
    assert [(error.line, error.pointer) for error in raised.value.errors] == [
        (2, "/rows/1/text"),
        (3, "/rows/2"),
        (4, "/rows/3/text"),
    ]
    assert list(bench.store.list("artifacts/")) == []


def test_every_kind_of_fault_is_told_once_with_its_count_and_first_places(bench: Any) -> None:
    file = bench.upload(b'{"text": "a"}\n' + b'no\n{"text": 1}\n' * 2500 + b"[1]\n")
    with pytest.raises(InvalidData, match=phrases.MANY_FAULTS) as raised:
        bench.run(ingest, IngestRequest(kind=DatasetKind.TEXT, file=file))
    told = [(error.line, error.count, error.places) for error in raised.value.errors]
    assert told == [
        (2, 2500, list(range(2, 22, 2))),
        (3, 2500, list(range(3, 23, 2))),
        (5002, None, None),
    ]


def test_chats_are_read_and_what_they_were_taken_for_is_told(bench: Any) -> None:
    file = bench.upload(
        lines(
            {
                "id": "x1",
                "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}],
            },
            {"conversations": [{"from": "human", "value": "Anybody?", "emotion": "sad"}]},
        ),
        "json",
    )
    made = bench.run(ingest, IngestRequest(kind=DatasetKind.CHAT, file=file))
    assert made.summary == {
        "kind": "chat",
        "rows": 2,
        "taken_for": "JSON lines of ShareGPT's conversations",
        "empty": 1,
        "left_out": {"messages[].emotion": 1},
    }
    hello = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    assert next(iter(made.rows())) == {"id": "x1", "messages": hello}


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_an_empty_file_is_refused(bench: Any, content: bytes) -> None:
    with pytest.raises(InvalidData, match=phrases.NO_ROWS):
        bench.run(ingest, IngestRequest(kind=DatasetKind.TEXT, file=bench.upload(content)))


def test_bytes_that_are_not_what_their_name_says_are_refused(bench: Any) -> None:
    bench.store.put("uploads/" + "0" * 64, b'{"text": "other"}\n')
    request = IngestRequest(
        kind=DatasetKind.TEXT, file=UploadedFile(sha256="0" * 64, bytes=9, format="jsonl")
    )
    with pytest.raises(InvalidData, match=phrases.UPLOAD_AGAIN):
        bench.run(ingest, request)


def test_an_upload_that_never_came_is_missing(bench: Any) -> None:
    request = IngestRequest(
        kind=DatasetKind.TEXT, file=UploadedFile(sha256="1" * 64, bytes=9, format="jsonl")
    )
    with pytest.raises(InputMissing) as raised:
        bench.run(ingest, request)
    assert raised.value.errors[0].pointer == "/file"


def test_contexts_belong_to_qa_only(bench: Any) -> None:
    file = bench.upload(lines({"text": "a"}))
    with pytest.raises(InvalidRequest, match=phrases.ONLY_QA):
        bench.run(ingest, IngestRequest(kind=DatasetKind.TEXT, file=file, contexts=file))


def test_faults_of_the_contexts_file_are_told(bench: Any) -> None:
    rows = bench.upload(lines({"context_id": "s", "question": "?", "answer": "a"}))
    contexts = bench.upload(
        lines({"context_id": "s", "text": "one"}, {"context_id": "s", "text": "two"}, {"text": "x"})
    )
    with pytest.raises(InvalidData, match=r"upload \(`contexts`\)") as raised:
        bench.run(ingest, IngestRequest(kind=DatasetKind.QA, file=rows, contexts=contexts))
    assert [error.line for error in raised.value.errors] == [2, 3]


def test_a_small_file_of_enormous_rows_is_refused_before_they_are_written(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text that a Parquet file holds once may stand in a million rows: 4.2 MB became 40 GB."""
    monkeypatch.setattr("services.metrics.ingestion.forms.UNPACKED_LEAST", 2**20)
    table = pa.table({"text": pa.array(["x" * 100_000] * 2_000).dictionary_encode()})
    content = io.BytesIO()
    pq.write_table(table, content)
    assert len(content.getvalue()) < 50_000
    request = IngestRequest(kind=DatasetKind.TEXT, file=bench.upload(content.getvalue(), "parquet"))
    with pytest.raises(InvalidData) as refused:
        bench.run(ingest, request)
    assert [error.pointer for error in refused.value.errors] == ["/file"]
    assert list(bench.store.list("artifacts/")) == []
