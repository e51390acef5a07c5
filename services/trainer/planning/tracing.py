"""A forward and backward pass on shapes alone: what it would compute and keep, for any size of model.

The real code runs under torch's FakeTensorMode (tensors with a shape and no data), on a model of one layer
and on one of two; layers are alike, so the rest follows linearly. An 8B model takes a second and no memory.
A study has many jobs of one kind and nearly one size: what is traced is a pass of rounded size, kept for the
next job, and scaled to the pass that was asked for.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM, PretrainedConfig

from services.trainer.attention import packed
from services.trainer.batching import batches, layouts
from services.trainer.batching.steps import computed_tokens
from services.trainer.data.examples import Example
from services.trainer.loop import loss
from services.trainer.models import loading
from shared.contracts.training.fields import Batching
from shared.contracts.training.settings import EvaluationSettings, TrainingSettings

ROUNDED = 32
"""Rows of a pass that is traced have lengths of multiples of so many tokens."""
KEPT = 256
"""Traces that a process keeps."""


@dataclass(frozen=True)
class Trace:
    """Of one pass: floating-point operations in matrix products (attention left out), bytes that autograd
    keeps (weights and logits left out), operations dispatched.
    """

    flops: float
    kept_bytes: float
    operations: float

    def extended(self, longer: Trace, layers: int) -> Trace:
        """Self has one layer, `longer` two; the trace of `layers`."""
        pairs = zip(vars(self).values(), vars(longer).values(), strict=True)
        return Trace(*(one + (two - one) * (layers - 1) for one, two in pairs))

    def of_tokens(self, share: float) -> Trace:
        """Of the same pass with `share` times the tokens: the same operations, each on so much more."""
        return Trace(self.flops * share, self.kept_bytes * share, self.operations)


@dataclass(frozen=True)
class Kind:
    """What decides how a model of this config is made for a job with these settings, and so its shapes."""

    config: PretrainedConfig = field(compare=False)
    settings: TrainingSettings | EvaluationSettings = field(compare=False)
    key: str

    @classmethod
    def of(cls, config: PretrainedConfig, settings: TrainingSettings | EvaluationSettings) -> Kind:
        names = ("method", "lora", "batching", "gradient_checkpointing", "model_dropout")
        chosen = settings.model_dump(mode="json", include=set(names))
        made = [type(config).__name__, config.to_dict(), type(settings).__name__, chosen]
        return cls(config, settings, json.dumps(made, sort_keys=True, default=str))


def trace_pass(
    config: PretrainedConfig, settings: TrainingSettings | EvaluationSettings, examples: Sequence[Example]
) -> Trace:
    """Trace of one training pass over these examples (of a forward pass, for an evaluation)."""
    alike = like(examples, settings.batching)
    share = computed_tokens(examples, settings.batching) / computed_tokens(alike, settings.batching)
    return _kept_trace(Kind.of(config, settings), alike).of_tokens(share)


def parameter_counts(
    config: PretrainedConfig, settings: TrainingSettings | EvaluationSettings
) -> tuple[int, int]:
    """Parameters of the model to be trained: all, and those that are trained."""
    return _kept_counts(Kind.of(config, settings))


@lru_cache(maxsize=KEPT)
def _kept_counts(kind: Kind) -> tuple[int, int]:
    return loading.parameter_counts(shape_model(kind.config, kind.settings))


def like(examples: Sequence[Example], batching: Batching) -> tuple[Example, ...]:
    """A pass of as many rows, of rounded lengths: padded rows are as long as the longest, packed ones as long
    as their mean. Rows that share prefixes stay as they are, but for their tokens.
    """
    if batching == "shared_prefix":
        return tuple(
            Example("", (0,) * len(one.prompt), (0,) * len(one.completion), one.group, one.shared)
            for one in examples
        )
    lengths = [len(example) for example in examples]
    length = max(lengths) if batching == "padded" else -(-sum(lengths) // len(lengths))
    rounded = -(-length // ROUNDED) * ROUNDED
    return (Example("", (0,) * (rounded // 2), (0,) * (rounded - rounded // 2)),) * len(examples)


@lru_cache(maxsize=KEPT)
def _kept_trace(kind: Kind, examples: tuple[Example, ...]) -> Trace:
    config, settings = kind.config, kind.settings
    batch = batches.build(examples, settings.batching, settings.loss_on)
    if batch.segments:
        run, ids = loss.kernel_of(batch), batch.input_ids  # their index arithmetic needs real numbers
        window = getattr(config.get_text_config(), "sliding_window", None)
        packed.within(run, window, ids.device, ids.numel())
    short, long = (_trace(with_layers(config, layers), settings, batch) for layers in (1, 2))
    return short.extended(long, config.get_text_config().num_hidden_layers)


def with_layers(config: PretrainedConfig, layers: int) -> PretrainedConfig:
    """The same architecture, cut to so many layers."""
    cut = copy.deepcopy(config)
    cut.get_text_config().num_hidden_layers = layers
    if getattr(cut.get_text_config(), "layer_types", None):
        cut.get_text_config().layer_types = cut.get_text_config().layer_types[:layers]
    return cut


def shape_model(config: PretrainedConfig, settings: TrainingSettings | EvaluationSettings) -> nn.Module:
    """The model to be trained, its parameters without data (on the meta device)."""
    if not (isinstance(settings, TrainingSettings) and settings.model_dropout):
        config = copy.deepcopy(config)
        loading.silence(config)  # as the model itself is when it is loaded
    with torch.device("meta"):
        model: Any = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
        if isinstance(settings, TrainingSettings) and settings.method == "lora":
            model = loading.add_lora(model, settings.lora, seed=0)
    layouts.use_batching(model, settings.batching)
    if isinstance(settings, EvaluationSettings):
        model.requires_grad_(False)
    assert isinstance(model, nn.Module)
    return model


def _trace(
    config: PretrainedConfig, settings: TrainingSettings | EvaluationSettings, batch: batches.Batch
) -> Trace:
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    model = shape_model(config, settings).train()
    if isinstance(settings, TrainingSettings) and settings.gradient_checkpointing:
        _checkpoint_layers(model)
    _as_if_on_cpu(model, mode)
    kept: dict[int, Any] = {}
    counted = FlopCounterMode(display=False)
    with mode, counted, _Counter() as counter:  # type: ignore[no-untyped-call]
        with torch.autograd.graph.saved_tensors_hooks(lambda x: _keep(x, kept), lambda x: x):
            hidden, _ = loss.hidden_states(model, batch)
            total = hidden.sum()
        if total.requires_grad:
            total.backward()  # type: ignore[no-untyped-call]
    weights = {parameter.untyped_storage()._cdata for parameter in model.parameters()}
    bytes_kept = sum(storage.nbytes() for data, storage in kept.items() if data not in weights)
    return Trace(float(counted.get_total_flops()), float(bytes_kept), float(counter.count))


def _keep(tensor: Tensor, kept: dict[int, Any]) -> Tensor:
    storage = tensor.untyped_storage()
    kept[storage._cdata] = storage  # held, so that no other storage takes its place
    return tensor


def _checkpoint_layers(model: Any) -> None:
    model.gradient_checkpointing_enable()
    model.enable_input_require_grads()


def _as_if_on_cpu(model: nn.Module, mode: FakeTensorMode) -> None:
    """Every parameter and buffer becomes a fake CPU tensor of the same shape."""
    cpu = torch.device("cpu")
    for module in model.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                fake = FakeTensor(mode, parameter.data, cpu)
                module._parameters[name] = nn.Parameter(fake, requires_grad=parameter.requires_grad)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = FakeTensor(mode, buffer.data.to("meta"), cpu)


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts dispatched operations."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return func(*args, **(kwargs or {}))
