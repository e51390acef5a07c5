"""Reads a request's input artifacts into the plain values that strategies work on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.generator.inputs.values import Inputs, as_examples
from services.generator.instruments.agent.asking import clipped
from services.generator.strategies.common import Example
from shared.artifacts import Artifact
from shared.contracts.base import ArtifactKind
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.topics import TopicsRequest
from shared.datasets import contexts, dataset_kind
from shared.errors import InputMissing
from shared.text.contamination import compared_text

SUBJECT_CHARACTERS = 1_000
"""Of a row, enough to see what it is about."""


def pool_examples(request: TopicsRequest, open_artifact: Callable[[str], Artifact]) -> list[Example]:
    """The real rows that a topic pool is to suit; none where the request names none."""
    if request.examples is None:
        return []
    real = open_artifact(request.examples)
    rows = as_examples(dataset_kind(real.manifest), real.rows())
    return [{**row, "text": clipped(row["text"], SUBJECT_CHARACTERS)} for row in rows]


def read_inputs(
    request: GenerationRequest,
    open_artifact: Callable[[str], Artifact],
    planned_topics: list[str] | None = None,
) -> Inputs:
    """Everything a generation reads of its input artifacts. Raises `InputMissing` for one of the wrong
    kind. `planned_topics` stand for a pool that is still to be made."""
    topics: list[str] = planned_topics or []
    if request.topics is not None and planned_topics is None:
        pool = open_artifact(request.topics)
        if pool.manifest.kind is not ArtifactKind.TOPICS:
            raise InputMissing(f"{request.topics} is a {pool.manifest.kind}, and topics are needed")
        topics = [row["topic"] for row in pool.rows("topics.jsonl")]
    found: dict[str, Any] = {"topics": topics}
    if request.examples is not None:
        real = open_artifact(request.examples)
        kind = dataset_kind(real.manifest)
        if kind is not request.kind:
            raise InputMissing(f"the examples are {kind} rows, and {request.kind} rows are to be made")
        found |= {"examples": as_examples(kind, real.rows()), "contexts": contexts(real)}
    if request.prompts is not None:
        prompts = open_artifact(request.prompts)
        found |= {
            "prompts": list(prompts.rows()),
            "prompts_kind": dataset_kind(prompts.manifest),
            "prompt_contexts": contexts(prompts),
        }
    if request.acceptance.held_out is not None:
        test = open_artifact(request.acceptance.held_out)
        dataset_kind(test.manifest)  # that it is a dataset
        found["held_out"] = [compared_text(row) for row in test.rows()]
    return Inputs(**found)
