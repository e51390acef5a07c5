"""The stage of one level of pairs and paraphrases (`strategies.paraphrase`), from its request and inputs."""

from __future__ import annotations

from functools import partial

from services.generator.datasets.generation_inputs import GenerationInputs
from services.generator.datasets.levels import level_column
from services.generator.datasets.parsing import row_parser
from services.generator.engine.filters.near_duplicate import NearDuplicateFilter
from services.generator.engine.stage import Stage
from services.generator.engine.targets import Targets
from services.generator.strategies.paraphrase import VARIABLES as PARAPHRASE_VARIABLES
from services.generator.strategies.paraphrase import Paraphrase, ParaphraseSettings
from services.generator.strategies.parse import (
    question_only,
)
from services.generator.strategies.structured_pairs import (
    NewQuestion,
    Pair,
    structured_question,
)
from services.generator.strategies.topic_guided import (
    QA_VARIABLES,
)
from shared.contracts.generation.acceptance import LengthMatch
from shared.contracts.generation.strategies import Level
from shared.datasets import row_text
from shared.errors import InvalidRequest


def paraphrase_stage(given: GenerationInputs, level: Level) -> Stage:
    request, inputs, rule = given.request, given.inputs, given.request.paraphrase
    if not inputs.contexts:
        raise InvalidRequest("strategy paraphrase asks about contexts, and the dataset of examples has none")
    if request.acceptance.length.match is LengthMatch.DISTRIBUTION:
        raise InvalidRequest(
            "strategy paraphrase judges each context by itself: length.match must be range or off"
        )
    most = len(inputs.contexts) * rule.per_context
    if given.wanted > most:
        raise InvalidRequest(
            f"rows is {given.wanted}, and {len(inputs.contexts)} contexts with per_context "
            f"{rule.per_context} make {most}: ask for fewer rows, or for more of each context"
        )
    contexts = dict(list(inputs.contexts.items())[: -(-given.wanted // rule.per_context)])
    replaced = rule.replaced if level.replaced is None else level.replaced
    settings = ParaphraseSettings(
        seed=request.seed,
        task=request.task,
        per_context=rule.per_context,
        paraphrases=rule.paraphrases,
        replaced=given.replaced or (lambda context: replaced),
        of_real=rule.paraphrase_of == "real",
        examples_per_prompt=request.examples_per_prompt,
        parse=row_parser(request, given.shape, given.seed_texts),
        parse_question=structured_question if request.structured else question_only,
        schema=given.held_to(Pair),
        question_schema=given.held_to(NewQuestion),
        text_of=partial(row_text, request.kind),
        count=given.count,
        filters=lambda: given.filters(rule.per_context),
        question_filters=[
            judge
            for judge in given.filters(rule.per_context, "question")
            if not isinstance(judge, NearDuplicateFilter)  # paraphrases are alike by their nature
        ],
        extra=level_column(level),
        echo=given.echo,
    )
    own = request.templates
    return Paraphrase(
        level.name or "rows",
        contexts,
        inputs.examples,
        Targets(given.targets),
        given.params(),
        given.prompts("qa", QA_VARIABLES),
        given.bundled("paraphrase", PARAPHRASE_VARIABLES, own.paraphrase),
        settings,
    )
