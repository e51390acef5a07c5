"""From a generation request to the stages of its rows: which builder, for which level."""

from __future__ import annotations

from collections.abc import Callable

from services.generator.datasets.answers import answers_stage
from services.generator.datasets.generation_inputs import GenerationInputs
from services.generator.datasets.paraphrase import paraphrase_stage
from services.generator.datasets.styles import styles_stage
from services.generator.datasets.topic_guided import topic_guided_stage
from services.generator.engine.stage import Stage
from shared.contracts.generation.strategies import Level, Strategy

BUILDERS: dict[Strategy, Callable[[GenerationInputs, Level], Stage]] = {
    Strategy.TOPIC_GUIDED: topic_guided_stage,
    Strategy.PARAPHRASE: paraphrase_stage,
    Strategy.ANSWERS: answers_stage,
    Strategy.STYLES: styles_stage,
}


def stage_for(given: GenerationInputs, level: Level) -> Stage:
    """The stage that makes one level's rows. Raises `InvalidRequest` when the inputs do not suffice."""
    return BUILDERS[given.request.strategy](given, level)
