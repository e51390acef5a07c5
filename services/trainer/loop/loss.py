"""Loss of a batch: hidden states at the predictor positions, then the head and the cross-entropy in chunks.

A row's positions without a target never meet the vocabulary-sized head, and beyond `WHOLE_LOGITS` elements
the logits are made a chunk at a time (`torch.nn.functional.linear_cross_entropy`, which computes their
gradient in the same pass), so memory grows with rows x width, not with rows x vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeGuard

import torch
from peft import PeftModel
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

from services.trainer.attention import packed
from services.trainer.attention.kernels import Kernel
from services.trainer.batching.batches import Batch

SOFTCAP = "final_logit_softcapping"
# Up to so many logits the plain cross-entropy is faster than the chunked one, and they fit (128 MiB in fp32).
WHOLE_LOGITS = 2**25
# torch has it from 2.13 on; before, the logits' chunks are made again in the backward pass (`_checkpointed`).
linear_cross_entropy: Any = getattr(nn.functional, "linear_cross_entropy", None)
CHUNKS = nn.LinearCrossEntropyOptions() if linear_cross_entropy is not None else None


@contextmanager
def without_head(model: nn.Module) -> Iterator[nn.Module]:
    """Inside, the causal model returns its last hidden states where its logits would be; yields the head.

    The forward pass thus stays the model's own (adapters, distributed wrappers and all). A model that bends
    its logits would bend the hidden states: the head does it instead.
    """
    causal = base_of(model)
    head, config = causal.get_output_embeddings(), causal.config.get_text_config()
    cap = getattr(config, SOFTCAP, None)
    causal.set_output_embeddings(nn.Identity())
    try:
        if cap is not None:
            setattr(config, SOFTCAP, None)
        yield head if cap is None else Softcapped(head, cap)
    finally:
        causal.set_output_embeddings(head)
        if cap is not None:
            setattr(config, SOFTCAP, cap)


class Softcapped(nn.Module):
    """A head whose logits are kept within ±cap: cap tanh(logits / cap), as Gemma 2 (arXiv 2408.00118)."""

    def __init__(self, head: nn.Module, cap: float) -> None:
        super().__init__()
        self.head, self.cap, self.out_features = head, cap, head.out_features

    def forward(self, hidden: Tensor) -> Tensor:
        logits: Tensor = self.head(hidden)
        return torch.tanh(logits / self.cap) * self.cap


def base_of(model: nn.Module) -> Any:
    """The transformers model inside wrappers (DistributedDataParallel, peft)."""
    model = model.module if isinstance(model, nn.parallel.DistributedDataParallel) else model
    return model.get_base_model() if isinstance(model, PeftModel) else model


def hidden_states(model: nn.Module, batch: Batch) -> tuple[Tensor, nn.Module]:
    """Hidden states [n, width] at the predictor positions, and the head that makes logits of them."""
    with without_head(model) as head:
        output = model(
            input_ids=batch.input_ids, position_ids=batch.position_ids, use_cache=False, **attention_of(batch)
        )
    return output.logits.flatten(0, 1).index_select(0, batch.predictors), head


def attention_of(batch: Batch) -> dict[str, Any]:
    """What a forward pass is told of which token may see which."""
    return {"gamut_kernel": kernel_of(batch)} if batch.segments else {"attention_mask": batch.attention_mask}


def kernel_of(batch: Batch) -> Kernel:
    """The batch's attention, made on first use."""
    if "attention" not in batch.kernels:
        ids = batch.input_ids
        batch.kernels["attention"] = packed.kernel(batch.segments, ids.device, ids.numel())
    made: Kernel = batch.kernels["attention"]
    return made


def summed_loss(model: nn.Module, batch: Batch, whole_logits: int = WHOLE_LOGITS) -> Tensor:
    """Σ w · -ln p over the predicted tokens, w the weight of their rows (a shared one counts once per row), a
    scalar with gradients.

    More than `whole_logits` logits are made a chunk at a time.
    """
    hidden, head = hidden_states(model, batch)
    if batch.weights is not None:
        return (token_losses(hidden, head, batch.targets, whole_logits) * batch.weights).sum()
    total = hidden.new_zeros((), dtype=torch.float32)
    for span in batch.repeats:
        chosen = slice(None) if len(batch.repeats) == 1 else batch.spans == span
        total = total + span * _summed(hidden[chosen], head, batch.targets[chosen], whole_logits)
    return total


def _summed(hidden: Tensor, head: nn.Module, targets: Tensor, whole_logits: int) -> Tensor:
    if _is_matrix(head) and hidden.shape[0] * head.out_features > whole_logits:
        hidden, weight, bias = _as_autocast(hidden, head)
        if hidden.dtype != torch.bfloat16:  # torch sums bf16 rows in bf16, which is a percent off
            summed: Tensor = linear_cross_entropy(
                hidden, weight, targets, linear_bias=bias, reduction="sum", options=CHUNKS
            )
            return summed
    return token_losses(hidden, head, targets, whole_logits).sum()


def token_losses(
    hidden: Tensor, head: nn.Module, targets: Tensor, whole_logits: int = WHOLE_LOGITS
) -> Tensor:
    """-ln p of every target [n], fp32, with gradients; more than `whole_logits` logits are made a chunk at a
    time, and again in the backward pass.
    """
    if type(head) is nn.Linear and hidden.shape[0] * head.out_features <= whole_logits:
        return cross_entropy(at_least_fp32(head(hidden)), targets, reduction="none")
    if not _is_matrix(head):
        return _checkpointed(hidden, head, targets, whole_logits)
    hidden, weight, bias = _as_autocast(hidden, head)
    found = linear_cross_entropy(hidden, weight, targets, linear_bias=bias, reduction="none", options=CHUNKS)
    return at_least_fp32(found)


def _is_matrix(head: nn.Module) -> TypeGuard[nn.Linear]:
    """Whether torch's chunked loss takes this head."""
    return type(head) is nn.Linear and linear_cross_entropy is not None


def _as_autocast(hidden: Tensor, head: nn.Linear) -> tuple[Tensor, Tensor, Tensor | None]:
    """Both sides of the product, and its bias."""
    given = [hidden, head.weight] if head.bias is None else [hidden, head.weight, head.bias]
    hidden, weight, *bias = packed.as_autocast(*given)
    return hidden, weight, bias[0] if bias else None


def _checkpointed(
    hidden: Tensor, head: nn.Module, targets: Tensor, whole_logits: int = WHOLE_LOGITS
) -> Tensor:
    """A head that is more than a matrix (an adapter on it): chunks whose logits are made again in the
    backward pass.
    """

    def part(h: Tensor, t: Tensor) -> Tensor:
        return cross_entropy(at_least_fp32(head(h)), t, reduction="none")

    rows = chunk_rows(head, whole_logits)
    chunks = zip(torch.split(hidden, rows), torch.split(targets, rows), strict=True)
    return torch.cat([checkpoint(part, h, t, use_reentrant=False) for h, t in chunks])


def at_least_fp32(logits: Tensor) -> Tensor:
    """Half-precision logits in fp32; others as they are."""
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


def chunk_rows(head: nn.Module, whole_logits: int = WHOLE_LOGITS) -> int:
    """Rows whose logits may lie in memory at once."""
    return max(1, whole_logits // int(getattr(head, "out_features", 2**17)))


@torch.no_grad()
def row_losses(model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Per row of the batch: Σ -ln p over its predicted tokens [rows], and their number [rows]; float64 and
    int64.
    """
    nll = prediction_losses(model, batch)
    return per_row(nll, batch), per_row(torch.ones_like(nll), batch).round().long()


@torch.no_grad()
def prediction_losses(model: nn.Module, batch: Batch) -> Tensor:
    """-ln p of each of the batch's predictions, in its order; float64."""
    hidden, head = hidden_states(model, batch)
    parts = zip(
        torch.split(hidden, chunk_rows(head)), torch.split(batch.targets, chunk_rows(head)), strict=True
    )
    return torch.cat([cross_entropy(at_least_fp32(head(h)), t, reduction="none") for h, t in parts]).double()


def per_row(values: Tensor, batch: Batch) -> Tensor:
    """Adds each value to rows `owner` to `owner + span - 1`: +v at the first, -v after the last, then a
    running sum.
    """
    steps = values.new_zeros(len(batch.rows) + 1)
    steps.index_add_(0, batch.owners, values)
    steps.index_add_(0, batch.owners + batch.spans, -values)
    return steps.cumsum(0)[:-1]
