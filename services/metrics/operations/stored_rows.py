"""A dataset artifact whose rows can be read in any order, holding ids and places only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from services.metrics.lexical.text.tokens import Tokens
from services.metrics.rows.side import Side, Unit
from shared.artifacts import Artifact
from shared.contracts.datasets import DatasetKind
from shared.datasets import ROWS, Row, contexts, dataset_kind, row_text, value_at
from shared.errors import InvalidData
from shared.jobs.workspace import Workspace

CHUNK = 4096
Field = Callable[[Row], Any]


class StoredRows:
    """The rows of one dataset. Memory holds each row's id and its place in the file, 8 bytes.

    Raises InvalidData for two rows of one id, DamagedArtifact for rows that are not those that were written.
    """

    def __init__(self, workspace: Workspace, artifact_id: str) -> None:
        self._workspace = workspace
        self._artifact: Artifact = workspace.input(artifact_id)
        self.kind: DatasetKind = dataset_kind(self._artifact.manifest)
        self._path = self._artifact.path(ROWS, workspace.folder)
        self._place: dict[str, int] = {}
        try:
            self._find_places()
        except (ValueError, KeyError, TypeError):
            self._artifact.check(ROWS)  # most likely not what was written
            raise

    def _find_places(self) -> None:
        place = 0
        for line in self._artifact.lines(ROWS, self._path):
            name = orjson.loads(line)["id"]
            if name in self._place:  # one of the two would be lost without a word
                raise InvalidData(f"dataset {self._artifact.id} has two rows {name!r}: an id names one row")
            self._place[name] = place
            place += len(line)
            if len(self._place) % CHUNK == 0:
                self._workspace.check()

    def __len__(self) -> int:
        return len(self._place)

    @property
    def ids(self) -> list[str]:
        return list(self._place)

    def __iter__(self) -> Iterator[Row]:
        """Every row in the dataset's order."""
        with self._path.open("rb") as file:
            for number, line in enumerate(file):
                if number % CHUNK == 0:
                    self._workspace.check()
                yield orjson.loads(line)

    def rows(self, ids: Sequence[str]) -> Iterator[Row]:
        """These rows, in this order."""
        with self._path.open("rb") as file:
            for number, row in enumerate(ids):
                if number % CHUNK == 0:
                    self._workspace.check()
                file.seek(self._place[row])
                yield orjson.loads(file.readline())

    def texts(self) -> Iterator[str]:
        """The text of each row that is measured, in the dataset's order."""
        return (row_text(self.kind, row) for row in self)

    def contexts(self) -> Mapping[str, str]:
        return contexts(self._artifact)

    def lengths(self, tokenizer: str) -> list[int]:
        """Tokens of each row's text."""
        lengths: list[int] = []
        batch: list[str] = []
        for text in self.texts():
            batch.append(text)
            if len(batch) == CHUNK:
                lengths += Tokens.of(batch, tokenizer).lengths.tolist()
                batch = []
        lengths += Tokens.of(batch, tokenizer).lengths.tolist()
        return lengths

    def side(self, *, unit: Unit, tokenizer: str, stratify_by: str | None) -> Side:
        """What the row operations need to know of these rows."""
        return Side(
            ids=self.ids,
            tokens=self.lengths(tokenizer) if unit == "tokens" else None,
            strata=[str(value_at(row, stratify_by)) for row in self] if stratify_by else None,
        )
