"""Row operations: each makes a dataset out of datasets, seeded, with every row that was left out accounted
for."""

from __future__ import annotations

from math import floor
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from shared.contracts.base import ArtifactId, ArtifactKind, Contract, JobRequest, Queue
from shared.contracts.contamination import HELD_SHARE, NGRAM_WORDS, HeldShare, NgramWords
from shared.contracts.datasets import DatasetSummary
from shared.contracts.fields import RowField, Seed
from shared.contracts.json_types import JsonObject
from shared.contracts.measurement import TokenizerName

Unit = Literal["rows", "tokens"]
PartName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,47}$")]

LOSS_WEIGHT = "weight"
"""The field in which the rows of a mixture have their weight in the loss."""
PART = "mixture_part"
"""The field in which the rows of a mixture of parts have the name of theirs."""


class MixedPart(Contract):
    """What one part of a mixture came to, in the mixture's unit, and what its rows count in the loss."""

    name: str
    dataset: ArtifactId
    amount: int
    loss_weight: float | None = None


class MixtureSummary(DatasetSummary):
    """A mixture: `real` is what its first part came to in its `unit`, `generated` all others together, and
    `rho` the share of these."""

    rho: float
    unit: Unit
    real: int
    generated: int
    parts: list[MixedPart] = Field(default=[], description="Each part, in the order of the request.")


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


class MixturePart(Contract):
    """One source of a mixture."""

    dataset: ArtifactId
    weight: float = Field(
        ge=0,
        le=1e9,
        description="How much of it, beside the other parts' weights: its share of a fixed size, or, when "
        "additive, its amount for each row of the first part, whose weight is the measure.",
    )
    name: PartName | None = Field(
        default=None,
        description="Begins the ids of its rows, and is their field `mixture_part`; `part1`, `part2`, … "
        "by its place where unset.",
    )
    loss_weight: float | None = Field(
        default=None,
        gt=0,
        le=1e6,
        description="What each of its rows counts in the loss of a training that asks for it "
        "(`settings.loss_weights: weight`): written into the rows' field `weight`, times what stands there. "
        "1 where another part states one and this does not.",
    )


class MixtureRequest(_RowOperation):
    """Mix any number of datasets by weight, or real and generated rows at ρ = generated / (real + generated).

    Give `parts`, or the short form of two: `real`, `generated` and `rho`. The first part (`real`) is the one
    that the others take the place of or are added to. Mixtures of one seed are nested: a larger size of the
    same weights contains the smaller one, and a higher ρ keeps the generated rows of a lower one and adds to
    them.
    """

    operation: ClassVar[str] = "mix"
    result: ClassVar[type[MixtureSummary]] = MixtureSummary

    real: ArtifactId | None = None
    generated: ArtifactId | None = None
    rho: float | None = Field(default=None, ge=0, le=1, description="Share of generated rows (or tokens).")
    parts: list[MixturePart] | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="The sources with their weights, in place of `real`, `generated` and `rho`.",
    )
    mode: Literal["fixed", "additive"] = Field(
        default="fixed",
        description="`fixed`: the parts share the size by weight. `additive`: the others are added to "
        "all the rows of the first.",
    )
    unit: Unit = "rows"
    size: int | None = Field(
        default=None,
        ge=1,
        le=10**10,
        description="Of the whole mixture when fixed, of its first part when additive. Where unset: all of "
        "`real`; of `parts` the most that they allow when fixed, all of the first when additive.",
    )
    stratify_by: RowField | None = Field(default=None, description="Keep this field's values in proportion.")
    tokenizer: TokenizerName = Field(default="words", description="Counts the tokens when `unit` is tokens.")
    seed: Seed = 42

    @property
    def sources(self) -> dict[str, str]:
        """The datasets by the names of their parts; the first is the real one."""
        if self.parts is None:
            return {"real": str(self.real), "generated": str(self.generated)}
        return {name: part.dataset for name, part in self.named_parts.items()}

    @property
    def named_parts(self) -> dict[str, MixturePart]:
        """The parts by their names; none in the short form."""
        return {part.name or f"part{place}": part for place, part in enumerate(self.parts or (), 1)}

    def input_artifacts(self) -> dict[str, str]:
        if self.parts is None:
            return self.sources
        return {f"parts/{place}/dataset": part.dataset for place, part in enumerate(self.parts)}

    def canonical(self) -> JsonObject:
        """Only the form that was given: the short form is the request that it was before there were parts."""
        other = {"parts"} if self.parts is None else {"real", "generated", "rho"}
        return self.model_dump(mode="json", exclude=other)

    @model_validator(mode="after")
    def _has_one_form(self) -> Self:
        short = [self.real, self.generated, self.rho]
        if self.parts is None:
            if None in short:
                raise ValueError("give parts, or all of real, generated and rho")
            if self.mode == "additive" and self.rho == 1:
                raise ValueError("rho = 1 leaves no room for the real rows that an additive mixture keeps")
        elif short != [None, None, None]:
            raise ValueError("give either parts, or real, generated and rho")
        return self

    @model_validator(mode="after")
    def _has_parts_to_mix(self) -> Self:
        if self.parts is None:
            return self
        if len(self.named_parts) < len(self.parts):
            raise ValueError("two parts have one name")
        if len({part.dataset for part in self.parts}) < len(self.parts):
            raise ValueError("a dataset stands here twice: give it once, with the sum of its weights")
        if not any(part.weight for part in self.parts):
            raise ValueError("all weights are 0: nothing would be in the mixture")
        if self.mode == "additive" and not self.parts[0].weight:
            raise ValueError("the first part's weight is 0: there is nothing to add the others to")
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
