"""A dataset is taken away in the form that the next tool reads."""

from __future__ import annotations

import io
import json
from typing import Any

import pandas
import pytest

from services.metrics.operations.export import export
from services.metrics.operations.ingest import ingest
from shared.contracts.datasets import DatasetKind, IngestRequest
from shared.contracts.export import ExportRequest
from shared.errors import InvalidRequest

CALL = {"type": "function", "function": {"name": "weather", "arguments": {"city": "Rome"}}}
CHAT = [
    {"role": "user", "content": "Rome?"},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "content": "20"},
    {"role": "assistant", "content": "20 degrees."},
]
ROWS: list[dict[str, Any]] = [
    {"messages": CHAT, "score": 1, "origin": {"topic": "weather"}},
    {"messages": CHAT[:1], "score": 0.5},
]


def read(made: Any, part: str) -> bytes:
    return bytes(made.read(part))


def test_chats_as_parquet_have_their_messages_as_a_list(bench: Any) -> None:
    made = bench.run(export, ExportRequest(dataset=bench.dataset(ROWS, DatasetKind.CHAT), form="parquet"))
    table = pandas.read_parquet(io.BytesIO(read(made, "rows.parquet")))
    assert made.summary == {"part": "rows.parquet", "rows": 2}
    assert list(table.columns) == ["id", "messages", "score", "origin"]
    assert [message["role"] for message in table["messages"][0]] == ["user", "assistant", "tool", "assistant"]
    assert json.loads(table["messages"][0][1]["tool_calls"]) == [CALL]
    assert table["score"].tolist() == [1.0, 0.5]
    assert json.loads(table["origin"][0]) == {"topic": "weather"}


def test_pairs_as_messages_are_chats_of_two(bench: Any) -> None:
    contexts = {"s": "A long story."}
    qa = bench.dataset([{"context_id": "s", "question": "Who?", "answer": "She."}], DatasetKind.QA, contexts)
    made = bench.run(export, ExportRequest(dataset=qa))
    (row,) = [json.loads(line) for line in read(made, "messages.jsonl").splitlines()]
    assert row["messages"] == [
        {"role": "user", "content": "A long story.\n\nWho?"},
        {"role": "assistant", "content": "She."},
    ]
    assert f"Dataset `{qa}`" in read(made, "README.md").decode()


@pytest.mark.parametrize("form", ["jsonl", "parquet", "messages"])
def test_what_was_taken_away_is_read_again_as_it_was(bench: Any, form: Any) -> None:
    rows = [{"id": str(n), "messages": CHAT} for n in range(3)]
    made = bench.run(export, ExportRequest(dataset=bench.dataset(rows, DatasetKind.CHAT), form=form))
    file = bench.upload(read(made, made.summary["part"]), "auto")
    again = bench.run(ingest, IngestRequest(kind=DatasetKind.CHAT, file=file))
    assert list(again.rows()) == rows


def test_plain_texts_have_no_turns(bench: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        bench.run(export, ExportRequest(dataset=bench.dataset([{"text": "a"}])))
    assert [error.pointer for error in refused.value.errors] == ["/form"]
