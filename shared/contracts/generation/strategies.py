"""How rows are made, and the doses of diversity that are made of them."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from shared.contracts.base import Contract
from shared.contracts.generation.fields import Name, ShortText

W_TOPIC_COUNTS = (20, 100, 300, 1_000, 3_000, 6_000, 10_000)
"""Topics of Gen-D0..D6 (W, story completion)."""
W_REPLACED = (30, 25, 20, 15, 10, 5, 0)
"""Generated pairs per context replaced by paraphrases in Gen-D0..D6 (W, question answering)."""


class Strategy(StrEnum):
    TOPIC_GUIDED = "topic_guided"
    PARAPHRASE = "paraphrase"
    ANSWERS = "answers"
    STYLES = "styles"


class TopicOrder(StrEnum):
    RANDOM = "random"
    BALANCED = "balanced"


class ParaphraseRule(Contract):
    """W's paraphrase augmentation of long-context question answering.

    Per context K pairs are generated; r = m_r / m_p of them are each written anew m_p times, and these m_r
    paraphrases take the place of m_r generated pairs. Eq. 3 of W keeps K only if the r source pairs are
    themselves among those that give way (Gen-D0: 6 questions × 5 paraphrases): so it is here, K is always
    kept. The question is paraphrased; its answer stays.
    """

    per_context: int = Field(default=30, ge=1, le=1_000, description="K, pairs for each context.")
    paraphrases: int = Field(default=5, ge=1, le=100, description="m_p, paraphrases of each chosen pair.")
    replaced: int = Field(default=0, ge=0, le=1_000, description="m_r, pairs that give way; 0: none (D6).")
    paraphrase_of: Literal["generated", "real"] = Field(
        default="generated",
        description="What is paraphrased: generated pairs (W eq. 3) or the real ones (W eq. 1).",
    )

    @model_validator(mode="after")
    def _groups_are_whole(self) -> Self:
        check_replaced(self, self.replaced)
        return self


def check_replaced(rule: ParaphraseRule, replaced: int) -> None:
    """Raises ValueError unless `replaced` pairs are whole groups of paraphrases and leave K as it is."""
    if replaced > rule.per_context or replaced % rule.paraphrases:
        raise ValueError(
            f"replaced ({replaced}) must be a multiple of paraphrases ({rule.paraphrases}) and at most "
            f"per_context ({rule.per_context})"
        )


class AnswerRule(Contract):
    """E's answers to given prompts."""

    assign: Literal["single", "chunk", "weight"] = Field(
        default="single",
        description="`single`: the first source answers all; `chunk`: one contiguous part for each source; "
        "`weight`: each prompt's source is drawn with the sources' weights.",
    )
    system: str | None = Field(default="You are a helpful assistant.", max_length=20_000, description="E's.")
    keep_cut: bool = Field(
        default=True, description="Whether an answer that max_tokens cut is kept (E's limit, 1024, is a cap)."
    )


class StyleTemplate(StrEnum):
    TOPIC = "topic"
    STYLES = "topic_styles"
    PERSONA = "topic_styles_persona"
    MULTI_TOPIC = "multi_topic_styles_persona"


class StyleRule(Contract):
    """C's prompt templates: passages and a multiple-choice question, as structured output."""

    template: StyleTemplate = StyleTemplate.TOPIC
    styles: list[ShortText] = Field(
        default=["textbook narrative", "textbook academic", "blog post", "wikihow"],
        min_length=1,
        max_length=100,
    )
    personas: list[ShortText] = Field(default=[], max_length=100_000, description="Empty: the bundled ones.")
    topics_per_prompt: int = Field(default=3, ge=2, le=20, description="Multi-topic only.")
    passages: tuple[int, int] = Field(default=(3, 5), description="Fewest and most passages in an answer.")
    structured: bool = Field(
        default=True, description="Whether the server is made to keep to the JSON schema (vLLM, OpenAI)."
    )

    @model_validator(mode="after")
    def _passages_are_a_range(self) -> Self:
        fewest, most = self.passages
        if not 1 <= fewest <= most <= 100:
            raise ValueError(f"passages ({fewest} to {most}) must be a range within 1 to 100")
        return self


class Level(Contract):
    """One dose of diversity. What is left out is the request's own value."""

    name: Name
    topic_count: int | None = Field(default=None, ge=1, le=1_000_000)
    replaced: int | None = Field(default=None, ge=0, le=1_000)


def w_levels(strategy: Strategy) -> list[Level]:
    """Gen-D0..D6 as W has them: topic counts for topic-guided rows, replaced pairs for paraphrased ones."""
    if strategy is Strategy.PARAPHRASE:
        return [Level(name=f"Gen-D{i}", replaced=replaced) for i, replaced in enumerate(W_REPLACED)]
    return [Level(name=f"Gen-D{i}", topic_count=count) for i, count in enumerate(W_TOPIC_COUNTS)]
