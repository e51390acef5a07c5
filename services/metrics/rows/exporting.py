"""Rows in the forms that other tools read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson
import pyarrow as pa

from shared.contracts.datasets import DatasetKind
from shared.datasets import Row

MESSAGE = pa.struct(
    {
        "role": pa.string(),
        "content": pa.string(),
        "reasoning_content": pa.string(),
        "tool_calls": pa.string(),
        "tool_call_id": pa.string(),
        "name": pa.string(),
        "weight": pa.int64(),
    }
)
_TYPES: dict[type, pa.DataType] = {bool: pa.bool_(), int: pa.int64(), float: pa.float64()}


def whole_row(row: Row, contexts: Mapping[str, str]) -> Row:
    """The row with the context of a `qa` pair put back."""
    name = row.get("context_id")
    return row if name not in contexts else {**row, "context": contexts[str(name)]}


def as_messages(kind: DatasetKind, row: Row) -> Row:
    """{messages, tools} of a whole row: a prompt and its answer as a chat of two messages."""
    if kind is DatasetKind.CHAT:
        return {field: row[field] for field in ("id", "messages", "tools") if field in row}
    if kind is DatasetKind.QA:
        asked, answer = f"{row.get('context', '')}\n\n{row['question']}".strip(), row["answer"]
    else:
        asked, answer = row["context"], row["completion"]
    messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
    return {"id": row["id"], "messages": messages}


def schema_of(rows: Iterable[Row]) -> pa.Schema:
    """The columns of these rows: messages as a list, numbers and truth values where a column has nothing
    else, text for all others."""
    found: dict[str, set[type]] = {}
    for row in rows:
        for name, value in row.items():
            if value is not None:
                found.setdefault(name, set()).add(type(value))
    return pa.schema([(name, _type_of(name, types)) for name, types in found.items()])


def _type_of(name: str, types: set[type]) -> pa.DataType:
    if name == "messages" and types == {list}:
        return pa.list_(MESSAGE)
    if types == {int, float}:
        return pa.float64()
    return _TYPES.get(next(iter(types)), pa.string()) if len(types) == 1 else pa.string()


def batches(rows: Iterable[Row], schema: pa.Schema, size: int = 4096) -> Iterator[pa.RecordBatch]:
    """The rows in these columns."""
    batch: list[Row] = []
    for row in rows:
        batch.append({field.name: _cell(row.get(field.name), field.type) for field in schema})
        if len(batch) == size:
            yield pa.RecordBatch.from_pylist(batch, schema)
            batch = []
    if batch:
        yield pa.RecordBatch.from_pylist(batch, schema)


def _cell(value: Any, kind: pa.DataType) -> Any:
    if value is None:
        return None
    if pa.types.is_list(kind):
        return [
            message | {"tool_calls": _text(message["tool_calls"])} if "tool_calls" in message else message
            for message in value
        ]
    if pa.types.is_floating(kind):
        return float(value)
    return _text(value) if pa.types.is_string(kind) else value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
