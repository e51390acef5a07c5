"""What a pass would cost, traced on shapes."""

from __future__ import annotations

import pytest
from transformers import GPT2Config

from services.trainer.data.examples import Example
from services.trainer.planning.tracing import trace_pass
from shared.contracts.training.fields import Method
from shared.contracts.training.settings import EvaluationSettings, TrainingSettings

EXAMPLES = [Example("a", (1, 2, 3), (4, 5)), Example("b", (1, 2), (6, 7, 8))]


@pytest.mark.parametrize("method", ["full", "lora", "pretrain"])
def test_a_model_whose_config_asks_for_dropout_can_be_planned_packed(method: Method) -> None:
    """GPT-2's config has attention dropout: planning built it with that, and refused what would train."""
    config = GPT2Config(vocab_size=16, n_embd=8, n_layer=3, n_head=2, n_positions=32)
    assert config.attn_pdrop > 0
    found = trace_pass(config, TrainingSettings(method=method, batching="packed"), EXAMPLES)
    assert found.flops > trace_pass(config, EvaluationSettings(), EXAMPLES).flops > 0
    assert config.attn_pdrop > 0  # the caller's config is as it was
