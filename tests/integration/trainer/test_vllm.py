"""The adapter that a training leaves is served by a real vLLM, and says there what it says in peft."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from services.trainer.settings import TrainerSettings
from shared.contracts.datasets import DatasetKind
from shared.contracts.training.requests import TrainingRequest
from shared.store.local import LocalStore
from tests.integration.trainer.conftest import Trainer
from tests.real_vllm import MODEL, NAME, RealVllm
from tests.unit.services.trainer import tiny

PROMPT = "Once there was a merchant, who was so rich that"
TOKENS = 8


def logprobs(vllm: RealVllm, model: str) -> list[float]:
    """Of a greedy completion, as vLLM gives them."""
    body = {"model": model, "prompt": PROMPT, "max_tokens": TOKENS, "temperature": 0, "logprobs": 1}
    answer = httpx.post(f"{vllm.url}/v1/completions", json=body, timeout=120).raise_for_status().json()
    found: list[float] = answer["choices"][0]["logprobs"]["token_logprobs"]
    return found


@torch.no_grad()
def expected(model: Any) -> list[float]:
    """The same of transformers + peft."""
    ids = AutoTokenizer.from_pretrained(str(MODEL))(PROMPT, return_tensors="pt").input_ids
    found = []
    for _ in range(TOKENS):
        values, best = model(ids).logits[0, -1].float().log_softmax(-1).max(-1)
        found.append(float(values))
        ids = torch.cat((ids, best.view(1, 1)), 1)
    return found


@pytest.mark.vllm
def test_vllm_serves_the_adapter(
    vllm: RealVllm, local_store: LocalStore, redis_url: str, tmp_path: Path
) -> None:
    settings = TrainerSettings(models={NAME: str(MODEL)}, device="cpu", threads=1)
    trainer = Trainer(local_store, redis_url, settings, tmp_path)
    rows = trainer.dataset(tiny.stories(12), DatasetKind.COMPLETION)
    asked = {"epochs": 3, "rows_per_step": 4, "learning_rate": 0.01, "lora": {"target_modules": "all-linear"}}
    request = TrainingRequest.model_validate({"dataset": rows, "base": NAME, "settings": asked})
    artifact = trainer.artifact(trainer.run(request))
    folder = tmp_path / "adapter"
    folder.mkdir()
    for name in artifact.summary["files"]:
        (folder / name).write_bytes(artifact.read(name))
    base = AutoModelForCausalLM.from_pretrained(str(MODEL), dtype=torch.float32)
    plain = logprobs(vllm, NAME)
    loaded = {"lora_name": "trained", "lora_path": str(folder)}
    httpx.post(f"{vllm.url}/v1/load_lora_adapter", json=loaded, timeout=120).raise_for_status()
    try:
        served = logprobs(vllm, "trained")
    finally:
        httpx.post(f"{vllm.url}/v1/unload_lora_adapter", json={"lora_name": "trained"}, timeout=60)
    adapted = PeftModel.from_pretrained(base, str(folder)).eval()
    assert served == pytest.approx(expected(adapted), abs=0.02)  # vLLM computes in half precision
    assert served != pytest.approx(plain, abs=0.02)
