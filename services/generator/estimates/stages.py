"""The stages of a request as they are before it is a job: what a preview tries and an estimate counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from services.generator.calls.target import Target
from services.generator.datasets.generation_inputs import GenerationInputs, seed_texts
from services.generator.datasets.levels import levels_of
from services.generator.datasets.rows import stage_for
from services.generator.engine.stage import Stage
from services.generator.inputs.lengths import length_counter
from services.generator.inputs.reading import pool_examples, read_inputs
from services.generator.sources.registry import Registry
from services.generator.text.tokens import WordCounter
from services.generator.topics.plan import PoolPlan
from shared.artifacts import Artifact
from shared.contracts.generation.acceptance import LengthUnit
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.topics import TopicsRequest

OpenArtifact = Callable[[str], Artifact]


def topic_stages(request: TopicsRequest, target: Target, open_artifact: OpenArtifact) -> list[Stage]:
    pool = PoolPlan(request, target, pool_examples(request, open_artifact))
    areas = [pool.areas()] if request.hierarchy else []
    return [*areas, pool.topics()]


def generation_inputs(
    request: GenerationRequest,
    registry: Registry,
    open_artifact: OpenArtifact,
    planned_topics: list[str] | None = None,
    *,
    ask_nobody: bool = False,
) -> GenerationInputs:
    """`planned_topics` stand for a pool that is still to be made; with `ask_nobody` no server is asked to
    count tokens: words are counted in their place."""
    inputs = read_inputs(request, open_artifact, planned_topics)
    unknown = ask_nobody and request.acceptance.length.unit is LengthUnit.REPORTED
    count = WordCounter() if unknown else length_counter(request, registry, seed_texts(request, inputs))
    return GenerationInputs(request, inputs, registry.targets(request.sources), count)


def row_stages(given: GenerationInputs) -> Sequence[Stage]:
    """One for each level."""
    return [stage_for(given, level) for level in levels_of(given.request)]
