"""Decoder layers compiled by torch: fewer and larger kernels, where a step is bound by launching them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from transformers.modeling_layers import GradientCheckpointingLayer


@contextmanager
def compiled_layers(model: nn.Module, backend: str = "inductor") -> Iterator[None]:
    """Inside, each decoder layer of the model is compiled, all as one and for rows of any length; the
    attention of packed rows keeps its own kernels. In half precision a fused kernel rounds less often.
    """
    layers = [one for one in model.modules() if isinstance(one, GradientCheckpointingLayer)]
    for layer in layers:
        layer.compile(dynamic=True, backend=backend)
    try:
        yield
    finally:
        for layer in layers:
            layer._compiled_call_impl = None
