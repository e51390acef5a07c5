"""Test sets of an evaluation, and the task metrics of answers that the model writes to their prompts."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, StringConstraints

from shared.contracts.base import ArtifactId, Contract

TestName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
"""Names a test set within a request: `own`, `general`."""

Role = Literal["improve", "keep"]
"""What a test set is for: what is to get better, or what must not be lost."""

TaskMetric = Literal["exact_match", "f1", "chrf"]
TASK_METRICS: tuple[TaskMetric, ...] = get_args(TaskMetric)

SHORT_FORM: str = "test"
"""What the one test set of a request in the short form is called."""


class HeldOutSet(Contract):
    """A test set with its role."""

    dataset: ArtifactId
    role: Role = Field(
        default="improve",
        description="`improve`: what the training is for. `keep`: what it must not lose, as general text.",
    )


TestSets = Annotated[dict[TestName, HeldOutSet], Field(min_length=1, max_length=12)]


class AnswerScoring(Contract):
    """Answers that the model writes to the rows' prompts, greedily, and how they are held against the rows'
    own completions."""

    metrics: tuple[TaskMetric, ...] = Field(
        default=("exact_match", "f1"),
        min_length=1,
        max_length=3,
        description="Each a mean over the rows, between 0 and 1. `exact_match` and `f1`: of answers in lower "
        "case without punctuation and articles, as SQuAD's (1606.05250). `chrf`: sacrebleu's sentence chrF2.",
    )
    max_new_tokens: int = Field(
        default=64, ge=1, le=4096, description="An answer that goes on is cut here, and counted."
    )
