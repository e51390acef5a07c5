"""The rows of dataset artifacts, as the domain takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.trainer.data.rendering import Row, row_name
from shared.artifacts import Artifact
from shared.datasets import contexts, dataset_kind
from shared.store.base import ObjectStore


@dataclass(frozen=True)
class Rows:
    """All rows of a dataset and, for `qa`, its contexts by id."""

    rows: list[Row]
    contexts: Mapping[str, str]

    def completions(self) -> dict[str, str]:
        """What each row of a prompt has as its answer, by the row's name; a chat its last turn."""
        return {row_name(row, index): _completion(row) for index, row in enumerate(self.rows)}


def _completion(row: Row) -> str:
    if "messages" in row:
        said = [str(message["content"]) for message in row["messages"] if message["role"] == "assistant"]
        return said[-1] if said else ""
    return str(row.get("completion", row.get("answer", "")))


def read_rows(store: ObjectStore, artifact_id: str) -> Rows:
    """Raises InputMissing when the artifact is no dataset."""
    dataset = Artifact.open(store, artifact_id)
    dataset_kind(dataset.manifest)
    return Rows(list(dataset.rows()), contexts(dataset))
