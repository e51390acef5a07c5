"""Experiments: a recipe of named steps over axes, which the gateway expands into a graph of jobs."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    Field,
    JsonValue,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from shared.contracts.base import ArtifactId, ArtifactKind, Contract, JobRequest, Queue
from shared.contracts.json_types import JsonObject
from shared.contracts.report import HeldOutRule, ReportSummary
from shared.contracts.training.held_out import AnswerScoring, HeldOutSet, TestName

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,47}$")]
"""Names a step, an input or an axis within its recipe."""

MetricName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]

MAX_VALUES = 200
MAX_LABEL = 60
_SCALAR = (str, int, float, bool)
_PLAIN: Any = {"type": ["string", "number", "boolean"]}


def axis_values(axis: Any) -> JsonObject:
    """An axis as label → value. A list of plain values is labelled by the values themselves, and lists of
    those by what they hold: `q_proj+v_proj`.

    Raises ValueError when it is no axis: empty, too long, a value twice, a list of what has no plain label.
    """
    if isinstance(axis, list):
        held = [value if isinstance(value, list) and value else [value] for value in axis]
        if not all(isinstance(item, _SCALAR) for items in held for item in items):
            raise ValueError("a list holds plain values or lists of them; for others write {label: value, …}")
        labelled = {"+".join(map(_label, items)): value for items, value in zip(held, axis, strict=True)}
        if len(labelled) < len(axis):
            raise ValueError("a value stands here twice")
    elif isinstance(axis, dict):
        labelled = axis
    else:
        raise ValueError("write a list of values, or {label: value, …}")
    if not 1 <= len(labelled) <= MAX_VALUES:
        raise ValueError(f"an axis has 1 to {MAX_VALUES} values")
    if any(not 1 <= len(label) <= MAX_LABEL for label in labelled):
        raise ValueError(f"a label has 1 to {MAX_LABEL} characters; for longer values write {{label: value}}")
    return labelled


def _label(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_axis(axis: Any) -> Any:
    axis_values(axis)
    return axis


Axis = Annotated[
    Any,
    AfterValidator(_check_axis),
    WithJsonSchema(
        {
            "description": "The values the axis takes: a list of plain values, or of lists of them, or "
            "{label: value}.",
            "anyOf": [
                {
                    "type": "array",
                    "items": {"anyOf": [_PLAIN, {"type": "array", "items": _PLAIN, "minItems": 1}]},
                    "minItems": 1,
                    "maxItems": MAX_VALUES,
                    "uniqueItems": True,
                },
                {"type": "object", "minProperties": 1, "maxProperties": MAX_VALUES},
            ],
        }
    ),
]


class StopIf(Contract):
    """A gate before a step: it does not run, and costs nothing, when a measurement is beyond a bound.

    What is stopped so has not failed: the experiment goes on, and its report says what was stopped and why.
    """

    of: Name = Field(description="The step that makes the measurement.")
    metric: MetricName = Field(
        description="The value's name in the measurement. Of a shift take its excess over what no shift "
        "gives at "
        "this size (`js_unigram_excess`, `two_sample_auc_excess`) or its p-value (`js_unigram_p`): the "
        "value itself "
        "is above 0 without any shift."
    )
    above: float | None = Field(default=None, description="Stop when the value is greater than this.")
    below: float | None = Field(default=None, description="Stop when the value is less than this.")

    @model_validator(mode="after")
    def _has_a_bound(self) -> Self:
        if self.above is None and self.below is None:
            raise ValueError("give above, below, or both")
        return self

    def why(self, value: float) -> str | None:
        """What to say of a step that this value stops; None when it may run."""
        if self.above is not None and value > self.above:
            return f"{self.metric} is {value:.4g}, above {self.above:.4g}"
        if self.below is not None and value < self.below:
            return f"{self.metric} is {value:.4g}, below {self.below:.4g}"
        return None


class ExperimentBudget(Contract):
    """What an experiment's own jobs may spend together, those that fail too. Artifacts that existed before,
    and what had been spent on others before, cost nothing.

    When it is spent, the experiment pauses: nothing new starts, nothing is lost, and
    `POST /v1/experiments/{id}/resume` goes on. Jobs under way end first, so the last of them may go beyond.
    How many are under way at once follows from what jobs like them have taken so far.
    """

    calls: int | None = Field(default=None, ge=1, description="Calls to sources.")
    tokens: int | None = Field(default=None, ge=1, description="Of sources, prompts and answers together.")
    money: float | None = Field(default=None, gt=0, description="What sources cost, in their currency.")
    training_seconds: float | None = Field(default=None, gt=0, description="Of the trainer's devices.")

    @property
    def limits(self) -> dict[str, float]:
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}


class StopWhenDecided(Contract):
    """Seeds are trained one after the other, and only while the next one can change the verdict.

    After `first` seeds, and after each one more, the report is made of those so far. It judges the comparison
    that its verdict rests on so that all looks hold together (a confidence sequence): better, worse,
    equivalent within `matters`, or undecided. When it is decided, or when only more test rows could decide
    it, the steps of the seeds that are left do not run and cost nothing. After the last seed of the axis the
    verdict is undecided within the budget.
    """

    matters: float = Field(gt=0, description="The smallest change in loss that matters to you.")
    axis: Name = Field(default="seed", description="The axis that only repeats, in the order of its seeds.")
    first: int = Field(
        default=4, ge=1, le=100, description="Seeds before the first look; fewer than four decide nothing."
    )


class Step(Contract):
    """One operation, and its request, in which any value may be a reference.

    A reference is a mapping with one of these keys and nothing else:

    * `{input: NAME}` is the id of one of the recipe's inputs;
    * `{parameter: NAME}` is the value of one of the recipe's parameters;
    * `{step: NAME}` is the id of the artifact that the step makes, for the same values of the axes;
    * `{axis: NAME}` is the axis' value, `{label: NAME}` the value's label; `{axis: NAME.KEY}`, and likewise
      `{parameter: NAME.KEY}`, is what lies below KEY in a value that is a mapping;
    * `{gather: [RUN, …]}` is a list: each RUN, a mapping that may hold the references above, is repeated for
      every value of the axes that its steps depend on, and gets their values as its `axes`; its `name` and
      `pool` may be a `{label: NAME}`, or a list of words and such: `[real +, {label: level}]`;
    * `{this: recipe}` is the recipe itself;
    * `{literal: VALUE}` is VALUE as it stands, for one that would be read as a reference.
    """

    operation: Name = Field(description="What the step does: `topics`, `generate`, `measure`, `train`, …")
    request: JsonObject = Field(description="As the operation's own endpoint takes it, or references.")
    stop_if: StopIf | None = Field(
        default=None, description="Keeps the step from running when a measurement is beyond a bound."
    )


class ExperimentRequest(JobRequest):
    """A study as one document: what goes in, what varies, what is done, and which step is the answer.

    A step is repeated for the values of an axis only when it refers to the axis, or to a step that does;
    what comes out as the same request twice is one job. A step whose job fails takes with it those that
    need its artifact and no others; a `gather` leaves it out and goes on.
    """

    operation: ClassVar[str] = "experiment"
    version: ClassVar[int] = 1
    produces: ClassVar[ArtifactKind] = ArtifactKind.REPORT
    queue: ClassVar[Queue] = Queue.COORDINATE
    result: ClassVar[type[ReportSummary]] = ReportSummary

    name: str = Field(min_length=1, max_length=100)
    description: str = Field(default="", max_length=2000)
    inputs: dict[Name, ArtifactId] = Field(
        default={}, max_length=50, description="Artifacts it starts from, by name."
    )
    parameters: dict[Name, JsonValue] = Field(
        default={}, max_length=50, description="Values that steps refer to, so that they stand in one place."
    )
    sweep: dict[Name, Axis] = Field(default={}, max_length=8, description="The axes: what is varied.")
    steps: dict[Name, Step] = Field(min_length=1, max_length=100)
    report: Name = Field(description="The step whose artifact, a report, is the experiment's answer.")
    budget: ExperimentBudget | None = Field(default=None, description="What it may spend before it pauses.")
    stop: StopWhenDecided | None = Field(
        default=None, description="Ends the study when another seed would not change its verdict."
    )

    def input_artifacts(self) -> dict[str, str]:
        return {f"inputs/{name}": artifact for name, artifact in self.inputs.items()}


class RecipeTest(HeldOutSet):
    """A test set of a study: what it is for and, of one that is to be kept, how much worse it may get."""

    margin: float = Field(default=HeldOutRule().margin, ge=0)


RecipeTests = Annotated[
    dict[TestName, RecipeTest],
    Field(
        max_length=11,
        description="Several test sets by name, each with a verdict of its own. The input `test` is the "
        "first that is to `improve`, unless it is given; then that one is called `test`.",
    ),
]


def with_its_test(data: Any) -> Any:
    """A body whose `test` is the first of its `tests` that is to improve, where it names none."""
    tests = data.get("tests") if isinstance(data, dict) else None
    if not isinstance(tests, dict) or data.get("test") is not None:
        return data
    improving = (
        test.get("dataset")
        for test in tests.values()
        if isinstance(test, dict) and test.get("role", "improve") == "improve"
    )
    first = next(improving, None)
    return data if first is None else {**data, "test": first}


class RecipeCall(Contract):
    """A built-in recipe by its name (`GET /v1/recipes`), with what is to be otherwise."""

    recipe: Name
    name: str | None = Field(default=None, min_length=1, max_length=100)
    inputs: dict[Name, ArtifactId] = Field(default={}, max_length=50)
    parameters: dict[Name, JsonValue] = Field(
        default={}, max_length=50, description="In place of the recipe's own; what is left out stays."
    )
    sweep: dict[Name, Axis] = Field(default={}, max_length=8, description="Axes in place of its own.")
    stop_if: dict[Name, StopIf] = Field(
        default={}, max_length=100, description="Gates before its steps, by the step's name."
    )
    budget: ExperimentBudget | None = None
    stop: StopWhenDecided | None = None
    tests: RecipeTests = {}
    answers: AnswerScoring | None = Field(
        default=None, description="Task metrics of answers to the test sets' prompts, in every evaluation."
    )

    @model_validator(mode="before")
    @classmethod
    def _first_to_improve_is_its_test(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("inputs", {}), dict):
            return data
        inputs = data.get("inputs", {})
        found = with_its_test({"tests": data.get("tests"), "test": inputs.get("test")})
        return data if found["test"] is None else {**data, "inputs": {**inputs, "test": found["test"]}}


class Resumption(Contract):
    """Goes on with a paused experiment."""

    budget: ExperimentBudget | None = Field(
        description="What it may spend in all, from its beginning; null lifts the budget."
    )
