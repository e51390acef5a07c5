"""Row operations: each makes a dataset out of datasets, seeded, with every row that was left out accounted
for."""

from __future__ import annotations

from math import floor
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from shared.contracts.base import ArtifactId, ArtifactKind, Contract, JobRequest, Queue
from shared.contracts.contamination import HELD_SHARE, NGRAM_WORDS, HeldShare, NgramWords
from shared.contracts.datasets import DatasetSummary
from shared.contracts.fields import Seed
from shared.contracts.measurement import TokenizerName

RowField = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*){0,3}$")
]
"""A column of a row, dotted into objects: `context_id`, `origin.topic`."""

Unit = Literal["rows", "tokens"]


class MixtureSummary(DatasetSummary):
    """A mixture: `real` and `generated` are amounts in its `unit`, and `rho` is the share they came to."""

    rho: float
    unit: Unit
    real: int
    generated: int


class SplitSummary(DatasetSummary):
    """One of the splits of a dataset."""

    split: str


class DeduplicationSummary(DatasetSummary):
    """What was left out: rows for which another stands, and rows that the test set holds."""

    duplicates: int
    contaminated: int


class _RowOperation(JobRequest):
    version: ClassVar[int] = 2
    produces: ClassVar[ArtifactKind] = ArtifactKind.DATASET
    queue: ClassVar[Queue] = Queue.MEASURE


class MixtureRequest(_RowOperation):
    """Mix real and generated rows at ρ = generated / (real + generated).

    Mixtures of one seed are nested: a higher ρ keeps the generated rows of a lower one and adds to them.
    """

    operation: ClassVar[str] = "mix"
    result: ClassVar[type[MixtureSummary]] = MixtureSummary

    real: ArtifactId
    generated: ArtifactId
    rho: float = Field(ge=0, le=1, description="Share of generated rows (or tokens).")
    mode: Literal["fixed", "additive"] = Field(
        default="fixed",
        description="`fixed`: generated rows take the place of real ones. `additive`: they are added to all "
        "the real rows.",
    )
    unit: Unit = "rows"
    size: int | None = Field(
        default=None,
        ge=1,
        le=10**10,
        description="Of the whole mixture when fixed, of its real part when additive; all of `real` where "
        "unset.",
    )
    stratify_by: RowField | None = Field(default=None, description="Keep this field's values in proportion.")
    tokenizer: TokenizerName = Field(default="words", description="Counts the tokens when `unit` is tokens.")
    seed: Seed = 42

    def input_artifacts(self) -> dict[str, str]:
        return {"real": self.real, "generated": self.generated}

    @model_validator(mode="after")
    def _leaves_room_for_the_real_rows(self) -> Self:
        if self.mode == "additive" and self.rho == 1:
            raise ValueError("rho = 1 leaves no room for the real rows that an additive mixture keeps")
        return self


def added_rows(real: int, rho: float) -> int:
    """Generated rows that an additive mixture adds to so many real ones: ρ/(1 − ρ) times as many, rounded
    half up (`services/metrics/rows/mixing.py` mixes so)."""
    return floor(rho / (1 - rho) * real + 0.5)


class SampleRequest(_RowOperation):
    """A seeded sample; a larger one of the same seed begins with the smaller one's rows."""

    operation: ClassVar[str] = "sample"
    result: ClassVar[type[DatasetSummary]] = DatasetSummary

    dataset: ArtifactId
    size: int | None = Field(default=None, ge=1, le=10**10)
    fraction: float | None = Field(default=None, gt=0, le=1)
    or_all: bool = Field(
        default=False, description="Where there are fewer than `size`, all of them instead of a refusal."
    )
    unit: Unit = "rows"
    stratify_by: RowField | None = None
    tokenizer: TokenizerName = "words"
    seed: Seed = 42

    def input_artifacts(self) -> dict[str, str]:
        return {"dataset": self.dataset}

    @model_validator(mode="after")
    def _has_one_size(self) -> Self:
        if (self.size is None) == (self.fraction is None):
            raise ValueError("give either size or fraction")
        return self


class SplitRequest(_RowOperation):
    """One split of a dataset. Requests that differ in `take` only give splits that share no row and no
    group."""

    operation: ClassVar[str] = "split"
    result: ClassVar[type[SplitSummary]] = SplitSummary

    dataset: ArtifactId
    shares: dict[
        Annotated[str, StringConstraints(min_length=1, max_length=40)], Annotated[float, Field(gt=0, le=1)]
    ] = Field(default={"train": 0.8, "validation": 0.1, "test": 0.1}, min_length=1, max_length=20)
    take: str = Field(default="train", max_length=40, description="Which of the splits this dataset is.")
    group_by: RowField | None = Field(
        default=None,
        description="Rows with one value of this field stay together; `context_id` for `qa` where unset.",
    )
    seed: Seed = 42

    def input_artifacts(self) -> dict[str, str]:
        return {"dataset": self.dataset}

    @model_validator(mode="after")
    def _shares_are_whole(self) -> Self:
        if abs(sum(self.shares.values()) - 1) > 1e-9:
            raise ValueError(f"the shares add up to {sum(self.shares.values())}, not to 1")
        if self.take not in self.shares:
            raise ValueError(f"there is no share for {self.take!r}")
        return self


class RowCondition(Contract):
    """A comparison that a row must meet to be kept. `tokens` is a field every row has: its length."""

    field: RowField
    comparison: Literal[
        "at_least", "at_most", "equals", "not_equals", "in", "not_in", "contains", "not_contains"
    ]
    value: str | bool | int | float | list[str | bool | int | float] | None


class FilterRequest(_RowOperation):
    """Keep the rows that meet every condition."""

    operation: ClassVar[str] = "filter"
    result: ClassVar[type[DatasetSummary]] = DatasetSummary

    dataset: ArtifactId
    conditions: list[RowCondition] = Field(min_length=1, max_length=50)
    tokenizer: TokenizerName = "words"

    def input_artifacts(self) -> dict[str, str]:
        return {"dataset": self.dataset}


class DeduplicationRequest(_RowOperation):
    """Keep one row of each group of duplicates; with `test`, also drop the rows that a test set holds."""

    operation: ClassVar[str] = "deduplicate"
    result: ClassVar[type[DeduplicationSummary]] = DeduplicationSummary

    dataset: ArtifactId
    similarity: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="1: equal texts. Below: Jaccard similarity of word shingles, exact.",
    )
    keep: Literal["first", "longest"] = "first"
    test: ArtifactId | None = None
    contamination_order: NgramWords = Field(
        default=NGRAM_WORDS, description="n of the n-grams compared with the test set, in words."
    )
    contamination_share: HeldShare = Field(
        default=HELD_SHARE, description="A row that holds this share of a test row's n-grams goes."
    )
    shingle: int = Field(default=3, ge=1, le=20, description="Words in a shingle of near-duplicates.")
    tokenizer: TokenizerName = "words"

    def input_artifacts(self) -> dict[str, str]:
        return {"dataset": self.dataset} | ({"test": self.test} if self.test else {})
