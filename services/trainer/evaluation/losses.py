"""Test loss: the token-weighted mean of -ln p over the predicted tokens of all rows, and each row's own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import nn

from services.trainer.batching import batches, layouts
from services.trainer.batching.steps import split
from services.trainer.data.examples import Example
from services.trainer.errors import NonFiniteLoss
from services.trainer.evaluation.perplexity import corpus_loss
from services.trainer.loop.loss import per_row, prediction_losses
from services.trainer.operations.progress import TrainingProgress, go_on, ignore_progress
from shared.contracts.training.results import RowLoss
from shared.contracts.training.settings import EvaluationSettings, TrainingSettings

Turns = tuple[tuple[int, float], ...]


def evaluate(
    model: nn.Module,
    examples: Sequence[Example],
    settings: EvaluationSettings | TrainingSettings,
    *,
    pad_id: int = 0,
    progress: Callable[[TrainingProgress], None] = ignore_progress,
    check: Callable[[], None] = go_on,
) -> list[RowLoss]:
    """Each row's summed loss and predicted tokens, in the order of the rows.

    `shared_prefix` computes a context once for as many of its rows as fit a pass; rows of one context are
    brought together for it, which changes no value. Raises NonFiniteLoss, and what `check` raises.
    """
    was_training = model.training
    model.eval()
    try:
        with layouts.laid_out(model, settings.batching):
            return _evaluate(model, examples, settings, pad_id, progress, check)
    finally:
        model.train(was_training)


def _evaluate(
    model: nn.Module,
    examples: Sequence[Example],
    settings: EvaluationSettings | TrainingSettings,
    pad_id: int,
    progress: Callable[[TrainingProgress], None],
    check: Callable[[], None],
) -> list[RowLoss]:
    device = next(model.parameters()).device
    losses: dict[int, RowLoss] = {}
    report = _Reporter(len(examples), progress)
    for indices in passes(examples, settings):
        check()
        chosen = [examples[index] for index in indices]
        batch = batches.build(chosen, settings.batching, settings.loss_on, pad_id).to(device)
        each = prediction_losses(model, batch)
        nll, tokens = per_row(each, batch), per_row(torch.ones_like(each), batch).round().long()
        _require_finite(nll, batch, len(losses))
        turns = _turns(chosen, batch, each) if settings.loss_on == "completion" else [()] * len(chosen)
        for index, one_nll, count, own in zip(indices, nll.tolist(), tokens.tolist(), turns, strict=True):
            losses[index] = RowLoss(row=examples[index].row, tokens=count, nll=one_nll, turns=own)
        report.add(float(nll.sum() / tokens.sum()), len(indices), sum(map(len, chosen)))
    return [losses[index] for index in range(len(examples))]


def _turns(chosen: Sequence[Example], batch: batches.Batch, each: torch.Tensor) -> list[Turns]:
    """(tokens, nll) of every learned stretch of each chat; a row's predictions stand in its own order."""
    if not any(example.is_chat for example in chosen):
        return [()] * len(chosen)
    found: list[Turns] = []
    for owner, example in enumerate(chosen):
        own = each[batch.owners == owner].tolist()
        turns: list[tuple[int, float]] = []
        for start, end in example.runs if example.is_chat else ():
            size = end - max(start, 1)
            turns.append((size, sum(own[:size])))
            own = own[size:]
        found.append(tuple(turns))
    return found


def mean_loss(
    model: nn.Module,
    examples: Sequence[Example],
    settings: EvaluationSettings | TrainingSettings,
    pad_id: int = 0,
    check: Callable[[], None] = go_on,
) -> float:
    """Token-weighted mean loss over all rows, nats per token."""
    return corpus_loss(evaluate(model, examples, settings, pad_id=pad_id, check=check))


def passes(
    examples: Sequence[Example], settings: EvaluationSettings | TrainingSettings
) -> Iterator[tuple[int, ...]]:
    """Rows of each forward pass: neighbours in length (padded and packed waste least), or of one context."""
    if settings.batching == "shared_prefix":
        first_seen: dict[str | None, int] = {}
        for index, example in enumerate(examples):
            first_seen.setdefault(example.group, index)
        order = sorted(range(len(examples)), key=lambda i: (_place(examples[i], i, first_seen), i))
    else:
        order = sorted(range(len(examples)), key=lambda i: len(examples[i]))
    yield from split(order, examples, settings.batching, settings.micro_batch_tokens)


def _place(example: Example, index: int, first_seen: dict[str | None, int]) -> int:
    return index if example.group is None else first_seen[example.group]


def _require_finite(nll: torch.Tensor, batch: batches.Batch, done: int) -> None:
    bad = (~torch.isfinite(nll)).nonzero().flatten().tolist()
    if bad:
        raise NonFiniteLoss(done, [batch.rows[index] for index in bad], float(nll[bad[0]]))


class _Reporter:
    """Counts what is evaluated and tells it."""

    def __init__(self, rows: int, progress: Callable[[TrainingProgress], None]) -> None:
        self.rows, self.progress = rows, progress
        self.done = self.tokens = 0
        self.started = time.monotonic()

    def add(self, loss: float, rows: int, tokens: int) -> None:
        self.done, self.tokens = self.done + rows, self.tokens + tokens
        elapsed = max(time.monotonic() - self.started, 1e-9)
        self.progress(
            TrainingProgress(
                step=self.done,
                steps=self.rows,
                loss=loss,
                tokens=self.tokens,
                tokens_per_second=self.tokens / elapsed,
                eta_seconds=elapsed / self.done * (self.rows - self.done),
            )
        )
