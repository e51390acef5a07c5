"""Measurements: what to measure on a dataset, and the shape in which values come back."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from shared.contracts.base import ArtifactId, ArtifactKind, Contract, JobRequest, Queue
from shared.contracts.contamination import HELD_SHARE, NGRAM_WORDS, HeldShare, NgramWords

HASHED_NGRAMS = "hashed-ngrams"
"""The built-in embedding: needs no model. It hashes word and character n-grams, so it sees words, not
meaning."""

EmbeddingName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$")]
TokenizerName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$")]
RunName = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]


MEASURES_VERSION = 4
"""Raised when a value can change for the same texts and options: values of one version compare."""


class Metric(StrEnum):
    """A measure, or a family that one pass gives together; `default` stands for the usual ones."""

    DEFAULT = "default"

    DISTINCT = "distinct"
    EAD = "ead"
    NGRAM_DIVERSITY = "ngram_diversity"
    ENTROPY = "entropy"
    SELF_BLEU = "self_bleu"
    SENTENCE_DIVERSITY = "sentence_diversity"
    COMPRESSION_RATIO = "compression_ratio"
    SELF_REPETITION = "self_repetition"
    VOCABULARY = "vocabulary"
    HEAPS = "heaps"
    LENGTHS = "lengths"
    HDD = "hdd"
    MTLD = "mtld"

    VENDI = "vendi"
    DCSCORE = "dcscore"
    COSINE_DISTANCE = "cosine_distance"
    REMOTE_CLIQUE = "remote_clique"
    CHAMFER = "chamfer"
    CLUSTERS = "clusters"

    UNIGRAM_SHIFT = "unigram_shift"
    LENGTH_SHIFT = "length_shift"
    EMBEDDING_SHIFT = "embedding_shift"
    MMD = "mmd"
    FRECHET = "frechet"
    MAUVE = "mauve"
    TWO_SAMPLE = "two_sample"

    DUPLICATES = "duplicates"
    NEAR_DUPLICATES = "near_duplicates"
    CONTAMINATION = "contamination"
    REJECTS = "rejects"


LEXICAL = frozenset(
    {
        Metric.DISTINCT, Metric.EAD, Metric.NGRAM_DIVERSITY, Metric.ENTROPY, Metric.SELF_BLEU,
        Metric.SENTENCE_DIVERSITY, Metric.COMPRESSION_RATIO, Metric.SELF_REPETITION, Metric.VOCABULARY,
        Metric.HEAPS, Metric.LENGTHS, Metric.HDD, Metric.MTLD,
    }
)  # fmt: skip
SEMANTIC = frozenset(
    {
        Metric.VENDI, Metric.DCSCORE, Metric.COSINE_DISTANCE, Metric.REMOTE_CLIQUE, Metric.CHAMFER,
        Metric.CLUSTERS,
    }
)  # fmt: skip
EMBEDDED_SHIFT = frozenset(
    {Metric.EMBEDDING_SHIFT, Metric.MMD, Metric.FRECHET, Metric.MAUVE, Metric.TWO_SAMPLE}
)
SHIFT = frozenset({Metric.UNIGRAM_SHIFT, Metric.LENGTH_SHIFT}) | EMBEDDED_SHIFT
QUALITY = frozenset({Metric.DUPLICATES, Metric.NEAR_DUPLICATES, Metric.CONTAMINATION, Metric.REJECTS})

DEFAULT_METRICS = (
    Metric.DISTINCT, Metric.ENTROPY, Metric.SELF_BLEU, Metric.COMPRESSION_RATIO, Metric.SELF_REPETITION,
    Metric.VOCABULARY, Metric.HEAPS, Metric.LENGTHS, Metric.VENDI, Metric.COSINE_DISTANCE,
    Metric.UNIGRAM_SHIFT, Metric.LENGTH_SHIFT, Metric.EMBEDDING_SHIFT, Metric.TWO_SAMPLE,
    Metric.DUPLICATES, Metric.REJECTS,
)  # fmt: skip
"""What `default` stands for: everything cheap, and of the shifts those that say where the shift lies.
Shifts are left out where there is no reference."""


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
    near_duplicate_similarity: float = Field(
        default=0.7,
        gt=0,
        le=1,
        description="Jaccard similarity of word shingles from which rows are near duplicates.",
    )
    shingle: int = Field(default=3, ge=1, le=20, description="Words in a shingle of near-duplicates.")
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

    def chosen(self, *, reference: bool, test: bool) -> list[Metric]:
        """The measures to take, each once: `default` written out, as far as there is a reference or a
        test."""
        usual = [metric for metric in DEFAULT_METRICS if reference or metric not in SHIFT]
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

    dataset: ArtifactId
    reference: ArtifactId | None = Field(
        default=None, description="The real dataset that shift is measured from."
    )
    test: ArtifactId | None = Field(
        default=None, description="The test set that must not be found in the dataset."
    )
    pictures: bool = Field(default=True, description="Draw length distributions, vocabulary growth and maps.")

    def inputs(self) -> dict[str, str]:
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

    def inputs(self) -> dict[str, str]:
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

    dataset: ArtifactId
    embedding: EmbeddingName = HASHED_NGRAMS
    precision: Literal["float32", "bfloat16"] = "float32"
    rows: int = Field(default=5000, ge=2, le=1_000_000, description="At most so many rows, a seeded sample.")
    seed: Seed = 42

    def inputs(self) -> dict[str, str]:
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

    runs: ArtifactId
    level: float = Field(default=0.95, gt=0, lt=1, description="Confidence level of the interval.")
    seed: Seed = 42

    def inputs(self) -> dict[str, str]:
        return {"runs": self.runs}


class MeasuredInterval(Contract):
    """A confidence interval. It covers the chance of which rows were drawn, not a measure's bias at this
    size."""

    low: float
    high: float
    level: float
    method: str = Field(description="How it was made: the method that is right for this measure.")
    standard_error: float | None = None
    bias: float | None = Field(
        default=None,
        description="The jackknife's estimate of how far this size shifts the value, of first order; it is "
        "not taken off the value or the limits.",
    )
    replicates: int | None = Field(
        default=None, description="Resamples, or groups that were left out in turn; unset for a formula."
    )
    seed: int | None = Field(default=None, description="Of the draws, where the method draws.")


class MeasuredValue(Contract):
    """One value and what made it. `value` is null where the measure is undefined; `note` then says why."""

    name: str
    value: float | None
    interval: MeasuredInterval | None = None
    interval_note: str = Field(
        default="", description="Why there is no interval, or what the one there is leaves out."
    )
    estimator: dict[str, str | int | float | bool | None] = Field(
        default={},
        description="Formula, tokenizer, embedding, smoothing, seed: all that this value depends on.",
    )
    moves_with_size: bool = Field(
        default=False, description="Compare it between datasets of equal size only."
    )
    note: str = ""


class Measured(Contract):
    """All values of one dataset, and what lists rather than numbers say (clusters, telling rows,
    duplicates)."""

    rows: int
    tokens: int | None = None
    version: int | None = Field(
        default=None, description="Of the measures: values of the same texts compare within one version only."
    )
    values: list[MeasuredValue]
    details: dict[str, object] = {}


MOST_TEXTS = 20_000
"""Texts (and reference texts) that are measured at once; more are measured as a job."""


class MeasureTextsRequest(MeasureOptions):
    """Texts in, values out, at once. Upload a dataset and post a measurement for more than a few thousand
    texts."""

    texts: list[Annotated[str, StringConstraints(max_length=1_000_000)]] = Field(max_length=MOST_TEXTS)
    reference: list[Annotated[str, StringConstraints(max_length=1_000_000)]] | None = Field(
        default=None, max_length=MOST_TEXTS, description="Real texts that shift is measured from."
    )
    test: list[Annotated[str, StringConstraints(max_length=1_000_000)]] | None = Field(
        default=None, max_length=MOST_TEXTS, description="Test texts that must not be found in the texts."
    )
    contexts: list[Annotated[str, StringConstraints(max_length=1000)]] | None = Field(
        default=None,
        max_length=MOST_TEXTS,
        description="The name of each text's context: Distinct-n is then also summed over contexts.",
    )
    picture: Literal["lengths", "vocabulary_growth", "map_pca", "map_tsne"] | None = Field(
        default=None, description="Also draw this; it comes back as base64 PNG with its data."
    )

    @model_validator(mode="after")
    def _has_what_its_metrics_need(self) -> Self:
        self.require(reference=self.reference is not None, test=self.test is not None)
        if self.contexts is not None and len(self.contexts) != len(self.texts):
            raise ValueError(
                f"contexts names {len(self.contexts)} contexts of {len(self.texts)} texts: one a text"
            )
        return self


class DrawnPicture(Contract):
    """A picture as base64 PNG, and the numbers it shows."""

    name: str
    title: str
    alt: str
    png_base64: str
    data: list[dict[str, str | int | float | None]]


class MeasureTextsResponse(Contract):
    """The values, and the picture that was asked for."""

    measured: Measured
    picture: DrawnPicture | None = None
