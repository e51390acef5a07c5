"""What a pass would cost, traced on shapes."""

from __future__ import annotations

import pytest
import torch
from transformers import GPT2Config, LlamaConfig

from services.trainer.data.examples import Example
from services.trainer.planning import tracing
from services.trainer.planning.tracing import Kind, trace_pass
from shared.contracts.training.fields import Batching, Method
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


LLAMA = LlamaConfig(
    vocab_size=64, hidden_size=64, intermediate_size=128, num_hidden_layers=4, num_attention_heads=4
)


def rows(count: int, least: int) -> list[Example]:
    return [Example(str(n), (1,) * (least + n % 7), (2,) * 20) for n in range(count)]


@pytest.mark.parametrize("batching", ["padded", "packed"])
def test_a_pass_of_rounded_size_stands_for_those_near_it(batching: Batching) -> None:
    settings = TrainingSettings(batching=batching)
    for least in (30, 61):
        asked = rows(24, least)
        exact = tracing._kept_trace(Kind.of(LLAMA, settings), tuple(asked))
        found = trace_pass(LLAMA, settings, asked)
        assert found.flops == pytest.approx(exact.flops, rel=1e-6)
        assert found.kept_bytes == pytest.approx(exact.kept_bytes, rel=0.1)
        assert found.operations == pytest.approx(exact.operations, rel=0.1)


def test_a_study_s_next_job_is_not_traced_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows are others, its model the same; another adapter is another model."""
    built: list[int] = []
    from_config = tracing.AutoModelForCausalLM.from_config

    def counted(*args: object, **named: object) -> torch.nn.Module:
        built.append(1)
        return from_config(*args, **named)  # type: ignore[no-any-return]

    monkeypatch.setattr(tracing.AutoModelForCausalLM, "from_config", counted)
    config = LlamaConfig(**{**LLAMA.to_dict(), "vocab_size": 65})
    settings = TrainingSettings(batching="packed")
    first = trace_pass(config, settings, rows(8, 30))
    assert len(built) == 2
    second = trace_pass(config, settings.model_copy(update={"max_steps": 7}), rows(8, 31))
    assert len(built) == 2
    assert second.flops > first.flops
    wider = settings.model_copy(update={"lora": settings.lora.model_copy(update={"r": 16})})
    assert trace_pass(config, wider, rows(8, 30)).flops > first.flops
    assert len(built) == 4
