"""Gradient diversity: how many different things a dataset would teach a model.

G-Vendi (Jung et al., "Prismatic Synthesis", 2505.20161): of each row the gradient g of its loss in the
weights of a small model, projected at random to a few dimensions and scaled to length 1; then, with λ the
eigenvalues of (1/n) Σ g gᵀ,

    exp(−Σ λ ln λ),   between 1 (all rows teach one thing) and min(n, dimensions).

The weights are those of every linear layer but the head. A row's gradient in one of them is Σ_t δ_t x_tᵀ over
its tokens, with x the layer's input and δ the loss's gradient in its output. It is projected from both sides,
Σ_t (P δ_t)(Q x_t)ᵀ, with matrices of random signs, and added to those of the other layers. So the gradient
itself, which is as large as the model, is never there, and one backward pass serves all rows of a batch.
Products of such projections are on average those of the gradients, and with 1,024 dimensions near them.

It grows with the number of rows, as every Vendi score does: compare equal sizes, of one model and one seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from services.trainer.batching import batches, layouts
from services.trainer.batching.batches import Batch
from services.trainer.data.examples import Example
from services.trainer.errors import NonFiniteLoss, UnsuitableModel
from services.trainer.evaluation.losses import passes
from services.trainer.loop.loss import base_of, summed_loss
from services.trainer.operations.progress import go_on
from shared.contracts.training.results import GradientDiversity
from shared.contracts.training.settings import EvaluationSettings, GradientSettings

LEVEL = 0.95
FEWEST = 30
"""Rows from which on the normal law serves for the interval; of fewer there is none."""


def gradient_diversity(
    model: nn.Module,
    examples: Sequence[Example],
    settings: EvaluationSettings,
    asked: GradientSettings,
    *,
    pad_id: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
    check: Callable[[], None] = go_on,
) -> GradientDiversity:
    """Of the rows, or of a seeded sample of `asked.rows`. Raises NonFiniteLoss, and what `check` raises."""
    chosen = sampled(examples, asked)
    vectors = gradients(model, chosen, settings, asked, pad_id=pad_id, progress=progress, check=check)
    return diversity_of(vectors, asked)


def sampled(examples: Sequence[Example], asked: GradientSettings) -> list[Example]:
    """A seeded sample of the rows, in their order; all where they are not more."""
    if len(examples) <= asked.rows:
        return list(examples)
    generator = torch.Generator().manual_seed(asked.seed)
    places = torch.randperm(len(examples), generator=generator)[: asked.rows].sort().values
    return [examples[place] for place in places.tolist()]


def gradients(
    model: nn.Module,
    examples: Sequence[Example],
    settings: EvaluationSettings,
    asked: GradientSettings,
    *,
    pad_id: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
    check: Callable[[], None] = go_on,
) -> Tensor:
    """The projected gradient of each row, (rows, dimensions), float32 and of length 1, in the rows' order; a
    row whose loss has no gradient is all zeros."""
    padded = settings.model_copy(update={"batching": "padded"})
    device = next(model.parameters()).device
    found = torch.zeros(len(examples), asked.side**2)
    was_training, done = model.training, 0
    model.eval()
    try:
        with layouts.laid_out(model, "padded"), watched(model, asked) as watch:
            for indices in passes(examples, padded):
                check()
                batch = batches.build([examples[i] for i in indices], "padded", settings.loss_on, pad_id)
                found[list(indices)] = watch.gradients(model, batch.to(device)).cpu()
                done += len(indices)
                progress(done, len(examples))
    finally:
        model.train(was_training)
    return nn.functional.normalize(found, dim=1)


def diversity_of(vectors: Tensor, asked: GradientSettings) -> GradientDiversity:
    """The score of unit rows, with the interval that their influence on the entropy gives: of a row g that is
    −gᵀ(ln ρ)g − H, with ρ = (1/n) Σ g gᵀ."""
    taught = vectors[vectors.any(dim=1)].double()
    rows = len(taught)
    if not rows:
        return GradientDiversity(value=None, rows=0, rows_without_gradient=len(vectors), settings=asked)
    values, axes = torch.linalg.eigh(taught.T @ taught / rows)
    kept = values > values[-1] * len(values) * torch.finfo(torch.float64).eps
    values, axes = values[kept] / values[kept].sum(), axes[:, kept]
    entropy = float(-(values * values.log()).sum())
    influence = -(taught @ axes).square() @ values.log() - entropy
    sure = rows >= FEWEST
    half = NormalDist().inv_cdf((1 + LEVEL) / 2) * float(influence.std()) / math.sqrt(rows) if sure else 0.0
    return GradientDiversity(
        value=math.exp(entropy),
        low=math.exp(entropy - half) if sure else None,
        high=math.exp(entropy + half) if sure else None,
        rows=rows,
        rows_without_gradient=len(vectors) - rows,
        settings=asked,
    )


def watched_layers(model: nn.Module) -> Iterator[nn.Module]:
    """Every linear layer but the head, in the model's order."""
    head = base_of(model).get_output_embeddings()
    return (part for part in model.modules() if isinstance(part, nn.Linear | Conv1D) and part is not head)


def signs(rows: int, columns: int, seed: int, place: int) -> Tensor:
    """A matrix of ±1/√rows, the same on every machine."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + place)
    drawn = torch.randint(0, 2, (rows, columns), generator=generator, dtype=torch.int8)
    return (2.0 * drawn - 1.0) / math.sqrt(rows)


@dataclass
class Watch:
    """Gathers the projected gradients of a batch's rows while its loss goes back through the layers."""

    side: int
    seed: int
    inputs: dict[int, Tensor] = field(default_factory=dict)
    matrices: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    gathered: Tensor | None = None

    def gradients(self, model: nn.Module, batch: Batch) -> Tensor:
        """Of each row of a padded batch, (rows, side²), not yet scaled."""
        device = batch.input_ids.device
        self.gathered = torch.zeros(len(batch.rows), self.side, self.side, device=device)
        loss = summed_loss(model, batch)
        if not torch.isfinite(loss):
            raise NonFiniteLoss(0, list(batch.rows), float(loss))
        torch.autograd.backward(loss)
        self.inputs.clear()
        return self.gathered.flatten(1)

    def hook(self, place: int) -> Callable[[nn.Module, tuple[Any, ...], Tensor], None]:
        """Sees the layer's input when it is computed, and the gradient of its output when that comes back."""

        def forward(layer: nn.Module, given: tuple[Any, ...], output: Tensor) -> None:
            if given[0].dim() != 3 or self.gathered is None or len(given[0]) != len(self.gathered):
                raise UnsuitableModel(
                    f"{type(layer).__name__} layers of this model see tokens apart from their rows: their "
                    "gradients cannot be told by row. Take another base."
                )
            of_output, of_input = self._matrices(place, output, given[0])
            projected = given[0].detach().float() @ of_input.T

            def backward(gradient: Tensor) -> None:
                assert self.gathered is not None
                self.gathered += torch.einsum("rtp,rtq->rpq", gradient.float() @ of_output.T, projected)

            output.register_hook(backward)  # type: ignore[no-untyped-call]  # torch annotates no hooks

        return forward

    def _matrices(self, place: int, output: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        if place not in self.matrices:
            sizes = output.shape[-1], given.shape[-1]
            self.matrices[place] = (
                signs(self.side, sizes[0], self.seed, 2 * place).to(output.device),
                signs(self.side, sizes[1], self.seed, 2 * place + 1).to(output.device),
            )
        return self.matrices[place]


@contextmanager
def watched(model: nn.Module, asked: GradientSettings) -> Iterator[Watch]:
    """Inside, no weight has gradients of its own, and every linear layer is watched."""
    watch = Watch(asked.side, asked.seed)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    embeddings = base_of(model).get_input_embeddings()
    hooks = [embeddings.register_forward_hook(lambda part, given, output: output.requires_grad_(True))]
    hooks += [layer.register_forward_hook(watch.hook(n)) for n, layer in enumerate(watched_layers(model))]
    try:
        for weight in trained:
            weight.requires_grad_(False)
        yield watch
    finally:
        for hook in hooks:
            hook.remove()
        for weight in trained:
            weight.requires_grad_(True)
