"""How large the datasets of a plan will be: rows and words, from the requests that make them."""

from __future__ import annotations

from collections.abc import Mapping

from services.gateway.estimates.counting import rows_asked
from shared.artifacts import find_manifest
from shared.contracts.advice import ProposalRequest
from shared.contracts.base import JobRequest
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.strategies import Strategy
from shared.contracts.mixture import (
    DeduplicationRequest,
    FilterRequest,
    MixtureRequest,
    SampleRequest,
    SplitRequest,
)
from shared.datasets import ROWS
from shared.store.base import ObjectStore

BYTES_A_WORD = 6.0
"""Of a dataset's rows as they are stored: English prose, its keys and its ids."""


class Amounts:
    """`known` is every request of the plan by the artifact it makes. What exists is read from its manifest;
    what does not is taken to have rows as long as the largest dataset that does."""

    def __init__(self, store: ObjectStore, known: Mapping[str, JobRequest]) -> None:
        self._store = store
        self._known = known
        self._there: dict[str, tuple[int, float] | None] = {}
        read = {name for request in known.values() for name in request.input_artifacts().values()}
        sized = [(self._sized(name), name) for name in sorted(read) if name.startswith("dataset-")]
        self.largest = max(((found[0], name) for found, name in sized if found), default=(0, None))[1]
        """A dataset that exists and that the plan reads: the largest, so that none is a test set."""

    def of(self, dataset: str) -> tuple[float, float] | None:
        """Rows and words; None where the dataset's request does not say."""
        if there := self._sized(dataset):
            return there
        rows = self.rows(dataset)
        return None if rows is None else (rows, rows * self._words_a_row())

    def rows(self, dataset: str) -> int | None:
        """Rows that a dataset has or will have: of a filter, at most; None where its request does not say."""
        if there := self._sized(dataset):
            return there[0]
        request = self._known.get(dataset)
        if isinstance(request, GenerationRequest):
            return self._generated(request)
        if isinstance(request, SampleRequest):
            return self._asked(request.size, request.unit, self.rows(request.dataset), request.fraction)
        if isinstance(request, SplitRequest):
            return self._asked(None, "rows", self.rows(request.dataset), request.shares[request.take])
        if isinstance(request, FilterRequest | DeduplicationRequest):
            return self.rows(request.dataset)
        if isinstance(request, MixtureRequest):
            size = self._asked(request.size, request.unit, self.rows(request.real), 1.0)
            if size is None:
                return None
            return round(size / (1 - request.rho)) if request.mode == "additive" else size
        if isinstance(request, ProposalRequest):  # which mixture, the search will say: one in the middle
            return round(request.size / (1 - (request.search.low + request.search.high) / 2))
        return None

    def like(self, dataset: str) -> str | None:
        """A dataset that exists and whose rows those of this one will be like: what it is taken from, where
        its requests lead to such a one, else the largest there is."""
        while self._sized(dataset) is None:
            request = self._known.get(dataset)
            if isinstance(request, MixtureRequest | ProposalRequest):
                dataset = request.real
            elif isinstance(request, GenerationRequest):
                dataset = request.examples or ""
            else:
                dataset = getattr(request, "dataset", "")
            if not dataset:
                return self.largest
        return dataset

    def _asked(self, size: int | None, unit: str, whole: int | None, share: float | None) -> int | None:
        if size is not None:
            return size if unit == "rows" else round(size / self._words_a_row())
        return None if whole is None or share is None else round(whole * share)

    def _generated(self, request: GenerationRequest) -> int | None:
        asked = rows_asked(request)
        if asked is None and request.strategy is Strategy.ANSWERS and request.prompts:
            return self.rows(request.prompts)  # one for each prompt
        if asked is None and request.strategy is Strategy.PARAPHRASE and request.examples:
            contexts = self._contexts(request.examples)
            levels = max(len(request.levels), 1)
            return None if contexts is None else contexts * request.paraphrase.per_context * levels
        return asked

    def _contexts(self, dataset: str) -> int | None:
        """Contexts that a dataset has or, of a split that keeps their questions together, will have."""
        if manifest := find_manifest(self._store, dataset):
            found = manifest.figure("contexts")
            return None if found is None else int(found)
        request = self._known.get(dataset)
        if isinstance(request, SplitRequest) and request.group_by in (None, "context_id"):
            whole = self._contexts(request.dataset)
            return None if whole is None else round(whole * request.shares[request.take])
        return None

    def _words_a_row(self) -> float:
        found = self._sized(self.largest) if self.largest else None
        return max(found[1] / found[0], 1.0) if found and found[0] else 100.0

    def _sized(self, dataset: str) -> tuple[int, float] | None:
        if dataset not in self._there:
            manifest = find_manifest(self._store, dataset)
            part = manifest.part(ROWS) if manifest else None
            self._there[dataset] = (
                (int(manifest.figure("rows") or 0), (part.bytes if part else 0) / BYTES_A_WORD)
                if manifest
                else None
            )
        return self._there[dataset]
