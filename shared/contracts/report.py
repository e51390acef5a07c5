"""Reports: the runs of an experiment side by side, as a page, pictures and tables."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from shared.contracts.base import ArtifactId, ArtifactKind, ArtifactSummary, Contract, JobRequest, Queue
from shared.contracts.json_types import JsonObject
from shared.contracts.measurement import RunName
from shared.contracts.training.held_out import Role, TestName
from shared.contracts.trials import TriedMixture

SummaryName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]

Design = Literal["alone", "in_place_of", "in_addition_to"]
"""What a run tests its rows as: real rows *alone*, or generated ones *in place of* them or *in addition to*
them."""

AxisValue = str | int | float | bool | None
Against = Literal["in_place_of", "in_addition_to", "training_longer"]
Verdict = Literal[
    "add",
    "add_nothing",
    "replace",
    "keep_real",
    "train",
    "keep_baseline",
    "do_not_train",
    "nothing_learnt",
    "undecided",
]
"""Of all conditions:

* `add`: generated rows in addition to the real ones lower the loss;
* `add_nothing`: they were tried as additions, and none of them lowers it;
* `replace`: generated rows in place of real ones lower the loss;
* `keep_real`: they were tried in place of real ones only, and none of them lowers it;
* `train`, `keep_baseline`: a condition of no declared design, or the baseline, has the lowest loss;
* `do_not_train`: the model as it was is better than every trained one;
* `nothing_learnt`: no training moved the model's loss by more than noise does;
* `undecided`: nothing was evaluated.
"""


class IntervalEstimate(Contract):
    """A figure with its interval. `covers` names the chances that it is over; empty, and no interval, where
    none is known."""

    value: float
    low: float | None
    high: float | None
    level: float
    seeds: int
    covers: tuple[str, ...]

    @property
    def sign(self) -> int:
        """+1 or −1 where the whole interval lies on that side of zero, else 0."""
        if self.low is None or self.high is None:
            return 0
        return 1 if self.low > 0 else -1 if self.high < 0 else 0


class WorthEstimate(Contract):
    """What each generated row is worth in real ones, at the number of real rows that it was tried beside.

    `equal`: how many real rows alone would have the same loss. None of `rate` and `equal`: no number of them,
    as far as their curve tells; None of a bound: no bound is known. `extrapolated`: so many were not tried.
    """

    rate: float | None
    low: float | None
    high: float | None
    equal: float | None
    extrapolated: bool
    level: float | None


class Recommendation(Contract):
    """The answer for one value of the `within` axes: what to train on, and what to leave."""

    within: dict[str, AxisValue]
    verdict: Verdict
    tested_against: list[Against] = []
    name: str | None
    dataset: str | None
    loss: IntervalEstimate | None
    change: IntervalEstimate | None
    worth: WorthEstimate | None = Field(
        default=None, description="Of the rows that are recommended, where the runs have a learning curve."
    )
    avoid: list[str]


HeldOutCode = Literal["better", "worse", "kept", "lost", "undecided", "unmeasured"]
"""Of a test set that is to improve: `better` or `worse`, the whole interval on one side of 0. Of one that is
to be kept: `kept`, the whole interval below the margin, or `lost`, beyond it. Else `undecided`; `unmeasured`
where there is no interval."""


class HeldOutRule(Contract):
    """What a report asks of a test set."""

    margin: float = Field(
        default=0.02,
        ge=0,
        description="Of a set that is to be kept: by how much its figures may get worse, in nats of loss, or "
        "in the metric's own unit (0.02 of a share of answers are two in a hundred).",
    )


class HeldOutVerdict(Contract):
    """What became of one condition on one figure of one test set. `change` is from `against`, in the figure's
    own direction: of a loss less is better, of a task metric more."""

    test: str
    role: Role
    figure: str
    name: str
    against: str
    value: float | None
    change: IntervalEstimate | None
    margin: float | None
    verdict: HeldOutCode


class ReportSummary(ArtifactSummary):
    """What a report found."""

    runs: int
    findings: list[str] = []
    recommended: list[Recommendation] = []
    tests: list[HeldOutVerdict] = []
    """Where evaluations name several test sets, or have task metrics: a verdict for each."""
    decided: int = Field(
        default=0,
        description="1 where what matters is decided in every answer, or no further seed could decide it.",
    )
    pictures: list[str] = []


class ReportRun(Contract):
    """One line of the table: what was trained on what, and the artifacts that say how it went."""

    name: RunName
    label: RunName | None = Field(
        default=None,
        description="What runs that differ in their axes only are called together; the name where unset.",
    )
    axes: dict[Annotated[str, StringConstraints(max_length=60)], AxisValue] = Field(
        default={},
        max_length=20,
        description="Where the run stands in the experiment: level, ρ, seed, model …",
    )
    design: Design | None = Field(
        default=None,
        description="What its rows are tested as. `alone`: real rows by themselves; those that are not "
        "the baseline are points of its learning curve. `in_place_of`: generated rows where real ones stood, "
        "all or some. `in_addition_to`: generated rows added to all the baseline's. A verdict says of rows "
        "only what they were tested as; without a design, only what they were compared with.",
    )
    pool: RunName | None = Field(
        default=None, description="What the generated rows in it are called, where the name says more."
    )
    dataset: ArtifactId | None = None
    measurement: ArtifactId | None = None
    model: ArtifactId | None = None
    evaluation: ArtifactId | None = None
    instruments: dict[SummaryName, ArtifactId] = Field(
        default={},
        max_length=10,
        description="Further measurements, by language models: the cluster-agent, a judge, self-preference.",
    )
    stopped: Annotated[str, StringConstraints(max_length=500)] | None = Field(
        default=None, description="Why a gate kept it from being trained."
    )


class ReportRequest(JobRequest):
    """A report over runs. Everything it shows is read from their artifacts' summaries."""

    operation: ClassVar[str] = "report"
    version: ClassVar[int] = 6
    produces: ClassVar[ArtifactKind] = ArtifactKind.REPORT
    queue: ClassVar[Queue] = Queue.MEASURE
    result: ClassVar[type[ReportSummary]] = ReportSummary

    title: str = Field(default="Experiment", min_length=1, max_length=200)
    runs: list[ReportRun] = Field(
        max_length=500, description="None only where a search is told of that came to no end."
    )
    x: SummaryName = Field(
        default="distinct_5", description="Measure on the x axis of the dose–response picture."
    )
    y: SummaryName = Field(default="loss", description="Figure of the evaluations on its y axis.")
    baseline: RunName | None = Field(
        default="real",
        description="Label of the runs that are drawn as a level line and that others are compared with.",
    )
    untuned: RunName | None = Field(
        default="untuned", description="Label of the run that evaluates the model as it is, without training."
    )
    replicates: str = Field(
        default="seed",
        max_length=60,
        description="Axis that only repeats: runs that differ in it alone are one condition, and intervals "
        "are over them.",
    )
    within: list[Annotated[str, StringConstraints(max_length=60)]] = Field(
        default=[],
        max_length=8,
        description="Axes inside whose values runs are compared, such as the base model: an answer for each.",
    )
    series: str | None = Field(
        default=None, max_length=60, description="Axis by whose values runs form lines."
    )
    map: Literal["pca", "tsne"] = Field(
        default="pca",
        description="How the rows that the measurements embedded are laid out in one map of all runs: by "
        "principal components, or by t-SNE, which takes longer and shows neighbourhoods.",
    )
    matters: float | None = Field(
        default=None,
        gt=0,
        description="The smallest change in loss that matters to you: the report says whether the runs could "
        "have shown it, what it would take, and, at every look together, whether it is better, worse, "
        "equivalent within that, or undecided, and what would decide it.",
    )
    columns: list[SummaryName] = Field(
        default=[], max_length=40, description="Measures to show as columns; the usual ones where empty."
    )
    tests: dict[TestName, HeldOutRule] = Field(
        default={},
        max_length=12,
        description="How much worse test sets that are to be kept may get, by the names that the evaluations "
        "give them; the usual margin where unset.",
    )
    trials: ArtifactId | None = Field(
        default=None, description="A proposed mixture whose `trials.json` says what was tried before it."
    )
    tried: list[TriedMixture] = Field(
        default=[],
        max_length=2000,
        description="The mixtures that a search tried, as a recipe gathers them: told also where the search "
        "came to no end. In place of `trials`.",
    )
    notes: list[Annotated[str, StringConstraints(max_length=2000)]] = Field(default=[], max_length=50)
    recipe: JsonObject | None = Field(default=None, description="Printed, so that a reader can run it again.")

    def input_artifacts(self) -> dict[str, str]:
        return (
            {
                f"runs/{place}/{role}": artifact
                for place, run in enumerate(self.runs)
                for role, artifact in (
                    ("dataset", run.dataset),
                    ("measurement", run.measurement),
                    ("model", run.model),
                    ("evaluation", run.evaluation),
                )
                if artifact is not None
            }
            | {
                f"runs/{place}/instruments/{name}": artifact
                for place, run in enumerate(self.runs)
                for name, artifact in run.instruments.items()
            }
            | ({"trials": self.trials} if self.trials else {})
            | {
                f"tried/{place}/{role}": artifact
                for place, tried in enumerate(self.tried)
                for role, artifact in (("mixture", tried.mixture), ("evaluation", tried.evaluation))
                if artifact is not None
            }
        )

    def canonical(self) -> JsonObject:
        """Without rules for test sets where there are none: those reports are what they were."""
        return self.model_dump(mode="json", exclude=set() if self.tests else {"tests"})

    @model_validator(mode="after")
    def _has_something_to_tell(self) -> Self:
        if not self.runs and not self.tried:
            raise ValueError("give at least one run")
        return self

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [run.name for run in self.runs]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two runs are named {twice[0]!r}")
        return self
