"""Experiments: a recipe of named steps over axes, which the gateway expands into a graph of jobs."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from shared.contracts.base import ArtifactId, ArtifactKind, Contract, JobRequest, Queue

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,47}$")]
"""Names a step, an input or an axis within its recipe."""

MAX_VALUES = 200
MAX_LABEL = 60
_SCALAR = (str, int, float, bool)


def axis_values(axis: Any) -> dict[str, Any]:
    """An axis as label → value. A list of plain values is labelled by the values themselves.

    Raises ValueError when it is no axis: empty, too long, a value twice, a list of what has no plain label.
    """
    if isinstance(axis, list):
        if not all(isinstance(value, _SCALAR) for value in axis):
            raise ValueError("a list holds plain values; for others write {label: value, …}")
        labelled = {_label(value): value for value in axis}
        if len(labelled) < len(axis):
            raise ValueError("a value stands here twice")
    elif isinstance(axis, dict):
        labelled = axis
    else:
        raise ValueError("write a list of values, or {label: value, …}")
    if not 1 <= len(labelled) <= MAX_VALUES:
        raise ValueError(f"an axis has 1 to {MAX_VALUES} values")
    if any(not 1 <= len(label) <= MAX_LABEL for label in labelled):
        raise ValueError(f"a label has 1 to {MAX_LABEL} characters")
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
            "description": "The values the axis takes: a list of plain values, or {label: value}.",
            "anyOf": [
                {
                    "type": "array",
                    "items": {"type": ["string", "number", "boolean"]},
                    "minItems": 1,
                    "maxItems": MAX_VALUES,
                    "uniqueItems": True,
                },
                {"type": "object", "minProperties": 1, "maxProperties": MAX_VALUES},
            ],
        }
    ),
]


class Step(Contract):
    """One operation, and its request, in which any value may be a reference.

    A reference is a mapping with one of these keys and nothing else:

    * `{input: NAME}` is the id of one of the recipe's inputs;
    * `{step: NAME}` is the id of the artifact that the step makes, for the same values of the axes;
    * `{axis: NAME}` is the axis' value, `{label: NAME}` the value's label;
    * `{gather: [RUN, …]}` is a list: each RUN, a mapping that may hold the references above, is repeated for
      every value of the axes that its steps depend on, and gets their values as its `axes`;
    * `{this: recipe}` is the recipe itself;
    * `{literal: VALUE}` is VALUE as it stands, for one that would be read as a reference.
    """

    operation: Name = Field(description="What the step does: `topics`, `generate`, `measure`, `train`, …")
    request: dict[str, Any] = Field(description="As the operation's own endpoint takes it, or references.")


class ExperimentRequest(JobRequest):
    """A study as one document: what goes in, what varies, what is done, and which step is the answer.

    A step is repeated for the values of an axis only when it refers to the axis, or to a step that does;
    what comes out as the same request twice is one job. A step whose job fails takes with it those that
    need its artifact and no others; a `gather` leaves it out and goes on.
    """

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    operation: ClassVar[str] = "experiment"
    version: ClassVar[int] = 1
    produces: ClassVar[ArtifactKind] = ArtifactKind.REPORT
    queue: ClassVar[Queue] = Queue.COORDINATE

    name: str = Field(min_length=1, max_length=100)
    description: str = Field(default="", max_length=2000)
    given: dict[Name, ArtifactId] = Field(
        default={}, alias="inputs", max_length=50, description="Artifacts it starts from, by name."
    )
    sweep: dict[Name, Axis] = Field(default={}, max_length=8, description="The axes: what is varied.")
    steps: dict[Name, Step] = Field(min_length=1, max_length=100)
    report: Name = Field(description="The step whose artifact, a report, is the experiment's answer.")

    def inputs(self) -> dict[str, str]:
        return {f"inputs/{name}": artifact for name, artifact in self.given.items()}
