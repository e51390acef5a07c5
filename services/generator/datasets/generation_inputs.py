"""A generation request with everything that its stages are made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import BaseModel

from services.generator.calls.call import Params
from services.generator.calls.target import Target
from services.generator.engine.filters.contamination import ContaminationFilter
from services.generator.engine.filters.length import LengthDistribution, LengthRange, length_bounds
from services.generator.engine.filters.near_duplicate import NearDuplicateFilter
from services.generator.engine.filters.refusals import Refusals
from services.generator.engine.stage import Filter
from services.generator.errors import BadPromptTemplate
from services.generator.inputs.values import Inputs
from services.generator.strategies.echo import Echo
from services.generator.strategies.parse import Shape, usual_shape
from services.generator.strategies.prompts import BadTemplate, Prompts, load_prompts
from services.generator.strategies.structured_pairs import (
    limited,
)
from services.generator.text.tokens import TokenCounter, WordCounter
from shared.contracts.datasets import DatasetKind
from shared.contracts.fields import MOST_FOLLOWING, USUAL_TOKENS
from shared.contracts.generation.acceptance import LengthMatch
from shared.contracts.generation.limits import default_candidates
from shared.contracts.generation.prompts import Format
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.strategies import Strategy

TOKENS_IN = {"words": 1.5, "characters": 1.0, "tokens": 1.0}
"""Of a model's tokens in a unit of length, at most as a rule (English has 1.3 to 1.4 in a word; a letter of
Chinese or Japanese has up to one)."""
BESIDE_A_ROW = 8
"""Tokens: a label, and the end mark."""
STOPS: dict[tuple[Format, DatasetKind], tuple[str, ...]] = {
    (Format.PLAIN, DatasetKind.TEXT): ("\n",),
    (Format.PLAIN, DatasetKind.COMPLETION): ("\n",),
    (Format.PLAIN, DatasetKind.QA): ("\n\n",),
}


@dataclass(frozen=True)
class GenerationInputs:
    """`inputs` are the rows and topics that the request reads, `targets` the models that it asks; `count`
    counts tokens for length matching."""

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
    def shape(self) -> Shape:
        """Sentences of a `completion` row: exactly as asked for, else as the examples have them."""
        if self.request.sentences is not None:
            return Shape.exactly(self.request.sentences)
        if self.request.kind is not DatasetKind.COMPLETION:
            return Shape.exactly(2)
        return usual_shape(self.inputs.examples, self.request.acceptance.length.slack)

    @cached_property
    def seed_lengths(self) -> list[int]:
        return self.count.all(self.seed_texts)

    @property
    def seed_texts(self) -> list[str]:
        return seed_texts(self.request, self.inputs)

    @cached_property
    def _held_out(self) -> list[Filter]:
        rule, held_out = self.request.acceptance, self.inputs.held_out
        return [ContaminationFilter(held_out, rule.held_out_words, rule.held_out_share)] if held_out else []

    def params(self) -> Params:
        request = self.request
        stops = STOPS.get((request.format, request.kind), ())
        return Params.of(request, stops, self._tokens_of_a_row)

    @property
    def _tokens_of_a_row(self) -> int:
        """Of the longest row that acceptance takes, where it says which that is."""
        rule = self.request.acceptance.length
        if rule.match is LengthMatch.OFF or not self.seed_lengths or self.request.kind is DatasetKind.QA:
            return USUAL_TOKENS
        longest = length_bounds(self.seed_lengths, rule.slack)[1]
        return min(math.ceil(longest * TOKENS_IN[self.count.unit]) + BESIDE_A_ROW, MOST_FOLLOWING)

    @property
    def echo(self) -> Echo | None:
        words = self.request.acceptance.echo_words
        return None if words is None else Echo(words)

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
        return self.request.max_candidates or default_candidates(wanted)

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
            filters.append(NearDuplicateFilter(rule.near_duplicate))
        return filters


def seed_texts(request: GenerationRequest, inputs: Inputs) -> list[str]:
    """What a row's text is as long as: of the examples the same part."""
    part = "text"
    if request.strategy is Strategy.ANSWERS:
        part = {DatasetKind.QA: "answer", DatasetKind.CHAT: "text"}.get(request.kind, "completion")
    return [example[part] for example in inputs.examples]
