"""The `export` operation: a dataset as one file for other tools.

Parts: `messages.jsonl`, `rows.jsonl` or `rows.parquet`, and `README.md`, a card as dataset hubs read it.
"""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pyarrow.parquet as pq
import yaml

from services.metrics.operations.stored_rows import StoredRows
from services.metrics.rows.exporting import as_messages, batches, schema_of, whole_row
from shared.contracts.artifacts import Manifest
from shared.contracts.datasets import DatasetKind
from shared.contracts.export import ExportRequest, ExportSummary
from shared.contracts.problems import FieldError
from shared.datasets import Row
from shared.errors import InvalidRequest
from shared.jobs.workspace import Workspace

NAMES = {"messages": "messages.jsonl", "jsonl": "rows.jsonl", "parquet": "rows.parquet"}
MEDIA_TYPES = {
    "messages": "application/jsonl",
    "jsonl": "application/jsonl",
    "parquet": "application/vnd.apache.parquet",
}


def export(request: ExportRequest, workspace: Workspace) -> ExportSummary:
    """Raises InvalidRequest for plain texts as messages: they have no turns."""
    stored = StoredRows(workspace, request.dataset)
    if request.form == "messages" and stored.kind is DatasetKind.TEXT:
        detail = "rows of kind text have no turns: choose jsonl or parquet"
        raise InvalidRequest(detail, [FieldError(pointer="/form", detail=detail)])
    contexts = stored.contexts()

    def rows() -> Iterator[Row]:
        whole = (whole_row(row, contexts) for row in stored)
        return (as_messages(stored.kind, row) for row in whole) if request.form == "messages" else whole

    name = NAMES[request.form]
    workspace.progress(0, len(stored), "rows", note=f"writing {name}")
    with workspace.output.part(name, MEDIA_TYPES[request.form]) as part:
        if request.form == "parquet":
            schema = schema_of(rows())
            with pq.ParquetWriter(part, schema, compression="zstd") as writer:
                for batch in batches(rows(), schema):
                    workspace.check()
                    writer.write_batch(batch)
        else:
            for row in rows():
                part.write(orjson.dumps(row) + b"\n")
    card = _card(workspace.input(request.dataset).manifest, name, stored)
    workspace.output.put("README.md", card.encode(), "text/markdown")
    return ExportSummary(part=name, rows=len(stored))


def _card(made: Manifest, name: str, stored: StoredRows) -> str:
    front = {
        "configs": [{"config_name": "default", "data_files": name}],
        "tags": ["gamut", "synthetic"] if made.operation == "generate" else ["gamut"],
    }
    inputs = "".join(f"- {role}: `{artifact}`\n" for role, artifact in sorted(made.inputs.items()))
    request = orjson.dumps(made.request, option=orjson.OPT_INDENT_2).decode()
    return (
        f"---\n{yaml.safe_dump(front, sort_keys=True)}---\n\n# Dataset `{made.id}`\n\n"
        f"{len(stored)} rows of kind `{stored.kind}`, made by `{made.operation}` (version {made.version}) on "
        f"{made.created_at.date()}.\n\n{inputs}\n## What was asked for\n\n```json\n{request}\n```\n"
    )
