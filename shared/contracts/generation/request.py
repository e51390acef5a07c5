"""The request for a generated dataset."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from shared.contracts.base import ArtifactId, ArtifactKind, JobRequest, Queue
from shared.contracts.datasets import DatasetKind
from shared.contracts.fields import Sampling, Seed, Temperature
from shared.contracts.generation.acceptance import Acceptance, LengthUnit
from shared.contracts.generation.dial import DialTarget
from shared.contracts.generation.limits import CANDIDATES_A_ROW, CANDIDATES_BESIDE, TRIES
from shared.contracts.generation.prompts import Format, Templates
from shared.contracts.generation.results import GenerationSummary
from shared.contracts.generation.sources import Sources, adapters_of
from shared.contracts.generation.strategies import (
    AnswerRule,
    Level,
    ParaphraseRule,
    Strategy,
    StyleRule,
    TopicOrder,
    check_replaced,
)


class GenerationRequest(JobRequest, Sampling):
    """Make a dataset of exactly `rows` accepted rows."""

    operation: ClassVar[str] = "generate"
    version: ClassVar[int] = 3
    produces: ClassVar[ArtifactKind] = ArtifactKind.DATASET
    queue: ClassVar[Queue] = Queue.GENERATE
    result: ClassVar[type[GenerationSummary]] = GenerationSummary

    kind: DatasetKind
    strategy: Strategy = Strategy.TOPIC_GUIDED
    rows: int | None = Field(
        default=None, ge=1, le=100_000_000,
        description="Exactly this many are accepted. Null where it follows: `paraphrase` makes K for each "
        "context, `answers` one for each prompt. With `levels`: for each of them.",
    )  # fmt: skip
    max_candidates: int | None = Field(
        default=None,
        ge=1,
        le=10**9,
        description=f"Candidates tried at most; null: {CANDIDATES_A_ROW} × rows + {CANDIDATES_BESIDE}. "
        f"`answers` and `paraphrase` have no such limit: each prompt or pair is tried {TRIES} times.",
    )
    task: str = Field(
        default="short stories",
        min_length=1,
        max_length=2_000,
        description="What is generated, for the prompt.",
    )
    item: str = Field(
        default="",
        max_length=500,
        description="What one row is, with its article: “a short story”. Kinds `text` and `completion`. Weak "
        "models write what is named so, and write about it when they are asked for one of `task`, which is "
        "what the prompt says where this is empty.",
    )
    topics: ArtifactId | None = None
    topic_count: int | None = Field(
        default=None, ge=1, le=1_000_000,
        description="How many topics of the pool (m_t). A smaller level's topics are among a larger one's. "
        "Null: all.",
    )  # fmt: skip
    topic_order: TopicOrder = Field(
        default=TopicOrder.RANDOM,
        description="`random`: each prompt draws one (W); `balanced`: each topic as often as any other (C).",
    )
    examples: ArtifactId | None = Field(
        default=None,
        description="The real dataset whose rows are the few-shot seeds, and whose lengths are matched.",
    )
    examples_per_prompt: int = Field(default=3, ge=0, le=50)
    sentences: int | None = Field(
        default=5, ge=2, le=100,
        description="Kind `completion`: a candidate is a text of this many sentences (W's stories: five); "
        "the last one is the completion, those before it the context. Null: about as many as the examples "
        "have (their 1 % to 99 % quantiles, widened by `acceptance.length.slack`), divided where most of "
        "them are.",
    )  # fmt: skip
    prompts: ArtifactId | None = Field(default=None, description="`answers`: the dataset of prompts.")
    paraphrase: ParaphraseRule = ParaphraseRule()
    answers: AnswerRule = AnswerRule()
    styles: StyleRule = StyleRule()
    levels: list[Level] = Field(
        default=[], max_length=64,
        description="Several doses in one dataset: `rows` for each, its name in the column `level`.",
    )  # fmt: skip
    dial: DialTarget | None = None
    sources: Sources
    format: Format = Format.INSTRUCT
    structured: bool = Field(
        default=False,
        description="Kind `qa`, strategies `topic_guided` and `paraphrase`: whether the server is made to "
        "keep to a JSON schema (vLLM, OpenAI), for models that do not keep to the form by themselves.",
    )
    templates: Templates = Templates()
    temperature: Temperature = Field(default=0.7, description="0.7: W and E.")
    acceptance: Acceptance = Acceptance()
    keep_thoughts: bool = Field(
        default=False,
        description="What a model reasons before it answers is cut off in any case; true: it is kept in the "
        "row's `origin`, as `thought`.",
    )
    seed: Seed = 0

    def input_artifacts(self) -> dict[str, str]:
        named = {
            "topics": self.topics,
            "examples": self.examples,
            "prompts": self.prompts,
            "acceptance/held_out": self.acceptance.held_out,
        }
        found = {role: artifact for role, artifact in named.items() if artifact is not None}
        return found | adapters_of({f"sources/{n}": ref for n, ref in enumerate(self.sources)})

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        needs = {
            Strategy.TOPIC_GUIDED: ("topics", "rows"),
            Strategy.PARAPHRASE: ("examples",),
            Strategy.ANSWERS: ("prompts",),
            Strategy.STYLES: ("topics", "rows"),
        }[self.strategy]
        missing = [name for name in needs if getattr(self, name) is None]
        if missing:
            raise ValueError(f"strategy {self.strategy} needs {' and '.join(missing)}")
        if self.strategy is Strategy.PARAPHRASE and self.kind is not DatasetKind.QA:
            raise ValueError("strategy paraphrase makes question-answer pairs: kind must be qa")
        if self.strategy is Strategy.PARAPHRASE and self.rows and self.rows % self.paraphrase.per_context:
            raise ValueError(f"rows must be a multiple of per_context ({self.paraphrase.per_context})")
        if self.kind is DatasetKind.QA and self.strategy is Strategy.TOPIC_GUIDED and self.examples is None:
            raise ValueError("kind qa needs examples: the dataset whose contexts are asked about")
        if self.structured and (self.kind is not DatasetKind.QA or self.strategy is Strategy.ANSWERS):
            raise ValueError("structured is for question-answer pairs: kind qa, topic_guided or paraphrase")
        if self.strategy is Strategy.ANSWERS and self.kind is DatasetKind.TEXT:
            raise ValueError(
                "strategy answers makes prompts with answers: kind must be completion, qa or chat"
            )
        if self.kind is DatasetKind.CHAT and self.strategy is not Strategy.ANSWERS:
            raise ValueError("kind chat is for strategy answers, which answers the chats of `prompts`")
        if self.strategy is Strategy.STYLES and self.kind is not DatasetKind.TEXT:
            raise ValueError("strategy styles makes passages: kind must be text")
        whole = self.strategy is Strategy.ANSWERS or (
            self.strategy is Strategy.TOPIC_GUIDED and self.kind is not DatasetKind.QA
        )
        if self.acceptance.length.unit is LengthUnit.REPORTED and not whole:
            raise ValueError(
                "acceptance.length.unit reported counts whole answers, and here a row is a part of one: "
                "count by tokenizer or words"
            )
        if self.sentences is None and self.kind is DatasetKind.COMPLETION and self.examples is None:
            raise ValueError("without sentences, examples are needed that show how many there are")
        if self.max_candidates is not None and self.strategy in (Strategy.ANSWERS, Strategy.PARAPHRASE):
            raise ValueError(
                f"strategy {self.strategy} tries each prompt or pair {TRIES} times: no max_candidates"
            )
        if self.max_candidates is not None and self.rows is not None and self.max_candidates < self.rows:
            raise ValueError(
                f"max_candidates ({self.max_candidates}) are too few for {self.rows} rows: each makes one"
            )
        if self.dial is not None and self.levels:
            raise ValueError(
                "dial and levels exclude each other: the dial finds one dose, levels state several"
            )
        for level in self.levels:
            if level.replaced is not None:
                check_replaced(self.paraphrase, level.replaced)
        sources = [(source.name, source.adapter) for source in self.sources]
        if len(set(sources)) < len(sources):
            raise ValueError("a source is named twice: give it one entry, with a weight")
        names = [level.name for level in self.levels]
        if len(set(names)) < len(names):
            raise ValueError("two levels have the same name")
        return self
