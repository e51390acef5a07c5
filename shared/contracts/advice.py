"""Advice: a search for the mixture of real and generated rows that tests best, within a budget.

`AdviceRequest` becomes an experiment: its steps propose mixtures, train small, and keep the best, rung by
rung (successive halving, Jamieson and Talwalkar 2016). `ProposalRequest` is the one operation it adds.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, JsonValue, StringConstraints, field_validator, model_validator

from shared.contracts.base import ArtifactId, ArtifactKind, Contract, JobRequest, Queue
from shared.contracts.experiment import ExperimentBudget, RecipeTests, with_its_test
from shared.contracts.fields import Seed
from shared.contracts.mixture import MixtureSummary
from shared.contracts.training.fields import ModelName, PresetName
from shared.contracts.training.held_out import AnswerScoring
from shared.contracts.trials import TriedMixture

PoolName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,47}$")]
MOST_CANDIDATES = 32
Pools = Annotated[dict[PoolName, ArtifactId], Field(min_length=1, max_length=MOST_CANDIDATES)]
Weight = Annotated[float, Field(gt=0, le=1e9)]
Share = Annotated[float, Field(gt=0, lt=1)]


class Search(Contract):
    """Where mixtures are looked for: additive, ρ in [low, high] by `step`, from one pool each."""

    low: Share = 0.1
    high: Share = 0.9
    step: float = Field(default=0.05, gt=0, lt=1)

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low ({self.low}) is above high ({self.high})")
        return self


class ProposalSummary(MixtureSummary):
    """The mixture of a slot: `planned_rho` of the pool, after `trials` mixtures that were tried before."""

    pool: PoolName
    pool_dataset: ArtifactId
    planned_rho: float
    trials: int


class ProposalRequest(JobRequest):
    """The mixture to try in one slot of a rung, as a dataset.

    In the first rung the slots are points of a Sobol sequence over pool × ρ. In a later one they are the
    mixtures that tested best in the rung before (`keep` of them), then new ones that the tree-structured
    Parzen estimator proposes from what was tried there. `real` rows are cut to `size` and the generated ones
    added to them.
    """

    operation: ClassVar[str] = "propose"
    version: ClassVar[int] = 2
    produces: ClassVar[ArtifactKind] = ArtifactKind.DATASET
    queue: ClassVar[Queue] = Queue.MEASURE
    result: ClassVar[type[ProposalSummary]] = ProposalSummary

    real: ArtifactId
    pools: Pools
    search: Search = Search()
    size: int = Field(ge=1, le=10**9, description="Real rows in the mixture.")
    slot: int = Field(ge=0, le=1000)
    keep: int = Field(default=0, ge=0, le=1000, description="Slots for the best of the rung before.")
    history: list[TriedMixture] = Field(
        default=[],
        max_length=2000,
        description="What was tried in all rungs before; axis `rung` tells them apart.",
    )
    figure: str = Field(default="loss", max_length=64, description="Of the evaluations: lower is better.")
    seed: Seed = 42

    def input_artifacts(self) -> dict[str, str]:
        found = {"real": self.real} | {f"pools/{name}": pool for name, pool in self.pools.items()}
        for place, tried in enumerate(self.history):
            found[f"history/{place}/mixture"] = tried.mixture
            if tried.evaluation is not None:
                found[f"history/{place}/evaluation"] = tried.evaluation
        return found


class AdviceRequest(Contract):
    """Which of these pools to add to the real rows, and how much of it.

    The search looks at a validation part of the real rows only; the test set is for the end, where the
    recommended mixture and the real rows alone are trained on with several seeds and compared.
    """

    real: ArtifactId = Field(description="The real rows; a part of them is held back to choose by.")
    test: ArtifactId = Field(description="The held-out test set: used once, at the end.")
    pools: Pools = Field(description="Candidate pools of generated rows: a level, a source, a strategy each.")
    blends: dict[PoolName, Annotated[dict[PoolName, Weight], Field(min_length=2)]] = Field(
        default={},
        max_length=31,
        description="Candidates that are several pools together: a name → the pools by weight. Each is as "
        "large as its pools allow, and is searched over as if it were a pool.",
    )
    base: ModelName
    preset: PresetName = "W"
    training: dict[str, JsonValue] = Field(default={}, description="Settings, as a training takes them.")
    search: Search = Field(
        default=Search(),
        description="A pool needs ρ/(1 − ρ) × `size` rows at the highest ρ: at 0.9, nine times as many.",
    )
    trials: int = Field(default=9, ge=2, le=81, description="Mixtures in the first rung.")
    reduction: int = Field(default=3, ge=2, le=9, description="Each rung keeps one in so many (η).")
    size: int = Field(ge=2, le=10**9, description="Real rows to train on in the end; rungs use fewer.")
    proxy_steps: int | None = Field(
        default=None, ge=1, description="Steps of the first rung's trainings at most; later ones get η times."
    )
    validation_share: float = Field(default=0.2, gt=0, lt=1)
    seeds: list[Seed] = Field(
        default=[1, 2, 3],
        min_length=1,
        max_length=20,
        description="Of the trainings that are compared last.",
        json_schema_extra={"uniqueItems": True},
    )
    seed: Seed = 42
    budget: ExperimentBudget | None = None
    tests: RecipeTests = {}
    answers: AnswerScoring | None = Field(
        default=None, description="Task metrics of answers to the test sets' prompts, in the comparison."
    )

    @model_validator(mode="before")
    @classmethod
    def _first_to_improve_is_its_test(cls, data: Any) -> Any:
        return with_its_test(data)

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("a seed stands here twice")
        return seeds

    @model_validator(mode="after")
    def _blends_are_of_pools(self) -> Self:
        for name, weights in self.blends.items():
            if name in self.pools:
                raise ValueError(f"{name} is a pool and a blend: give one of them another name")
            if unknown := sorted(set(weights) - set(self.pools)):
                raise ValueError(f"the blend {name} is of {unknown[0]!r}, which is none of the pools")
        if len(self.pools) + len(self.blends) > MOST_CANDIDATES:
            raise ValueError(f"at most {MOST_CANDIDATES} pools and blends together")
        return self

    @property
    def rungs(self) -> list[int]:
        """Mixtures in each rung, until one is left."""
        found = [self.trials]
        while found[-1] > 1:
            found.append(max(1, found[-1] // self.reduction))
        return found
