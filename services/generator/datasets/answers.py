"""The stage of one level of answers to given prompts (`strategies.answers`), from its request and inputs."""

from __future__ import annotations

from services.generator.datasets.generation_inputs import GenerationInputs
from services.generator.datasets.levels import level_column
from services.generator.engine.stage import Stage
from services.generator.engine.targets import Targets
from services.generator.strategies.answers import VARIABLES as ANSWER_VARIABLES
from services.generator.strategies.answers import Answers, AnswerSettings
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.strategies import Level
from shared.errors import InvalidRequest


def answers_stage(given: GenerationInputs, level: Level) -> Stage:
    request, inputs = given.request, given.inputs
    if request.kind is DatasetKind.QA and inputs.prompts_kind is not DatasetKind.QA:
        raise InvalidRequest("kind qa needs prompts of kind qa")
    wanted = given.wanted
    if wanted > len(inputs.prompts):
        raise InvalidRequest(f"rows is {wanted}, and there are {len(inputs.prompts)} prompts to answer")
    if not wanted:
        raise InvalidRequest("the dataset of prompts has no rows: there is nothing to answer")
    rule = request.answers
    settings = AnswerSettings(request.seed, request.kind, rule.assign, rule.keep_cut, level_column(level))
    system = request.templates.system or rule.system
    return Answers(
        level.name or "rows",
        wanted,
        inputs.prompts,
        inputs.prompt_contexts,
        Targets(given.targets),
        given.params(),
        given.prompts("answer", ANSWER_VARIABLES, system=system),
        settings,
        filters=given.filters(wanted),
    )
