"""What a training and an evaluation report."""

from __future__ import annotations

from shared.contracts.base import Contract
from shared.contracts.training.fields import LaidOut


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

    @property
    def loss(self) -> float:
        """Mean -ln p per token, nats."""
        return self.nll / self.tokens


class RenderingCounts(Contract):
    """What became of the rows as tokens: `dropped` and `windowed` name those that did not fit."""

    rows: int
    tokens: int
    predicted_tokens: int
    longest: int
    dropped: tuple[str, ...] = ()
    windowed: tuple[str, ...] = ()


class EvaluationResult(Contract):
    """`loss` = Σ nll / Σ tokens over all rows (token-weighted, nats); `perplexity` = exp(loss)."""

    rows: int
    tokens: int
    loss: float
    perplexity: float
    per_response: TrimmedPerplexity
    batching: LaidOut
    rendering: RenderingCounts
    perplexity_gap: float | None = None
    benchmarks: dict[str, dict[str, float]] = {}
    """Task → metric → value, of the zero-shot benchmarks that were asked for."""


class CurvePoint(Contract):
    """One optimiser step: the token-weighted mean loss of its rows before the update, nats."""

    step: int
    loss: float
    learning_rate: float
    grad_norm: float
    tokens: int
    validation_loss: float | None = None


class TrainingResult(Contract):
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
    rendering: RenderingCounts


class ContaminationResult(Contract):
    """The overlap found: pairs of names, the training row first; at most the first hundred."""

    test_rows: int
    overlapped_test_rows: int
    pairs: tuple[tuple[str, str, float], ...] = ()
