"""What is measured: the rows, the settings, and how the two sides' losses are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from benchmarks.trainer import corpus
from services.trainer.data.examples import Example
from shared.contracts.training.settings import TrainingSettings

Kind = Literal["train", "evaluate", "operations"]


@dataclass(frozen=True)
class Case:
    """One row of the result file. `batch`: the peer's rows per forward pass."""

    name: str
    kind: Kind
    shape: str
    batch: int
    settings: dict[str, Any]
    rows: Any
    target: float | None = None
    members: int = 1

    @property
    def source(self) -> str:
        """Whose text the rows are."""
        return "Dolly" if getattr(self.rows, "func", None) is corpus.instructions else corpus.source()

    @property
    def asked(self) -> TrainingSettings:
        return TrainingSettings.model_validate({"epochs": 1, **self.settings})

    def examples(self) -> Sequence[Example]:
        found: Sequence[Example] = self.rows()
        return found


@dataclass(frozen=True)
class Options:
    """What the command line may change."""

    shape: str | None = None
    device: str = "cpu"
    context: int = 1024
    pairs: int = 30
    contexts: int = 2
    rows: int = 160
    members: int = 8


def cases(options: Options) -> list[Case]:
    """All rows, those the project promises figures for first."""
    questions = partial(corpus.questions, options.contexts, options.pairs, options.context)
    shared = {"batching": "shared_prefix", "rows_per_step": options.pairs}
    mixed, equal = partial(corpus.sentences, options.rows), partial(corpus.equal, options.rows)
    dolly = partial(corpus.instructions, options.rows // 2)
    found = []
    for shape, suffix in (("llama", ""), ("gpt2", "_gpt2")):
        here = options.shape or shape
        found += [
            Case("shared_prefix_training" + suffix, "train", here, 10, shared, questions, 12),
            Case("shared_prefix_evaluation" + suffix, "evaluate", here, 10, shared, questions, 10),
            Case("packing_mixed_lengths" + suffix, "train", here, 8, {}, mixed, 1.8),
            Case("packing_equal_lengths" + suffix, "train", here, 8, {}, equal, 1.0),
            Case("adapters_ops_per_step" + suffix, "operations", here, 8, {}, mixed, 0.9, options.members),
        ]
        if options.shape:
            break
    long = {"epochs": 10, "learning_rate": 1e-3, "schedule": "cosine", "warmup_ratio": 0.03}
    return [
        *found,
        Case("packing_mixed_lengths_dolly", "train", options.shape or "llama", 8, {}, dolly, None),
        Case("loss_curve_200_steps", "train", options.shape or "llama-narrow", 8, long, mixed, None),
    ]
