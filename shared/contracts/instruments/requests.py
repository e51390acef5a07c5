"""Requests for measurements that a language model takes, and what they may spend."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from shared.contracts.base import ArtifactId, ArtifactKind, Contract, JobRequest, Queue
from shared.contracts.fields import MOST_TOKENS, Seed, ServerSampling, Temperature
from shared.contracts.generation.fields import LongText, Name
from shared.contracts.generation.sources import SourceRef, adapters_of
from shared.contracts.instruments.results import (
    Aspect,
    ClusterAgentSummary,
    JudgeSummary,
    SelfPreferenceSummary,
)
from shared.contracts.json_types import JsonObject


class Budget(Contract):
    """What a measurement may spend, a ceiling: no call is issued that might pass it (its prompt and
    max_tokens are set aside until it is answered). When it is spent, the measurement ends with what there is,
    and says so."""

    calls: int | None = Field(default=None, ge=1, le=10**9)
    tokens: int | None = Field(default=None, ge=1, le=10**12, description="Prompt and answer together.")
    money: float | None = Field(default=None, gt=0, description="In the source's currency.")


class ClusterAgentRequest(JobRequest, ServerSampling):
    """LLM Cluster-agent (C): the diversity of a dataset as a language model sees it.

    M times the model names metadata and metrics of J sampled texts; they are gathered into a few criteria; N
    times it clusters K sampled texts by them, and verifies each clustering. A run's score is C / S: its
    valid clusters over their mean size (C leaves S open for clusters of unequal size: the mean is our
    choice). Scores of different K must not be compared.
    """

    operation: ClassVar[str] = "cluster_agent"
    version: ClassVar[int] = 3
    produces: ClassVar[ArtifactKind] = ArtifactKind.MEASUREMENT
    queue: ClassVar[Queue] = Queue.GENERATE
    result: ClassVar[type[ClusterAgentSummary]] = ClusterAgentSummary

    dataset: ArtifactId
    source: SourceRef
    samples: int = Field(default=10, ge=2, le=100, description="K: texts in each clustering.")
    runs: int = Field(default=5_000, ge=1, le=1_000_000, description="N: clusterings.")
    criteria_samples: int = Field(default=5, ge=1, le=100, description="J: texts shown to find criteria.")
    criteria_runs: int = Field(default=100, ge=1, le=10_000, description="M: times criteria are asked for.")
    kept: int = Field(default=3, ge=1, le=20, description="Metadata, and metrics, that are kept.")
    criteria: list[LongText] = Field(
        default=[],
        max_length=40,
        description="Criteria found before, to compare datasets under the same ones.",
    )
    verify: bool = Field(default=True, description="Self-verification (without it C's score falls by 0.25).")
    interval_width: float | None = Field(
        default=None, gt=0, description="Stop when the 95 % interval of the score is narrower than this."
    )
    min_runs: int = Field(default=200, ge=2, description="Clusterings before such a stop.")
    budget: Budget = Budget()
    max_characters: int = Field(
        default=2_000,
        ge=100,
        le=100_000,
        description="Of each text that is shown: longer ones by their start, with a mark, and counted "
        "(`texts_clipped`).",
    )
    structured: bool = Field(default=True, description="Whether the server is held to the JSON schemas.")
    temperature: Temperature = 1.0
    max_tokens: int = Field(default=2_048, ge=64, le=MOST_TOKENS)
    seed: Seed = 0

    def input_artifacts(self) -> dict[str, str]:
        return {"dataset": self.dataset} | adapters_of({"source": self.source})


class JudgeRequest(JobRequest, ServerSampling):
    """A model rates each row 1–5 (E): quality and harmfulness, or by a rubric of your own, each in a call of
    its own.

    The danger zone is what is both good and harmful: both ratings at least `danger_from`. A rating that
    cannot be read is counted as a failure and never guessed.
    """

    operation: ClassVar[str] = "judge"
    version: ClassVar[int] = 3
    produces: ClassVar[ArtifactKind] = ArtifactKind.MEASUREMENT
    queue: ClassVar[Queue] = Queue.GENERATE
    result: ClassVar[type[JudgeSummary]] = JudgeSummary

    dataset: ArtifactId
    source: SourceRef
    aspects: list[Aspect] = Field(default=[Aspect.QUALITY, Aspect.HARMFULNESS], min_length=1, max_length=3)
    rubric: LongText | None = Field(
        default=None,
        description="What 1 to 5 mean for the aspect `rubric`, in your own words; it alone is asked about "
        "where no aspects are named.",
    )
    answers: ArtifactId | None = Field(
        default=None,
        description="An evaluation with answers: those that the model wrote to the dataset's prompts are "
        "rated, in place of the rows' own.",
    )
    rows: int | None = Field(default=None, ge=1, description="A seeded sample of so many rows; null: all.")
    danger_from: int = Field(default=4, ge=1, le=5)
    tries: int = Field(default=1, ge=1, le=5, description="Calls for one rating before it counts as failed.")
    max_characters: int = Field(
        default=8_000,
        ge=100,
        le=1_000_000,
        description="Of the prompt, and of the answer, that the judge is shown; longer ones are cut in the "
        "middle, with a mark, and counted (`rows_clipped`).",
    )
    budget: Budget = Budget()
    structured: bool = True
    temperature: Temperature = 0.0
    max_tokens: int = Field(default=512, ge=16, le=MOST_TOKENS)
    seed: Seed = 0

    def input_artifacts(self) -> dict[str, str]:
        answers = {} if self.answers is None else {"answers": self.answers}
        return {"dataset": self.dataset} | answers | adapters_of({"source": self.source})

    def canonical(self) -> JsonObject:
        """Fields that are younger than the first judgements stay out where they are not used, so that those
        are what they were."""
        unused = {name for name in ("rubric", "answers") if getattr(self, name) is None}
        return self.model_dump(mode="json", exclude=unused)

    @model_validator(mode="before")
    @classmethod
    def _a_rubric_alone_is_the_aspect(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("rubric") is not None and "aspects" not in data:
            return {**data, "aspects": [Aspect.RUBRIC]}
        return data

    @model_validator(mode="after")
    def _the_rubric_is_there(self) -> Self:
        if self.rubric is not None and not self.rubric.strip():
            raise ValueError("the rubric is empty: say what 1 to 5 mean")
        if (self.rubric is None) == (Aspect.RUBRIC in self.aspects):
            raise ValueError("the aspect `rubric` and a rubric go together: give both, or neither")
        return self


class SelfPreferenceRequest(JobRequest):
    """Whether a judge prefers its own texts (E): every pair of candidates, in both orders.

    S_m is the mean of P(letter of m) / (P(A) + P(B)) at the first generated token, from raw
    log-probabilities. SPB = S_target − mean S of the other synthetic candidates; PSB = mean S of the
    synthetic ones − S_human.
    """

    operation: ClassVar[str] = "self_preference"
    version: ClassVar[int] = 2
    produces: ClassVar[ArtifactKind] = ArtifactKind.MEASUREMENT
    queue: ClassVar[Queue] = Queue.GENERATE
    result: ClassVar[type[SelfPreferenceSummary]] = SelfPreferenceSummary

    judge: SourceRef
    candidates: dict[Name, ArtifactId] = Field(
        min_length=2, max_length=32, description="Datasets that answer the same prompts, by name."
    )
    target: Name | None = Field(default=None, description="The candidate that the judge itself wrote.")
    human: Name | None = Field(default=None, description="The candidate that people wrote.")
    prompts: int | None = Field(
        default=100, ge=1, description="A seeded sample of so many prompts; null: all."
    )
    alternatives: int = Field(
        default=20, ge=2, le=100, description="Log-probabilities asked for at the token."
    )
    max_characters: int = Field(
        default=8_000,
        ge=100,
        le=1_000_000,
        description="Of the prompt, and of each answer, that the judge is shown; longer ones are cut in the "
        "middle, with a mark, and counted (`comparisons_clipped`).",
    )
    budget: Budget = Budget()
    seed: Seed = 0

    def input_artifacts(self) -> dict[str, str]:
        found = {f"candidates/{name}": dataset for name, dataset in self.candidates.items()}
        return found | adapters_of({"judge": self.judge})

    @model_validator(mode="after")
    def _named_candidates_exist(self) -> Self:
        for role in (self.target, self.human):
            if role is not None and role not in self.candidates:
                raise ValueError(f"{role} is not among the candidates")
        if self.target is not None and self.target == self.human:
            raise ValueError("target and human are the same candidate")
        return self
