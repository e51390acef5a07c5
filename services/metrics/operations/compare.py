"""The `compare` operation: a group of datasets measured together at equal size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.metrics.comparison.group import mean_over_draws, relative_to_maximum
from services.metrics.comparison.sizes import EqualSize, equal_size
from services.metrics.errors import translated
from services.metrics.lexical import Tokens
from services.metrics.measuring.measure import measure
from services.metrics.measuring.subject import Embedded, Subject, TextSet, sampled_rows
from services.metrics.operations.measure import put_picture, require_known, require_one_kind
from services.metrics.operations.text_sets import Embedders, embedded, embedding_request, text_set
from services.metrics.pictures.bars import bars_with_intervals
from services.metrics.pictures.lengths import length_histograms
from shared.contracts.measurement import (
    ComparisonRequest,
    ComparisonSummary,
    EqualSizes,
    Measured,
    MeasuredValue,
)
from shared.jobs.workspace import Workspace


class Comparing:
    """Handler that shares the loaded embedding model between jobs."""

    def __init__(self, find: Embedders) -> None:
        self._find = find

    def compare(self, request: ComparisonRequest, workspace: Workspace) -> ComparisonSummary:
        """`comparison.json`: each dataset's values, each relative to the group's maximum, and the common
        size."""
        first = next(iter(request.datasets.values()))
        for name, dataset in request.datasets.items():
            require_one_kind(workspace, "group", first, f"datasets/{name}", dataset)
        require_one_kind(workspace, "group", first, "reference", request.reference)
        with translated():
            group = {
                name: text_set(workspace, dataset, request.group_by, request.turns)
                for name, dataset in request.datasets.items()
            }
            lengths = {
                name: Tokens.of(texts.texts, request.tokenizer).lengths for name, texts in group.items()
            }
            size = equal_size(lengths, request.equal)
            reference = (
                text_set(workspace, request.reference, request.group_by, request.turns)
                if request.reference
                else None
            )
            require_known(request.group_by, reference, *group.values())
            vectors = Embeddings(request, workspace, self._find)
            if request.reference and reference is not None:
                vectors.are_of(reference, request.reference)
            measured = {}
            for place, (name, texts) in enumerate(group.items()):
                workspace.progress(place, len(group), "datasets", note=f"measuring {name}")
                vectors.are_of(texts, request.datasets[name])
                measured[name] = self._measure(texts, lengths[name], size, reference, vectors, workspace)
            if request.pictures:
                self._draw(measured, lengths, request, workspace)
        return self._write(measured, size, lengths, request, workspace)

    def _measure(
        self,
        texts: TextSet,
        lengths: np.ndarray,
        size: EqualSize,
        reference: TextSet | None,
        vectors: Embeddings,
        workspace: Workspace,
    ) -> Measured:
        """The dataset's values: the mean over seeded cuts where it is larger than the common size."""
        request, cut = vectors.request, size.cuts(lengths)
        found = []
        for draw in range(request.draws if cut else 1):
            workspace.check()
            part = vectors.cut(texts, size.rows(lengths, request.seed + draw)) if cut else texts
            found.append(measure(Subject(part, request, vectors.embed, reference=reference)))
        values = mean_over_draws([one.values for one in found])
        return found[0].model_copy(update={"values": values, "details": found[0].details})

    def _draw(
        self, measured: dict[str, Measured], lengths: Any, request: ComparisonRequest, workspace: Workspace
    ) -> None:
        """The lengths of all, and a bar chart of each measure that every dataset has."""
        put_picture(workspace.output, length_histograms({name: n.tolist() for name, n in lengths.items()}))
        for name in relative_to_maximum({name: one.values for name, one in measured.items()}):
            workspace.check()
            values = {dataset: _value(one, name) for dataset, one in measured.items()}
            shown = {
                dataset: v.value for dataset, v in values.items() if v is not None and v.value is not None
            }
            intervals = {
                dataset: (v.interval.low, v.interval.high)
                for dataset, v in values.items()
                if v and v.interval
            }
            picture = bars_with_intervals(shown, intervals, measure=name, level=request.level)
            put_picture(workspace.output, replace(picture, name=f"bars_{name}"))

    def _write(
        self,
        measured: dict[str, Measured],
        size: EqualSize,
        lengths: Any,
        request: ComparisonRequest,
        workspace: Workspace,
    ) -> ComparisonSummary:
        relative = relative_to_maximum({name: one.values for name, one in measured.items()})
        equal = EqualSizes(
            by=size.by,
            size=size.size,
            cut=[name for name in measured if size.cuts(lengths[name])],
            draws=request.draws,
            seed=request.seed,
            note="Distinct-n, Vendi, Self-BLEU and others move with size: values are of equal sizes"
            if size.size is not None
            else "datasets were taken at their own sizes: values marked moves_with_size do not compare",
        )
        workspace.output.put_json(
            "comparison.json",
            {
                "equal_size": equal.model_dump(mode="json"),
                "datasets": {name: one.model_dump(mode="json") for name, one in measured.items()},
                "relative_to_maximum": relative,
            },
        )
        values = {
            name: {v.name: v.value for v in one.values if v.value is not None}
            for name, one in measured.items()
        }
        return ComparisonSummary(equal_size=equal, datasets=values)


class Embeddings:
    """Embeddings of the datasets of one comparison: each dataset and model is embedded once.

    Whole sets read their embeddings' artifact (and make it if they are the first to need it); a cut of a set
    that is embedded in full takes its rows of it. A cut of a larger set has rows that were never embedded.
    """

    def __init__(self, request: ComparisonRequest, workspace: Workspace, find: Embedders) -> None:
        self.request = request
        self._workspace = workspace
        self._find = find
        self._artifacts: dict[int, str] = {}
        self._whole: dict[str, Embedded] = {}
        self._cut: tuple[TextSet, TextSet, NDArray[np.int64]] | None = None

    def are_of(self, texts: TextSet, artifact: str) -> None:
        """These texts, which must be kept, are those of that dataset."""
        self._artifacts[id(texts)] = artifact

    def cut(self, texts: TextSet, rows: NDArray[np.int64]) -> TextSet:
        """Some rows of a dataset's texts; the cut before this one is forgotten."""
        part = texts.take(rows)
        self._cut = part, texts, rows
        return part

    def embed(self, texts: TextSet) -> Embedded:
        if id(texts) in self._artifacts:
            return self._of_whole(texts)
        assert self._cut is not None
        part, whole, rows = self._cut
        assert part is texts
        if len(whole) <= self.request.semantic_rows:
            found = self._of_whole(whole)
            return Embedded(np.arange(len(rows)), found.vectors[rows], found.description)
        embedder = self._find(self.request.embedding, self.request.precision)
        places = sampled_rows(len(texts), self.request.semantic_rows, self.request.seed)
        vectors = embedder.embed([texts.text(int(row)) for row in places])
        return Embedded(places, vectors, embedder.description)

    def _of_whole(self, texts: TextSet) -> Embedded:
        artifact = self._artifacts[id(texts)]
        if artifact not in self._whole:
            wanted = embedding_request(artifact, self.request)
            self._whole[artifact] = embedded(wanted, texts, self._workspace, self._find)
        return self._whole[artifact]


def _value(measured: Measured, name: str) -> MeasuredValue | None:
    return next((value for value in measured.values if value.name == name), None)
