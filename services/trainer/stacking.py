"""Several LoRA adapters on one frozen base, computed together.

Line i of a batch belongs to adapter i. Each adapted layer computes x Wᵀ once for all lines, and the adapters'
own x Aᵢᵀ Bᵢᵀ as two batched products over the stacked A [N, r, in] and B [N, out, r]. All of them are views
of one flat tensor [N, parameters], so that clipping and the optimiser are a handful of operations whatever
the number of layers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from peft import get_peft_model_state_dict, set_peft_model_state_dict
from torch import Tensor, nn
from transformers import PreTrainedModel

from services.trainer import models
from services.trainer.errors import UnsuitableModel
from shared.contracts.training import LoraSettings

PREFIX, A, B = "base_model.model.", ".lora_A.weight", ".lora_B.weight"
AdapterState = Mapping[str, Tensor]


class StackedLinear(nn.Module):
    """A frozen layer with N adapters: y[i] = base(x[i]) + scaling x[i] A[i]ᵀ B[i]ᵀ; x [N, length, in]."""

    def __init__(self, base: nn.Module, a: nn.Parameter, b: nn.Parameter, scaling: float) -> None:
        super().__init__()
        self.base, self.a, self.b, self.scaling = base, a, b, scaling

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.base(x)
        inner = torch.bmm(x.to(self.a.dtype), self.a.transpose(1, 2))
        if result.dtype == inner.dtype:
            return torch.baddbmm(result, inner, self.b.transpose(1, 2), alpha=self.scaling)
        return result + (torch.bmm(inner, self.b.transpose(1, 2)) * self.scaling).to(result.dtype)


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
        parameters: dict[str, nn.Parameter] = {}
        for slot in self.slots:
            parameters[slot.name] = nn.Parameter(self._view(self.flat, slot))
            parameters[slot.name].grad = self._view(self.grad, slot)
        scaling = self.settings.alpha / self.settings.r
        for name in dict.fromkeys(_layer(slot.name) for slot in self.slots):
            a, b = (parameters[PREFIX + name + end] for end in (A, B))
            if name in self._layers:
                self._layers[name].a, self._layers[name].b = a, b
            else:
                self._layers[name] = StackedLinear(self.base.get_submodule(name), a, b, scaling)
                self.base.set_submodule(name, self._layers[name])

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
    adapted = models.add_lora(base, settings, seed=seed)
    state = {name: tensor.detach().clone() for name, tensor in get_peft_model_state_dict(adapted).items()}
    adapted.unload()
    return state


def as_peft(base: PreTrainedModel, settings: LoraSettings, state: AdapterState) -> nn.Module:
    """The base with one adapter's weights on it, as peft's own model (to save or evaluate)."""
    adapted = models.add_lora(base, settings, seed=0)
    set_peft_model_state_dict(adapted, dict(state))
    return adapted
