"""The stage of one level of lessons in styles (`strategies.styles`), from its request and inputs."""

from __future__ import annotations

from services.generator.datasets.generation_inputs import GenerationInputs
from services.generator.datasets.levels import level_column, topic_turns
from services.generator.engine.stage import Stage
from services.generator.engine.targets import Targets
from services.generator.strategies.styles import VARIABLES as STYLE_VARIABLES
from services.generator.strategies.styles import Styles, StyleSettings, bundled_personas
from shared.contracts.generation.strategies import Level


def styles_stage(given: GenerationInputs, level: Level) -> Stage:
    request, rule = given.request, given.request.styles
    assert request.rows is not None
    settings = StyleSettings(
        seed=request.seed,
        task=request.task,
        template=rule.template,
        styles=rule.styles,
        personas=rule.personas or bundled_personas(),
        topics_per_prompt=rule.topics_per_prompt,
        fewest=rule.passages[0],
        most=rule.passages[1],
        structured=rule.structured,
        extra=level_column(level),
    )
    return Styles(
        level.name or "rows",
        request.rows,
        given.max_candidates(request.rows),
        topic_turns(given, level),
        Targets(given.targets),
        given.params(),
        given.prompts("styles", STYLE_VARIABLES),
        settings,
        filters=given.filters(request.rows),
    )
