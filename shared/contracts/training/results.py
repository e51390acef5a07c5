"""What a training and an evaluation report."""

from __future__ import annotations

from pydantic import Field

from shared.contracts.base import ArtifactId, ArtifactSummary, Contract
from shared.contracts.training.fields import LaidOut, Method
from shared.contracts.training.held_out import Role
from shared.contracts.training.settings import GradientSettings


class TrimmedPerplexity(Contract):
    """E's summary of per-response perplexities: mean over those inside the 1.5 IQR fences, and the median."""

    trimmed_mean: float
    median: float
    raw_mean: float
    outliers: int


class RowLoss(Contract):
    """One row's loss: `nll` is the sum of -ln p over its `tokens` predicted tokens, in nats."""

    row: str
    tokens: int
    nll: float
    turns: tuple[tuple[int, float], ...] = ()
    """(tokens, nll) of each learned turn of a chat, in order; none for other rows."""

    @property
    def loss(self) -> float:
        """Mean -ln p per token, nats."""
        return self.nll / self.tokens


class TokenCounts(Contract):
    """What the rows are as tokens."""

    rows: int
    tokens: int
    predicted_tokens: int
    longest: int
    endless: int = 0
    """Rows whose learned part nothing ends, neither an end token nor another special one: a model that is
    trained on them alone does not learn to stop."""
    split_special: int = 0
    """Rows whose own text had special tokens written out, which were split into plain text."""
    thoughts_left_out: int = 0
    """Thoughts that the chat template leaves out of turns before the last."""


class RenderingCounts(TokenCounts):
    """The same with the names of the rows that did not fit."""

    dropped: tuple[str, ...] = ()
    windowed: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()


class TurnLoss(Contract):
    """The loss of the assistant's first, second, … turn: token-weighted over the rows that have one."""

    turn: int
    """From 1."""
    rows: int
    tokens: int
    loss: float


class GradientDiversity(Contract):
    """How many different things rows would teach a model: G-Vendi (2505.20161), which grows with rows."""

    value: float | None = Field(description="Null where no row has a gradient.")
    low: float | None = Field(
        default=None, description="Of the 95 % interval (influence function); from 30 rows on."
    )
    high: float | None = None
    rows: int
    rows_without_gradient: int = 0
    settings: GradientSettings


class HeldOutFigures(Contract):
    """Of one test set: `loss` = Σ nll / Σ tokens over all rows (token-weighted, nats); `perplexity` =
    exp(loss). The task metrics are means over the rows, null where they were not asked for."""

    rows: int
    tokens: int
    loss: float
    perplexity: float
    per_response: TrimmedPerplexity
    exact_match: float | None = None
    f1: float | None = None
    chrf: float | None = None
    answers_cut: int | None = None
    """Answers that had not ended at the most tokens that they may have."""
    turns: list[TurnLoss] = []
    """Of `chat` rows."""


class NamedFigures(HeldOutFigures):
    """Of one test set among several; its rows are in the part `rows_NAME.jsonl`, those of the first in
    `rows.jsonl`."""

    dataset: ArtifactId
    role: Role
    part: str


class EvaluationFigures(HeldOutFigures):
    """The figures of the evaluation's one test set, or of the first that is to improve, and the others'."""

    batching: LaidOut
    perplexity_gap: float | None = None
    benchmarks: dict[str, dict[str, float]] = {}
    """Task → metric → value, of the zero-shot benchmarks that were asked for."""
    tests: dict[str, NamedFigures] = {}
    """Where several were asked for: of each test set by its name, the first among them."""
    gradient_diversity: GradientDiversity | None = None


class EvaluationResult(EvaluationFigures):
    """An evaluation with the names of the rows that did not fit, as `evaluation.json` has it."""

    rendering: RenderingCounts


class EvaluationSummary(EvaluationFigures, ArtifactSummary):
    """An evaluation, and the base model it was of: `base_digest` is that of its config and weights."""

    rendering: TokenCounts
    base: str | None
    base_digest: str


class CurvePoint(Contract):
    """One optimiser step: the token-weighted mean loss of its rows before the update, nats; where rows have
    weights, each token counts its row's."""

    step: int
    loss: float
    learning_rate: float
    grad_norm: float
    tokens: int
    validation_loss: float | None = None


class TrainingFigures(Contract):
    """What a finished training reports beside its weights."""

    steps: int
    planned_steps: int
    stopped_early: bool
    best_step: int | None
    final_loss: float
    tokens: int
    computed_tokens: int
    trainable_parameters: int
    parameters: int
    seconds: float
    batching: LaidOut
    effective_rows: float | None = None
    """Of rows with weights in the loss: (Σ w)² / Σ w², the number of rows of equal weight that say as much
    (Kish 1965)."""


class TrainingResult(TrainingFigures):
    """A training with the names of the rows that did not fit: `training.json`, but for the seconds."""

    rendering: RenderingCounts
    load_on: str
    """The model that an adapter is put on: a hub's id and revision, or the trainer's name and the digest."""


class OverlapCounts(Contract):
    """Test rows, and those of them that a training row overlaps."""

    test_rows: int
    overlapped_test_rows: int


class ModelSummary(ArtifactSummary):
    """What every model says of itself: `files` are the parts that it consists of.

    `base` is null where it was made from a model artifact that its inputs name; `base_digest` is that of the
    config and weights of the model that it stands on.
    """

    method: Method
    base: str | None
    base_digest: str
    files: list[str]


class TrainingSummary(TrainingFigures, ModelSummary):
    """A training, and the model that came of it."""

    rendering: TokenCounts
    contamination: OverlapCounts | None = None


class ContaminationResult(OverlapCounts):
    """The overlap found: pairs of names, the training row first; at most the first hundred."""

    pairs: tuple[tuple[str, str, float], ...] = ()
