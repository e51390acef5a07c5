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
    _require_chats(given)
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


def _require_chats(given: GenerationInputs) -> None:
    """Raises InvalidRequest where chats and other rows would be mixed up, or a source does not chat."""
    request, inputs = given.request, given.inputs
    if (request.kind is DatasetKind.CHAT) != (inputs.prompts_kind is DatasetKind.CHAT):
        raise InvalidRequest(
            f"the prompts are of kind {inputs.prompts_kind}, and rows of kind {request.kind} are to be made: "
            "chats are answered as chats, and nothing else is"
        )
    if request.kind is not DatasetKind.CHAT:
        return
    if not all(target.chat for target in given.targets):
        raise InvalidRequest("chats are answered by sources whose `api` is chat, and by no others")
    for row in inputs.prompts:
        if any(m["role"] == "tool" or m.get("tool_calls") for m in row["messages"]):
            raise InvalidRequest(f"prompt {row.get('id')!r} calls tools, which no source is asked to do here")
        if not any(m["role"] == "user" for m in row["messages"]):
            raise InvalidRequest(
                f"prompt {row.get('id')!r} has no turn of the user: there is nothing to answer"
            )
