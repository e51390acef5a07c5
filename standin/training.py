"""Causal-language-model pre-training in plain torch: one pass over documents, batched by length."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

IGNORED = -100


@dataclass(frozen=True)
class Example:
    """Token ids and, for each, the label to learn (`IGNORED` where the text is only read)."""

    ids: list[int]
    labels: list[int]


@dataclass(frozen=True)
class Schedule:
    """One-cycle schedule: linear warm-up to `peak`, cosine down to a twentieth of it."""

    steps: int
    peak: float = 4e-3
    warmup: int = 100

    def rate(self, step: int) -> float:
        if step < self.warmup:
            return self.peak * (step + 1) / self.warmup
        progress = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.peak * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def encode(
    segments: Sequence[tuple[str, bool]], tokenizer: PreTrainedTokenizerFast, context: int
) -> Example | None:
    """Encode segments one by one and end them; None when they do not fit the context."""
    ids: list[int] = []
    labels: list[int] = []
    for text, learned in segments:
        tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
        ids += tokens
        labels += tokens if learned else [IGNORED] * len(tokens)
    end = tokenizer.eos_token_id
    return Example([*ids, end], [*labels, end]) if len(ids) < context else None


def batches(examples: Sequence[Example], tokens: int, seed: int) -> list[list[Example]]:
    """Batches of like lengths, at most `tokens` padded tokens each, in a random order."""
    rng = random.Random(seed)
    order = list(examples)
    rng.shuffle(order)
    out: list[list[Example]] = []
    for start in range(0, len(order), 2048):
        batch: list[Example] = []
        for example in sorted(order[start : start + 2048], key=lambda e: len(e.ids)):
            if batch and len(example.ids) * (len(batch) + 1) > tokens:
                out.append(batch)
                batch = []
            batch.append(example)
        out.append(batch)
    rng.shuffle(out)
    return out


def pretrain(
    model: LlamaForCausalLM,
    work: Sequence[list[Example]],
    schedule: Schedule,
    checkpoint: Path,
    seed: int,
    every: int = 50,
) -> Iterator[dict[str, float]]:
    """Train on `work` in order; yield figures `every` so many steps, keep a checkpoint at every fourth.

    A run that finds its checkpoint goes on from there.
    """
    torch.manual_seed(seed)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=schedule.peak, betas=(0.9, 0.98), weight_decay=0.05, fused=True
    )
    first, spent = _restore(checkpoint, model, optimiser)
    model.train()
    started = time.process_time() - spent
    running = 0.0
    for step in range(first, min(schedule.steps, len(work))):
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate(step)
        loss = mean_loss(model, work[step])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        running += loss.item()
        if (step + 1) % every == 0:
            yield {"step": step + 1, "loss": running / every, "cpu_seconds": time.process_time() - started}
            running = 0.0
        if (step + 1) % (4 * every) == 0:
            _keep(checkpoint, model, optimiser, step + 1, time.process_time() - started)


def mean_loss(model: LlamaForCausalLM, batch: Sequence[Example]) -> torch.Tensor:
    """Mean negative log-likelihood (nats per learned token) of a right-padded batch."""
    width = max(len(example.ids) for example in batch)
    ids = torch.tensor([example.ids + [0] * (width - len(example.ids)) for example in batch])
    labels = torch.tensor([example.labels + [IGNORED] * (width - len(example.ids)) for example in batch])
    # Right padding needs no mask: a causal model never looks at what follows.
    logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
    return cross_entropy(
        logits.reshape(-1, logits.shape[-1]).float(), labels[:, 1:].reshape(-1), ignore_index=IGNORED
    )


@torch.no_grad()
def held_out_loss(model: LlamaForCausalLM, examples: Sequence[Example]) -> float:
    """Token-weighted mean loss over `examples`, nats per learned token."""
    model.eval()  # type: ignore[no-untyped-call]
    total, count = 0.0, 0
    for batch in batches(examples, tokens=8192, seed=0):
        tokens = sum(label != IGNORED for example in batch for label in example.labels[1:])
        total += mean_loss(model, batch).item() * tokens
        count += tokens
    return total / count


def _keep(
    path: Path, model: LlamaForCausalLM, optimiser: torch.optim.Optimizer, step: int, spent: float
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": step, "spent": spent}
    torch.save(state, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def _restore(path: Path, model: LlamaForCausalLM, optimiser: torch.optim.Optimizer) -> tuple[int, float]:
    """Take up a checkpoint; the step to go on from and the CPU seconds it took so far."""
    if not path.exists():
        return 0, 0.0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"]), float(state["spent"])


def schedule_figures(schedule: Schedule) -> dict[str, float]:
    """The schedule as plain figures, for provenance."""
    return asdict(schedule)
