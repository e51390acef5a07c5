"""The `measure` and `embed` operations."""

from __future__ import annotations

from collections.abc import Collection

from services.metrics.errors import translated
from services.metrics.lexical.runners.local import InProcess
from services.metrics.measuring.measure import measure
from services.metrics.measuring.pictures import pictures
from services.metrics.measuring.subject import Embedded, Subject, TextSet
from services.metrics.operations.running import Runners
from services.metrics.operations.text_sets import Embedders, embed_into, embedded, embedding_request, text_set
from services.metrics.pictures.picture import Picture
from services.metrics.problems import Unmeasurable
from shared.artifacts import ArtifactWriter
from shared.contracts.measurement import (
    EXCESS,
    P_VALUE,
    EmbeddingRequest,
    EmbeddingSummary,
    Measured,
    MeasurementRequest,
    MeasurementSummary,
)
from shared.contracts.problems import FieldError
from shared.datasets import Row, dataset_kind, row_text
from shared.errors import InvalidRequest
from shared.jobs.workspace import Workspace


class Measuring:
    """Handlers that share the loaded embedding model between jobs."""

    def __init__(self, find: Embedders, runners: Runners = lambda texts: InProcess()) -> None:
        self._find = find
        self._runners = runners

    def measure(self, request: MeasurementRequest, workspace: Workspace) -> MeasurementSummary:
        """Values in `measurement.json`, headline values in the summary, pictures with their data beside, and
        a part for each list of rows that a measure names."""
        require_one_kind(workspace, "dataset", request.dataset, "reference", request.reference)
        with translated():
            subject = self._subject(request, workspace)
            measured = measure(
                subject, lambda done, total, name: workspace.progress(done, total, "measures", note=name)
            )
            workspace.output.put_json("measurement.json", measured.model_dump(mode="json"))
            put_lists(request, subject, workspace)
            for picture in pictures(subject, request.pictures):
                workspace.check()
                put_picture(workspace.output, picture)
        return headline(measured)

    def embed(self, request: EmbeddingRequest, workspace: Workspace) -> EmbeddingSummary:
        """Embeddings of a sample of the dataset, as numpy arrays."""
        texts = text_set(workspace, request.dataset, turns=request.turns)
        with translated():
            return embed_into(workspace.output, request, texts, workspace, self._find)

    def _subject(self, request: MeasurementRequest, workspace: Workspace) -> Subject:
        ids: dict[int, str] = {}

        def load(artifact: str) -> TextSet:
            texts = text_set(workspace, artifact, request.group_by, request.turns)
            ids[id(texts)] = artifact
            return texts

        def embed(texts: TextSet) -> Embedded:
            wanted = embedding_request(ids[id(texts)], request)
            return embedded(wanted, texts, workspace, self._find)

        workspace.progress(0, None, "measures", note="reading")
        dataset = load(request.dataset)
        same = request.reference == request.dataset
        reference = None if request.reference is None else dataset if same else load(request.reference)
        test = None if request.test is None else load(request.test)
        require_known(request.group_by, dataset, reference)
        return Subject(
            dataset,
            request,
            embed,
            reference=reference,
            test=test,
            runner=lambda: self._runners(dataset),
        )


def require_known(group_by: str | None, *sets: TextSet | None) -> None:
    """Refuse a field that no row of some set has: nothing would be kept together, without a word."""
    if group_by is not None and any(texts is not None and texts.keys is None for texts in sets):
        raise Unmeasurable(
            "unknown_group",
            f"No row of one of the datasets has a field `{group_by}`: name one that rows of both sides have.",
            field="group_by",
        )


def headline(measured: Measured) -> MeasurementSummary:
    """The defined values by name, flat; of shifts also `NAME_excess` and `NAME_p`, beside what no shift
    gives."""
    values = {value.name: value.value for value in measured.values if value.value is not None}
    for value in measured.values:
        if value.no_shift is not None:
            values[f"{value.name}{EXCESS}"] = value.no_shift.excess
            values[f"{value.name}{P_VALUE}"] = value.no_shift.p_value
    return MeasurementSummary.model_validate({"rows": measured.rows, "tokens": measured.tokens, **values})


def put_lists(request: MeasurementRequest, subject: Subject, workspace: Workspace) -> None:
    """`uncovered.jsonl` and the like: a line for each row that a measure names, in the measure's order, with
    its id, its text and, where one stands beside it, the row of the dataset."""
    sides = {"dataset": request.dataset, "reference": request.reference}
    for name, listing in subject.lists.items():
        own = _named(workspace, sides[listing.side], {one.row for one in listing.rows})
        beside = {one.beside for one in listing.rows if one.beside is not None}
        others = _named(workspace, request.dataset, beside)
        lines = (
            {
                **own[one.row],
                **one.told,
                **({} if one.beside is None else {"nearest": others[one.beside]}),
            }
            for one in listing.rows
        )
        workspace.output.put_rows(f"{name}.jsonl", lines)


def _named(workspace: Workspace, dataset: str | None, places: Collection[int]) -> dict[int, Row]:
    """The rows of a dataset at these places: {id, text}."""
    if dataset is None or not places:
        return {}
    artifact = workspace.input(dataset)
    kind = dataset_kind(artifact.manifest)
    return {
        place: {"id": row["id"], "text": row_text(kind, row)}
        for place, row in enumerate(artifact.rows())
        if place in places
    }


def put_picture(output: ArtifactWriter, picture: Picture) -> None:
    """A picture's PNG and, beside it, its data as JSON and CSV."""
    output.put(f"{picture.name}.png", picture.png, "image/png")
    output.put_json(
        f"{picture.name}.json", {"title": picture.title, "alt": picture.alt, "rows": list(picture.data)}
    )
    output.put(f"{picture.name}.csv", picture.csv().encode(), "text/csv")


def require_one_kind(workspace: Workspace, role: str, artifact: str, other: str, beside: str | None) -> None:
    """Refuse a reference of another kind: its texts are made of other columns."""
    if beside is None:
        return
    kind, wanted = (dataset_kind(workspace.input(name).manifest) for name in (beside, artifact))
    if kind is not wanted:
        raise InvalidRequest(
            f"the {role} is of kind `{wanted}` and the {other} of kind `{kind}`: their texts are made of "
            "other columns, so a shift between them would mean nothing",
            [FieldError(pointer=f"/{other}", detail=f"must be of kind {wanted}")],
        )
