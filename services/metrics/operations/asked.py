"""What the rows of a dataset were asked for with: its own prompts, or those of the datasets it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

from services.metrics.measuring.rows import Asked
from shared.artifacts import Artifact
from shared.contracts.base import ArtifactKind
from shared.contracts.datasets import MEASURED_FIELDS, DatasetKind
from shared.datasets import PROMPTS, Row, contexts, dataset_kind, row_text
from shared.errors import InputMissing
from shared.jobs.workspace import Workspace
from shared.prompts import KeptPrompts

EXAMPLES = "examples"
"""The input of a generation whose rows its prompts show."""
CHUNK = 8192


def asked_for(workspace: Workspace, dataset: Artifact) -> Asked | None:
    """None where no dataset behind this one has kept its prompts."""
    generated = list(_generated(workspace, dataset, set()))
    if not generated:
        return None
    shown = dict.fromkeys(found.manifest.inputs[EXAMPLES] for found in generated if _shows_examples(found))
    return Asked(
        rows=lambda: _rows(dataset, generated, workspace),
        examples=(lambda: _examples(workspace, list(shown))) if shown else None,
    )


def written_text(kind: DatasetKind, row: Row) -> str:
    """What the model wrote of a row's measured text: of an answer to a given prompt the answer alone, of a
    paraphrase of a pair its question."""
    origin, fields = row.get("origin") or {}, MEASURED_FIELDS[kind]
    if "prompt_id" in origin:
        return str(row[fields[-1]])
    return str(row[fields[0]]) if "paraphrase_of" in origin else row_text(kind, row)


def _generated(workspace: Workspace, dataset: Artifact, seen: set[str]) -> Iterator[Artifact]:
    """The datasets with prompts that this one's rows may be from: itself, or what it was mixed, sampled or
    filtered from. One that is gone is passed over."""
    seen.add(dataset.id)
    if dataset.has(PROMPTS):
        yield dataset
        return
    for name in dataset.manifest.inputs.values():
        if name in seen or not name.startswith(f"{ArtifactKind.DATASET}-"):
            continue
        try:
            source = workspace.input(name)
        except InputMissing:
            continue
        yield from _generated(workspace, source, seen)


def _shows_examples(generated: Artifact) -> bool:
    return (
        EXAMPLES in generated.manifest.inputs and generated.manifest.request.get("examples_per_prompt") != 0
    )


def _rows(
    dataset: Artifact, generated: list[Artifact], workspace: Workspace
) -> Iterator[tuple[str, str | None]]:
    kind, about = dataset_kind(dataset.manifest), contexts(dataset)
    kept = [KeptPrompts(found.rows(PROMPTS)) for found in generated]
    for number, row in enumerate(dataset.rows()):
        if number % CHUNK == 0:
            workspace.check()
        origin = row.get("origin") or {}
        name = str(origin.get("prompt_hash"))
        prompts = (prompt for book in kept if (prompt := book.get(name)) is not None)
        given = origin.get("topic"), about.get(str(row.get("context_id")))
        yield written_text(kind, row), _without(next(prompts, None), given)


def _without(prompt: str | None, given: Iterable[str | None]) -> str | None:
    """The prompt without what every answer may repeat: the topic that it was given, the context that it is
    about."""
    for text in filter(None, given) if prompt else ():
        prompt = (prompt or "").replace(text, "\n")
    return prompt


def _examples(workspace: Workspace, names: list[str]) -> pa.ChunkedArray:
    """The texts of these datasets."""
    chunks = []
    for name in names:
        artifact = workspace.input(name)
        kind = dataset_kind(artifact.manifest)
        chunks.append(pa.array([row_text(kind, row) for row in artifact.rows()], pa.large_string()))
    return pa.chunked_array(chunks, pa.large_string())
