"""The levels of a request: which topics each has, and what its rows say of it."""

from __future__ import annotations

from services.generator.datasets.generation_inputs import GenerationInputs
from services.generator.topics.turns import TopicTurns, level_topics
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.strategies import Level, TopicOrder
from shared.errors import InvalidRequest


def levels_of(request: GenerationRequest) -> list[Level]:
    """The request's levels; one without a name when it has none."""
    return request.levels or [Level.model_construct(name="", topic_count=None, replaced=None)]


def topic_turns(given: GenerationInputs, level: Level) -> TopicTurns:
    request = given.request
    try:
        topics = level_topics(given.inputs.topics, level.topic_count or request.topic_count, request.seed)
    except ValueError as error:
        raise InvalidRequest(str(error)) from error
    balanced = request.topic_order is TopicOrder.BALANCED
    return TopicTurns(topics, balanced=balanced, seed=request.seed)


def level_column(level: Level) -> dict[str, str]:
    return {"level": level.name} if level.name else {}
