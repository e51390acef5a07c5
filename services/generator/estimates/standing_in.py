"""Rows that exist in the place of rows that are still to be made: as many as there will be, and like them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from typing import Any

from shared.artifacts import Artifact
from shared.contracts.generation.sources import SourceRef
from shared.datasets import ROWS
from shared.estimates import KnownInputs
from shared.store.base import ObjectStore


class Repeated(Artifact):
    """A dataset's rows, over and over until there are `wanted`; only the first turn keeps their ids."""

    def __init__(self, store: ObjectStore, like: Artifact, wanted: int) -> None:
        super().__init__(store, like.manifest)
        self._wanted = wanted

    def rows(self, name: str = ROWS) -> Iterator[dict[str, Any]]:
        return islice(self._turns(), self._wanted) if name == ROWS else super().rows(name)

    def _turns(self) -> Iterator[dict[str, Any]]:
        rows = list(super().rows(ROWS))
        yield from rows
        for turn in count(2) if rows else ():
            yield from ({**row, "id": f"{row.get('id', number)}-{turn}"} for number, row in enumerate(rows))


def open_dataset(known: KnownInputs, dataset: str, like: str | None = None) -> Artifact:
    """The dataset; one that is still to be made, or is to be `like` another, by its number of rows alone.
    Raises `InputMissing`."""
    stand_in = Artifact.open(known.store, like or known.like(dataset))
    rows = known.rows(dataset)
    if stand_in.id == dataset or rows is None:
        return stand_in
    return Repeated(known.store, stand_in, rows)


def without_coming_adapter(source: SourceRef, known: KnownInputs) -> SourceRef:
    """An adapter that is still to be trained costs what its base does."""
    return source.model_copy(update={"adapter": None}) if known.is_coming(source.adapter) else source
