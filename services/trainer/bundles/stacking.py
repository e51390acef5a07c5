"""Several LoRA adapters on one frozen base, computed together.

Line i of a batch belongs to adapter i. Each adapted layer computes x Wᵀ once for all lines, and the adapters'
own x Aᵢᵀ Bᵢᵀ as two batched products over the stacked A [N, r, in] and B [N, out, r]. All of them are views
of one flat tensor [N, parameters], so that clipping and the optimiser are a handful of operations whatever
the number of layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft import PeftModel, get_peft_model_state_dict, set_peft_model_state_dict
from torch import Tensor, nn
from transformers import PreTrainedModel

from services.trainer.bundles.members import AdapterState
from services.trainer.errors import UnsuitableModel
from services.trainer.models import loading
from shared.contracts.training.settings import LoraSettings

PREFIX, A, B = "base_model.model.", ".lora_A.weight", ".lora_B.weight"


@dataclass(frozen=True)
class Weights:
    """A [N, r, in] and B [N, out, r] of one layer, and where their gradients add up."""

    a: Tensor
    b: Tensor
    a_grad: Tensor
    b_grad: Tensor


class StackedAdapters(torch.autograd.Function):
    """result[i] + scaling x[i] A[i]ᵀ B[i]ᵀ, for all adapters in two batched products.

    Its backward pass adds the gradients of A and B to `a_grad` and `b_grad` itself and returns none for them.
    `flat`, the tensor that A and B are views of, is an argument for one reason: autograd calls the backward
    pass only if some argument requires gradients.
    """

    @staticmethod
    def forward(
        ctx: Any, result: Tensor, x: Tensor, flat: Tensor, weights: Weights, scaling: float
    ) -> Tensor:
        inner = torch.bmm(x.to(weights.a.dtype), weights.a.transpose(1, 2))
        ctx.save_for_backward(x, inner)
        ctx.weights, ctx.scaling = weights, scaling
        if result.dtype == inner.dtype:
            return torch.baddbmm(result, inner, weights.b.transpose(1, 2), alpha=scaling)
        return result + (torch.bmm(inner, weights.b.transpose(1, 2)) * scaling).to(result.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, inner = ctx.saved_tensors
        weights: Weights = ctx.weights
        wide = grad.to(inner.dtype)
        weights.b_grad.baddbmm_(wide.transpose(1, 2), inner, alpha=ctx.scaling)
        down = torch.bmm(wide, weights.b).mul_(ctx.scaling)
        weights.a_grad.baddbmm_(down.transpose(1, 2), x.to(down.dtype))
        to_x = torch.bmm(down, weights.a).to(x.dtype) if ctx.needs_input_grad[1] else None
        return grad, to_x, None, None, None


class StackedLinear(nn.Module):
    """A frozen layer with N adapters: y[i] = base(x[i]) + scaling x[i] A[i]ᵀ B[i]ᵀ; x [N, length, in]."""

    weights: Weights
    flat: Tensor

    def __init__(self, base: nn.Module, scaling: float) -> None:
        super().__init__()
        self.base, self.scaling = base, scaling

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = StackedAdapters.apply(  # type: ignore[no-untyped-call]
            self.base(x), x, self.flat, self.weights, self.scaling
        )
        return result


@dataclass(frozen=True)
class Slot:
    """Where a weight lies in the flat tensor, and its shape without the adapters' axis."""

    name: str
    start: int
    shape: tuple[int, int]

    @property
    def stop(self) -> int:
        return self.start + self.shape[0] * self.shape[1]


class Stack:
    """The adapters of a bundle on their base: `flat` [N, parameters] holds them, `grad` their gradients."""

    def __init__(
        self, base: PreTrainedModel, adapters: Sequence[AdapterState], settings: LoraSettings
    ) -> None:
        if settings.dropout:
            raise UnsuitableModel(
                "Adapters with dropout cannot equal their solo runs in a shared pass: set it to 0."
            )
        self.base, self.settings = base.requires_grad_(False), settings
        self.slots = _slots(adapters[0])
        rows = [torch.cat([adapter[slot.name].flatten() for slot in self.slots]) for adapter in adapters]
        self.flat = torch.stack(rows).float().to(base.device)
        self.grad = torch.zeros_like(self.flat)
        self._layers: dict[str, StackedLinear] = {}
        self._bind()

    def __len__(self) -> int:
        return self.flat.shape[0]

    def _view(self, flat: Tensor, slot: Slot) -> Tensor:
        return flat[:, slot.start : slot.stop].view(len(self), *slot.shape)

    def _bind(self) -> None:
        """Points every adapted layer's A and B, and their gradients, into the flat tensors."""
        slots = {slot.name: slot for slot in self.slots}
        scaling = self.settings.alpha / self.settings.r
        tracked = self.flat.detach().requires_grad_()
        for name in dict.fromkeys(_layer(slot.name) for slot in self.slots):
            if name not in self._layers:
                self._layers[name] = StackedLinear(self.base.get_submodule(name), scaling)
                self.base.set_submodule(name, self._layers[name])
            ends = [slots[PREFIX + name + end] for end in (A, B)]
            views = [self._view(flat, slot) for flat in (self.flat, self.grad) for slot in ends]
            self._layers[name].weights, self._layers[name].flat = Weights(*views), tracked

    def keep(self, which: Sequence[int]) -> None:
        """Only these adapters go on."""
        chosen = torch.tensor(which, device=self.flat.device)
        self.flat, self.grad = self.flat[chosen].clone(), self.grad[chosen].clone()
        self._bind()

    def state(self, index: int) -> dict[str, Tensor]:
        """One adapter's weights, in peft's names."""
        return {
            slot.name: self._view(self.flat, slot)[index].to("cpu", copy=True).contiguous()
            for slot in self.slots
        }

    def remove(self) -> None:
        """Puts the base's own layers back."""
        for name, layer in self._layers.items():
            self.base.set_submodule(name, layer.base)
        self._layers.clear()


def _slots(adapter: AdapterState) -> list[Slot]:
    slots, start = [], 0
    for name, tensor in adapter.items():
        if not name.endswith((A, B)) or tensor.dim() != 2:
            raise UnsuitableModel(f"Only plain low-rank adapters can be stacked; this one has {name}.")
        slots.append(Slot(name, start, (tensor.shape[0], tensor.shape[1])))
        start = slots[-1].stop
    return slots


def _layer(name: str) -> str:
    return name.removeprefix(PREFIX).removesuffix(A).removesuffix(B)


def fresh_adapter(base: PreTrainedModel, settings: LoraSettings, seed: int) -> dict[str, Tensor]:
    """The initial weights that a solo training with this seed starts from; the base is left as it was."""
    adapted = loading.add_lora(base, settings, seed=seed)
    state = {name: tensor.detach().clone() for name, tensor in get_peft_model_state_dict(adapted).items()}
    adapted.unload()
    return state


def as_peft(base: PreTrainedModel, settings: LoraSettings, state: AdapterState) -> PeftModel:
    """The base with one adapter's weights on it, as peft's own model (to save or evaluate)."""
    adapted = loading.add_lora(base, settings, seed=0)
    set_peft_model_state_dict(adapted, dict(state))
    return adapted
