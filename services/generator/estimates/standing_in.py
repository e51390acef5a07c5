"""Rows that exist in the place of rows that are still to be made: as many as there will be, and like them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count, islice

from shared.artifacts import Artifact
from shared.contracts.generation.sources import SourceRef
from shared.datasets import CONTEXTS, ROWS, Row
from shared.estimates import KnownInputs
from shared.store.base import ObjectStore


class Repeated(Artifact):
    """A dataset's rows and contexts, over and over until there are as many as `wanted` (by part; all where it
    says none); only the first turn keeps their ids."""

    def __init__(self, store: ObjectStore, like: Artifact, wanted: Mapping[str, int | None]) -> None:
        super().__init__(store, like.manifest)
        self._wanted = wanted

    def rows(self, name: str = ROWS) -> Iterator[Row]:
        wanted = self._wanted.get(name)
        return super().rows(name) if wanted is None else islice(self._turns(name), wanted)

    def _turns(self, name: str) -> Iterator[Row]:
        rows = list(super().rows(name))
        yield from rows
        for turn in count(2) if rows else ():
            yield from ({**row, "id": f"{row.get('id', number)}-{turn}"} for number, row in enumerate(rows))


def open_dataset(known: KnownInputs, dataset: str, like: str | None = None) -> Artifact:
    """The dataset; one that is still to be made, or is to be `like` another, by its number of rows alone.
    Raises `InputMissing`."""
    stand_in = Artifact.open(known.store, like or known.like(dataset))
    if stand_in.id == dataset:
        return stand_in
    size = known.size(dataset)
    return Repeated(known.store, stand_in, {ROWS: size.rows, CONTEXTS: size.contexts})


def without_coming_adapter(source: SourceRef, known: KnownInputs) -> SourceRef:
    """An adapter that is still to be trained costs what its base does."""
    return source.model_copy(update={"adapter": None}) if known.is_coming(source.adapter) else source
