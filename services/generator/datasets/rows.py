"""From a generation request to its rows: which stages, with which filters, for which level."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from pydantic import BaseModel

from services.generator.calls.call import Params
from services.generator.engine.filters.contamination import Contamination
from services.generator.engine.filters.length import LengthDistribution, LengthRange
from services.generator.engine.filters.near_duplicate import NearDuplicates
from services.generator.engine.filters.refusals import Refusals
from services.generator.engine.stage import Filter, Stage
from services.generator.errors import BadPromptTemplate
from services.generator.inputs.values import Inputs
from services.generator.strategies.answers import VARIABLES as ANSWER_VARIABLES
from services.generator.strategies.answers import Answers, AnswerSettings
from services.generator.strategies.chatter import have_titles, without_chatter
from services.generator.strategies.common import Target, Targets
from services.generator.strategies.paraphrase import VARIABLES as PARAPHRASE_VARIABLES
from services.generator.strategies.paraphrase import Paraphrase, ParaphraseSettings
from services.generator.strategies.parse import (
    completion_row,
    pair_row,
    question_only,
    text_row,
    usual_shape,
)
from services.generator.strategies.prompts import BadTemplate, Prompts, load_prompts
from services.generator.strategies.structured_pairs import (
    NewQuestion,
    Pair,
    limited,
    structured_pair,
    structured_question,
)
from services.generator.strategies.styles import VARIABLES as STYLE_VARIABLES
from services.generator.strategies.styles import Styles, StyleSettings, bundled_personas
from services.generator.strategies.topic_guided import (
    QA_VARIABLES,
    VARIABLES,
    TopicGuided,
    TopicGuidedSettings,
)
from services.generator.text.tokens import TokenCounter, WordCounter
from services.generator.topics.turns import TopicTurns, level_topics
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.acceptance import LengthMatch
from shared.contracts.generation.prompts import Format
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.strategies import Level, Strategy, TopicOrder
from shared.datasets import row_text
from shared.errors import InvalidRequest

STOPS: dict[tuple[Format, DatasetKind], tuple[str, ...]] = {
    (Format.PLAIN, DatasetKind.TEXT): ("\n",),
    (Format.PLAIN, DatasetKind.COMPLETION): ("\n",),
    (Format.PLAIN, DatasetKind.QA): ("\n\n",),
}


@dataclass(frozen=True)
class Recipe:
    """A request with everything its stages are made of. `count` counts tokens for length matching."""

    request: GenerationRequest
    inputs: Inputs
    targets: Sequence[Target]
    count: TokenCounter = field(default_factory=WordCounter)
    replaced: Callable[[int], int] | None = None
    """`paraphrase`: m_r of each context, where the dial sets it; else the level's or the request's."""

    @property
    def wanted(self) -> int:
        """Rows of one level."""
        request = self.request
        if request.strategy is Strategy.PARAPHRASE:
            return request.rows or len(self.inputs.contexts) * request.paraphrase.per_context
        return request.rows or len(self.inputs.prompts)

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Sentences of a `completion` row, and of its completion: as asked for, else as the examples."""
        if self.request.sentences is not None:
            return self.request.sentences, 1
        return usual_shape(self.inputs.examples) if self.request.kind is DatasetKind.COMPLETION else (2, 1)

    @cached_property
    def seed_lengths(self) -> list[int]:
        return self.count.all(seed_texts(self.request, self.inputs))

    @cached_property
    def _held_out(self) -> list[Filter]:
        size = self.request.acceptance.held_out_words
        return [Contamination(self.inputs.held_out, size)] if self.inputs.held_out else []

    def params(self) -> Params:
        request = self.request
        stops = STOPS.get((request.format, request.kind), ())
        return Params(request.temperature, request.top_p, request.max_tokens, stops)

    def held_to(self, form: type[BaseModel]) -> dict[str, Any] | None:
        """The JSON schema that answers are held to, where the request wants that."""
        return limited(form, self.inputs.examples) if self.request.structured else None

    def prompts(self, name: str, variables: frozenset[str], *, system: str | None = None) -> Prompts:
        """The template `name`, or the caller's in its place. Raises `BadPromptTemplate`."""
        own = self.request.templates
        return self.bundled(name, variables, own.prompt, system=system or own.system)

    def bundled(
        self, name: str, variables: frozenset[str], prompt: str | None, *, system: str | None = None
    ) -> Prompts:
        try:
            return load_prompts(self.request.format, name, variables, system=system, prompt=prompt)
        except BadTemplate as error:
            raise BadPromptTemplate(str(error)) from error

    def max_candidates(self, wanted: int) -> int:
        return self.request.max_candidates or 4 * wanted + 100

    def filters(self, wanted: int, generated: str | None = None) -> list[Filter]:
        """Cheapest first; near-duplicates last, so that only rows that pass all else are compared.
        `generated` is the column that the model wrote (of pairs the answer, if not stated)."""
        rule = self.request.acceptance
        filters: list[Filter] = []
        lengths = self.seed_lengths if rule.length.match is not LengthMatch.OFF else []
        if lengths and rule.length.match is LengthMatch.RANGE:
            filters.append(LengthRange(lengths, rule.length.slack, self.count.of_row))
        elif lengths:
            filters.append(
                LengthDistribution(lengths, wanted, rule.length.bins, rule.length.slack, self.count.of_row)
            )
        if rule.refusals:
            pairs = self.request.kind is DatasetKind.QA
            filters.append(Refusals(generated or ("answer" if pairs else None)))
        filters += self._held_out
        if rule.near_duplicate is not None:
            filters.append(NearDuplicates(rule.near_duplicate))
        return filters


def seed_texts(request: GenerationRequest, inputs: Inputs) -> list[str]:
    """What a row's text is as long as: of the examples the same part."""
    part = "text"
    if request.strategy is Strategy.ANSWERS:
        part = "answer" if request.kind is DatasetKind.QA else "completion"
    return [example[part] for example in inputs.examples]


def levels_of(request: GenerationRequest) -> list[Level]:
    """The request's levels; one without a name when it has none."""
    return request.levels or [Level.model_construct(name="", topic_count=None, replaced=None)]


def stage_for(recipe: Recipe, level: Level) -> Stage:
    """The stage that makes one level's rows. Raises `InvalidRequest` when the inputs do not suffice."""
    return _STAGES[recipe.request.strategy](recipe, level)


def row_parser(
    request: GenerationRequest, shape: tuple[int, int], real: Sequence[str] = ()
) -> Callable[[str, str], dict[str, Any]]:
    """(answer, context id) → row of the request's kind; raises `Unparsable`. `shape`: sentences of a
    completion row, and of its completion; `real` rows show what is no chatter among their like."""
    parse = _form_parser(request, shape)
    return without_chatter(parse, real) if request.acceptance.chatter else parse


def _form_parser(request: GenerationRequest, shape: tuple[int, int]) -> Callable[[str, str], dict[str, Any]]:
    if request.kind is DatasetKind.TEXT:
        return lambda text, context_id: text_row(text)
    if request.kind is DatasetKind.COMPLETION:
        return lambda text, context_id: completion_row(text, *shape)
    if request.structured:
        return structured_pair
    plain = request.format is Format.PLAIN  # the plain prompt ends with “Question: ”
    return lambda text, context_id: pair_row(f"Question: {text}" if plain else text, context_id)


def _turns(recipe: Recipe, level: Level) -> TopicTurns:
    request = recipe.request
    try:
        topics = level_topics(recipe.inputs.topics, level.topic_count or request.topic_count, request.seed)
    except ValueError as error:
        raise InvalidRequest(str(error)) from error
    balanced = request.topic_order is TopicOrder.BALANCED
    return TopicTurns(topics, balanced=balanced, seed=request.seed)


def _topic_guided(recipe: Recipe, level: Level) -> Stage:
    request, inputs = recipe.request, recipe.inputs
    assert request.rows is not None
    qa = request.kind is DatasetKind.QA
    if qa and not inputs.contexts:
        raise InvalidRequest("kind qa asks about contexts, and the dataset of examples has none")
    settings = TopicGuidedSettings(
        seed=request.seed,
        task=request.task,
        sentences=recipe.shape[0],
        examples_per_prompt=request.examples_per_prompt,
        parse=row_parser(request, recipe.shape, seed_texts(request, inputs)),
        text_of=partial(row_text, request.kind),
        lengths=recipe.seed_lengths,
        length_unit=recipe.count.unit,
        schema=recipe.held_to(Pair),
        extra=_level_column(level),
        titled=not request.acceptance.chatter or have_titles(seed_texts(request, inputs)),
    )
    return TopicGuided(
        level.name or "rows",
        request.rows,
        recipe.max_candidates(request.rows),
        _turns(recipe, level),
        inputs.examples,
        Targets(recipe.targets),
        recipe.params(),
        recipe.prompts(str(request.kind), QA_VARIABLES if qa else VARIABLES),
        settings,
        filters=recipe.filters(request.rows),
        contexts=inputs.contexts if qa else None,
    )


def _paraphrase(recipe: Recipe, level: Level) -> Stage:
    request, inputs, rule = recipe.request, recipe.inputs, recipe.request.paraphrase
    if not inputs.contexts:
        raise InvalidRequest("strategy paraphrase asks about contexts, and the dataset of examples has none")
    if request.acceptance.length.match is LengthMatch.DISTRIBUTION:
        raise InvalidRequest(
            "strategy paraphrase judges each context by itself: length.match must be range or off"
        )
    most = len(inputs.contexts) * rule.per_context
    if recipe.wanted > most:
        raise InvalidRequest(
            f"rows is {recipe.wanted}, and {len(inputs.contexts)} contexts with per_context "
            f"{rule.per_context} make {most}: ask for fewer rows, or for more of each context"
        )
    contexts = dict(list(inputs.contexts.items())[: -(-recipe.wanted // rule.per_context)])
    replaced = rule.replaced if level.replaced is None else level.replaced
    settings = ParaphraseSettings(
        seed=request.seed,
        task=request.task,
        per_context=rule.per_context,
        paraphrases=rule.paraphrases,
        replaced=recipe.replaced or (lambda context: replaced),
        of_real=rule.paraphrase_of == "real",
        examples_per_prompt=request.examples_per_prompt,
        parse=row_parser(request, recipe.shape, seed_texts(request, inputs)),
        parse_question=structured_question if request.structured else question_only,
        schema=recipe.held_to(Pair),
        question_schema=recipe.held_to(NewQuestion),
        text_of=partial(row_text, request.kind),
        count=recipe.count,
        filters=lambda: recipe.filters(rule.per_context),
        question_filters=[
            judge
            for judge in recipe.filters(rule.per_context, "question")
            if not isinstance(judge, NearDuplicates)  # paraphrases are alike by their nature
        ],
        extra=_level_column(level),
    )
    own = request.templates
    return Paraphrase(
        level.name or "rows",
        contexts,
        inputs.examples,
        Targets(recipe.targets),
        recipe.params(),
        recipe.prompts("qa", QA_VARIABLES),
        recipe.bundled("paraphrase", PARAPHRASE_VARIABLES, own.paraphrase),
        settings,
    )


def _answers(recipe: Recipe, level: Level) -> Stage:
    request, inputs = recipe.request, recipe.inputs
    if request.kind is DatasetKind.QA and inputs.prompts_kind is not DatasetKind.QA:
        raise InvalidRequest("kind qa needs prompts of kind qa")
    wanted = recipe.wanted
    if wanted > len(inputs.prompts):
        raise InvalidRequest(f"rows is {wanted}, and there are {len(inputs.prompts)} prompts to answer")
    if not wanted:
        raise InvalidRequest("the dataset of prompts has no rows: there is nothing to answer")
    rule = request.answers
    settings = AnswerSettings(request.seed, request.kind, rule.assign, rule.keep_cut, _level_column(level))
    system = request.templates.system or rule.system
    return Answers(
        level.name or "rows",
        wanted,
        inputs.prompts,
        inputs.prompt_contexts,
        Targets(recipe.targets),
        recipe.params(),
        recipe.prompts("answer", ANSWER_VARIABLES, system=system),
        settings,
        filters=recipe.filters(wanted),
    )


def _styles(recipe: Recipe, level: Level) -> Stage:
    request, rule = recipe.request, recipe.request.styles
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
        extra=_level_column(level),
    )
    return Styles(
        level.name or "rows",
        request.rows,
        recipe.max_candidates(request.rows),
        _turns(recipe, level),
        Targets(recipe.targets),
        recipe.params(),
        recipe.prompts("styles", STYLE_VARIABLES),
        settings,
        filters=recipe.filters(request.rows),
    )


def _level_column(level: Level) -> dict[str, str]:
    return {"level": level.name} if level.name else {}


_STAGES: dict[Strategy, Callable[[Recipe, Level], Stage]] = {
    Strategy.TOPIC_GUIDED: _topic_guided,
    Strategy.PARAPHRASE: _paraphrase,
    Strategy.ANSWERS: _answers,
    Strategy.STYLES: _styles,
}
