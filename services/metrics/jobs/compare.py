"""The `compare` operation: a group of datasets measured together at equal size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from services.metrics.comparison.group import mean_over_draws, relative_to_maximum
from services.metrics.comparison.sizes import EqualSize, equal_size
from services.metrics.errors import translated
from services.metrics.jobs.measure import put_picture, require_one_kind
from services.metrics.jobs.text_sets import Embedders, text_set
from services.metrics.lexical import Tokens
from services.metrics.measuring.measure import measure
from services.metrics.measuring.subject import Embedded, Subject, TextSet, sampled_rows
from services.metrics.pictures.bars import bars_with_intervals
from services.metrics.pictures.lengths import length_histograms
from shared.contracts.measurement import ComparisonRequest, Measured, MeasuredValue
from shared.jobs.workspace import Workspace


class Comparing:
    """Handler that shares the loaded embedding model between jobs."""

    def __init__(self, find: Embedders) -> None:
        self._find = find

    def compare(self, request: ComparisonRequest, workspace: Workspace) -> dict[str, Any]:
        """`comparison.json`: each dataset's values, each relative to the group's maximum, and the common
        size."""
        first = next(iter(request.datasets.values()))
        for name, dataset in request.datasets.items():
            require_one_kind(workspace, "group", first, f"datasets/{name}", dataset)
        require_one_kind(workspace, "group", first, "reference", request.reference)
        with translated():
            group = {name: text_set(workspace, dataset) for name, dataset in request.datasets.items()}
            lengths = {
                name: Tokens.of(texts.texts, request.tokenizer).lengths for name, texts in group.items()
            }
            size = equal_size(lengths, request.equal)
            reference = text_set(workspace, request.reference) if request.reference else None
            measured = {}
            for place, (name, texts) in enumerate(group.items()):
                workspace.progress(place, len(group), "datasets", note=f"measuring {name}")
                measured[name] = self._measure(texts, lengths[name], size, reference, request, workspace)
            if request.pictures:
                self._draw(measured, lengths, request, workspace)
        return self._write(measured, size, lengths, request, workspace)

    def _measure(
        self,
        texts: TextSet,
        lengths: np.ndarray,
        size: EqualSize,
        reference: TextSet | None,
        request: ComparisonRequest,
        workspace: Workspace,
    ) -> Measured:
        """The dataset's values: the mean over seeded cuts where it is larger than the common size."""
        draws = request.draws if size.cuts(lengths) else 1
        found = []
        for draw in range(draws):
            workspace.check()
            part = texts.take(size.rows(lengths, request.seed + draw)) if size.cuts(lengths) else texts
            found.append(measure(Subject(part, request, self._embed(request), reference=reference)))
        values = mean_over_draws([one.values for one in found])
        return found[0].model_copy(update={"values": values, "details": found[0].details})

    def _embed(self, request: ComparisonRequest) -> Any:
        kept: dict[int, Embedded] = {}

        def embed(texts: TextSet) -> Embedded:
            if id(texts) not in kept:
                embedder = self._find(request.embedding, request.precision)
                rows = sampled_rows(len(texts), request.semantic_rows, request.seed)
                vectors = embedder.embed([texts.text(int(row)) for row in rows])
                kept[id(texts)] = Embedded(rows, vectors, embedder.description)
            return kept[id(texts)]

        return embed

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
    ) -> dict[str, Any]:
        relative = relative_to_maximum({name: one.values for name, one in measured.items()})
        equal = {
            "by": size.by,
            "size": size.size,
            "cut": [name for name in measured if size.cuts(lengths[name])],
            "draws": request.draws,
            "seed": request.seed,
            "note": "Distinct-n, Vendi, Self-BLEU and others move with size: values are of equal sizes"
            if size.size is not None
            else "datasets were taken at their own sizes: values marked moves_with_size do not compare",
        }
        workspace.output.put_json(
            "comparison.json",
            {
                "equal_size": equal,
                "datasets": {name: one.model_dump(mode="json") for name, one in measured.items()},
                "relative_to_maximum": relative,
            },
        )
        values = {
            name: {v.name: v.value for v in one.values if v.value is not None}
            for name, one in measured.items()
        }
        return {"equal_size": equal, "datasets": values}


def _value(measured: Measured, name: str) -> MeasuredValue | None:
    return next((value for value in measured.values if value.name == name), None)
