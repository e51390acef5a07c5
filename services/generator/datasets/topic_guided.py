"""The stage of one level of rows on topics (`strategies.topic_guided`), from its request and inputs."""

from __future__ import annotations

from functools import partial

from services.generator.datasets.generation_inputs import GenerationInputs
from services.generator.datasets.levels import level_column, topic_turns
from services.generator.datasets.parsing import row_parser
from services.generator.engine.stage import Stage
from services.generator.engine.targets import Targets
from services.generator.strategies.chatter import have_titles
from services.generator.strategies.structured_pairs import (
    Pair,
)
from services.generator.strategies.topic_guided import (
    QA_VARIABLES,
    VARIABLES,
    TopicGuided,
    TopicGuidedSettings,
)
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.strategies import Level
from shared.datasets import row_text
from shared.errors import InvalidRequest


def topic_guided_stage(given: GenerationInputs, level: Level) -> Stage:
    request, inputs = given.request, given.inputs
    assert request.rows is not None
    qa = request.kind is DatasetKind.QA
    if qa and not inputs.contexts:
        raise InvalidRequest("kind qa asks about contexts, and the dataset of examples has none")
    settings = TopicGuidedSettings(
        seed=request.seed,
        task=request.task,
        item=request.item,
        shape=given.shape,
        examples_per_prompt=request.examples_per_prompt,
        parse=row_parser(request, given.shape, given.seed_texts),
        text_of=partial(row_text, request.kind),
        lengths=given.seed_lengths,
        length_unit=given.count.unit,
        schema=given.held_to(Pair),
        extra=level_column(level),
        echo=given.echo,
        titled=not request.acceptance.chatter or have_titles(given.seed_texts),
    )
    return TopicGuided(
        level.name or "rows",
        request.rows,
        given.max_candidates(request.rows),
        topic_turns(given, level),
        inputs.examples,
        Targets(given.targets),
        given.params(),
        given.prompts(str(request.kind), QA_VARIABLES if qa else VARIABLES),
        settings,
        filters=given.filters(request.rows),
        contexts=inputs.contexts if qa else None,
    )
