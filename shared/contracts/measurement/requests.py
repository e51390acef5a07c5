"""Requests for measurements, and how their values are estimated."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from shared.contracts.base import ArtifactId, ArtifactKind, Contract, JobRequest, Queue
from shared.contracts.chats import Turns
from shared.contracts.contamination import HELD_SHARE, NGRAM_WORDS, HeldShare, NgramWords
from shared.contracts.fields import Seed
from shared.contracts.measurement.metrics import (
    DEFAULT_METRICS,
    HASHED_NGRAMS,
    MEASURES_VERSION,
    SHIFT,
    EmbeddingName,
    Metric,
    RunName,
    TokenizerName,
)
from shared.contracts.measurement.results import (
    AgentScoreSummary,
    ComparisonSummary,
    EmbeddingSummary,
    MeasurementSummary,
)

GroupField = Annotated[str, StringConstraints(pattern=r"^[^.\s]+(\.[^.\s]+){0,7}$", max_length=200)]

PictureName = Literal["lengths", "vocabulary_growth", "coverage", "map_pca", "map_tsne"]
"""Of one dataset, beside its reference."""


def _listed(asked: object) -> object:
    return [asked] if asked == Metric.DEFAULT else asked


class MeasureOptions(Contract):
    """How values are estimated. Every field that changes a value is here, and is told with the value."""

    metrics: Annotated[list[Metric], BeforeValidator(_listed)] = Field(
        default=[Metric.DEFAULT],
        min_length=1,
        max_length=40,
        description='What to measure; `"default"` alone may stand without a list around it.',
    )
    tokenizer: TokenizerName = Field(
        default="words",
        description="How lexical measures split texts: `words` (lower-cased runs of letters with their marks "
        "and digits; in scripts that put no spaces between words each letter) or another named tokenizer.",
    )
    turns: Turns = Field(default="assistant", exclude_if=lambda turns: turns == "assistant")
    max_order: int = Field(default=5, ge=1, le=10, description="Distinct-n and entropies for n = 1 … this.")
    self_bleu: Literal["nltk", "sacrebleu"] = Field(
        default="nltk",
        description="Convention of Self-BLEU: `nltk` smooths by method 1 and lies between 0 and 1; "
        "`sacrebleu` smooths exponentially, with effective order, and lies between 0 and 100.",
    )
    embedding: EmbeddingName = Field(
        default=HASHED_NGRAMS,
        description="The embedding of semantic measures and shifts: `hashed-ngrams` (built in; sees words, "
        "not meaning) or the name of a sentence-transformers model that the server knows.",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="Of the embedding model."
    )
    vendi_orders: list[Annotated[float, Field(ge=0, le=1000)] | Literal["inf"]] = Field(
        default=[1.0, 2.0], min_length=1, max_length=10, description="Orders q of the Vendi score."
    )
    dcscore_temperature: float = Field(default=1.0, gt=0, le=1000, description="τ of DCScore.")
    clusters: int | None = Field(
        default=None,
        ge=2,
        le=20_000,
        description="Clusters of k-means measures; one for each 20 rows of the smaller set, 2 to 100, where "
        "unset.",
    )
    codebook_fitted_on: Literal["both", "reference"] = Field(
        default="both", description="What the centroids of the embedding shift are fitted on."
    )
    smoothing: float = Field(default=0.5, ge=0, le=100, description="Added to every bin before KL.")
    permutations: int = Field(default=500, ge=19, le=10_000, description="Relabellings behind MMD's p-value.")
    relabellings: int = Field(
        default=199,
        ge=19,
        le=10_000,
        description="Relabellings that say what no shift looks like, beside every other measure of shift.",
    )
    group_by: GroupField | None = Field(
        default=None,
        description="The field (dotted, as in `origin.topic`) that names what a row came from, on both "
        "sides: a "
        "prompt, a context, the row it paraphrases. Rows of one value are one draw in intervals, are held "
        "out "
        "together, and change sides within their pair only. Unset: `context_id`, the context that is "
        "completed, "
        "or the prompt's hash, where rows have them.",
    )
    near_duplicate_similarity: float = Field(
        default=0.7,
        gt=0,
        le=1,
        description="Jaccard similarity of word shingles from which rows are near duplicates.",
    )
    shingle: int = Field(default=3, ge=1, le=20, description="Words in a shingle of near-duplicates.")
    embedding_duplicate_similarity: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="Cosine similarity of embeddings from which rows are near duplicates; what it takes for "
        "such among different real rows stands beside the share.",
    )
    neighbours: int = Field(
        default=5, ge=1, le=100, description="k of coverage, density, precision and recall."
    )
    echo_words: NgramWords = Field(
        default=NGRAM_WORDS,
        description="Words in a row that a row must have in common with its own prompt to repeat it.",
    )
    contamination_order: NgramWords = Field(
        default=NGRAM_WORDS,
        description="n of the n-grams that test rows are known by, in words, whatever the tokenizer; a "
        "shorter row is compared as a whole.",
    )
    contamination_share: HeldShare = Field(
        default=HELD_SHARE,
        description="A row that holds this share of a test row's n-grams is contaminated.",
    )
    semantic_rows: int = Field(
        default=5000,
        ge=2,
        le=1_000_000,
        description="At most so many rows (a seeded sample) are embedded; 5,000 is what the papers sample.",
    )
    level: float = Field(default=0.95, gt=0, lt=1, description="Confidence level of intervals.")
    seed: Seed = 42

    def chosen(self, *, reference: bool, test: bool, prompts: bool) -> list[Metric]:
        """The measures to take, each once: `default` written out, as far as there is a reference, a test, or
        the prompts of rows."""
        usual = [metric for metric in DEFAULT_METRICS if reference or metric not in SHIFT]
        usual = [metric for metric in usual if prompts or metric is not Metric.ECHO]
        usual += [Metric.CONTAMINATION] if test else []
        asked = [usual if metric is Metric.DEFAULT else [metric] for metric in self.metrics]
        return list(dict.fromkeys(metric for metrics in asked for metric in metrics))

    def require(self, *, reference: bool, test: bool) -> None:
        """Raises ValueError when a measure by name needs a dataset that the request does not have."""
        lacking = sorted(set(self.metrics) & SHIFT)
        if lacking and not reference:
            raise ValueError(f"{', '.join(lacking)} need a reference")
        if Metric.CONTAMINATION in self.metrics and not test:
            raise ValueError("contamination needs a test dataset")


class MeasurementRequest(JobRequest, MeasureOptions):
    """Measure one dataset: its diversity and quality and, beside a reference, its shift from that."""

    operation: ClassVar[str] = "measure"
    version: ClassVar[int] = MEASURES_VERSION
    produces: ClassVar[ArtifactKind] = ArtifactKind.MEASUREMENT
    queue: ClassVar[Queue] = Queue.MEASURE
    result: ClassVar[type[MeasurementSummary]] = MeasurementSummary

    dataset: ArtifactId
    reference: ArtifactId | None = Field(
        default=None, description="The real dataset that shift is measured from."
    )
    test: ArtifactId | None = Field(
        default=None, description="The test set that must not be found in the dataset."
    )
    pictures: bool | Annotated[list[PictureName], Field(max_length=5)] = Field(
        default=True,
        description="Draw these pictures; `true`: every one but the t-SNE map, which takes longer than all "
        "measures together.",
    )

    def input_artifacts(self) -> dict[str, str]:
        named = {"dataset": self.dataset, "reference": self.reference, "test": self.test}
        return {role: artifact for role, artifact in named.items() if artifact is not None}

    @model_validator(mode="after")
    def _has_what_its_metrics_need(self) -> Self:
        self.require(reference=self.reference is not None, test=self.test is not None)
        return self


class ComparisonRequest(JobRequest, MeasureOptions):
    """Measure a group of datasets together, at equal size, each value also relative to the group's
    maximum."""

    operation: ClassVar[str] = "compare"
    version: ClassVar[int] = MEASURES_VERSION
    produces: ClassVar[ArtifactKind] = ArtifactKind.MEASUREMENT
    queue: ClassVar[Queue] = Queue.MEASURE
    result: ClassVar[type[ComparisonSummary]] = ComparisonSummary

    datasets: dict[RunName, ArtifactId] = Field(
        min_length=2, max_length=50, description="The group, by name."
    )
    reference: ArtifactId | None = Field(
        default=None, description="The real dataset that shift is measured from."
    )
    equal: Literal["rows", "tokens", "none"] = Field(
        default="rows",
        description="Distinct-n, Vendi and Self-BLEU all move with size: larger datasets are cut to the "
        "smallest, by rows or by tokens, unless told not to.",
    )
    draws: int = Field(
        default=5, ge=1, le=100, description="Seeded cuts that a cut dataset's value is the mean of."
    )
    pictures: bool = True

    def input_artifacts(self) -> dict[str, str]:
        group = {f"datasets/{name}": artifact for name, artifact in self.datasets.items()}
        return group | ({"reference": self.reference} if self.reference else {})

    @model_validator(mode="after")
    def _has_what_its_metrics_need(self) -> Self:
        self.require(reference=self.reference is not None, test=False)
        return self


class EmbeddingRequest(JobRequest):
    """Embed a dataset once; every measurement of it reads the result."""

    operation: ClassVar[str] = "embed"
    version: ClassVar[int] = 2
    produces: ClassVar[ArtifactKind] = ArtifactKind.MEASUREMENT
    queue: ClassVar[Queue] = Queue.MEASURE
    result: ClassVar[type[EmbeddingSummary]] = EmbeddingSummary

    dataset: ArtifactId
    embedding: EmbeddingName = HASHED_NGRAMS
    precision: Literal["float32", "bfloat16"] = "float32"
    rows: int = Field(default=5000, ge=2, le=1_000_000, description="At most so many rows, a seeded sample.")
    turns: Turns = Field(default="assistant", exclude_if=lambda turns: turns == "assistant")
    seed: Seed = 42

    def input_artifacts(self) -> dict[str, str]:
        return {"dataset": self.dataset}


class AgentScoreRequest(JobRequest):
    """Score the raw runs of an LLM cluster-agent again: its diversity score D with a bootstrap interval.

    `runs` is the artifact of a `cluster_agent` measurement. Its part `runs.jsonl` has a line for each
    clustering: {"texts": [rows shown], "clusters": [{"members": […]}], "verdicts": [{"cluster", "valid"}]}.
    """

    operation: ClassVar[str] = "score_clusterings"
    version: ClassVar[int] = 1
    produces: ClassVar[ArtifactKind] = ArtifactKind.MEASUREMENT
    queue: ClassVar[Queue] = Queue.MEASURE
    result: ClassVar[type[AgentScoreSummary]] = AgentScoreSummary

    runs: ArtifactId
    level: float = Field(default=0.95, gt=0, lt=1, description="Confidence level of the interval.")
    seed: Seed = 42

    def input_artifacts(self) -> dict[str, str]:
        return {"runs": self.runs}
