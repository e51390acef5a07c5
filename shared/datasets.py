"""Reading and writing the rows of dataset artifacts.

Parts: `rows.jsonl` (each row has an `id`, the columns of its kind, and an `origin` where it was
generated), `contexts.jsonl` ({id, text}; `qa` only), `rejects.jsonl` (what was refused, with `reason`),
`prompts.jsonl` (what was asked for both: `shared.prompts`).
The summary is a `DatasetSummary`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from shared.artifacts import Artifact, Row
from shared.contracts.artifacts import Manifest
from shared.contracts.base import ArtifactKind
from shared.contracts.chats import is_learnable, said
from shared.contracts.datasets import MEASURED_FIELDS, DatasetKind, DatasetSummary
from shared.errors import InputMissing

ROWS = "rows.jsonl"
CONTEXTS = "contexts.jsonl"
REJECTS = "rejects.jsonl"
PROMPTS = "prompts.jsonl"

__all__ = [
    "CONTEXTS",
    "PROMPTS",
    "REJECTS",
    "ROWS",
    "Row",
    "contexts",
    "dataset_kind",
    "is_empty",
    "is_loss_weight",
    "row_text",
    "value_at",
]


def dataset_kind(manifest: Manifest) -> DatasetKind:
    """Raises `InputMissing` when the artifact is no dataset."""
    if manifest.kind is not ArtifactKind.DATASET:
        raise InputMissing(f"{manifest.id} is a {manifest.kind}, and a dataset is needed")
    return manifest.summary_as(DatasetSummary).kind


def contexts(dataset: Artifact) -> dict[str, str]:
    """The contexts of a `qa` dataset by id; empty for the other kinds."""
    if not dataset.has(CONTEXTS):
        return {}
    return {row["id"]: row["text"] for row in dataset.rows(CONTEXTS)}


def row_text(kind: DatasetKind, row: Row, turns: str = "assistant") -> str:
    """The text of a row that is measured and compared (`MEASURED_FIELDS`); of a chat, whose `turns`."""
    if kind is DatasetKind.CHAT:
        return said(row["messages"], turns)
    return " ".join(str(row[field]) for field in MEASURED_FIELDS[kind])


def is_empty(kind: DatasetKind, row: Row) -> bool:
    """Whether there is nothing to learn from a row: what would be learned is blank."""
    if kind is DatasetKind.CHAT:
        return not is_learnable(row["messages"])
    return not str(row[MEASURED_FIELDS[kind][-1]]).strip()


def value_at(row: Mapping[str, Any], field: str) -> Any:
    """The value of a dotted field (`origin.topic`); None where the row has no such field."""
    value: Any = row
    for name in field.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def is_loss_weight(value: Any) -> bool:
    """Whether a row may have this weight in the loss of a training: a finite number above 0."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and value > 0
