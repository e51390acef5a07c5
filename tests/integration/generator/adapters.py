"""Adapters of the bundled generator, as the trainer leaves them, without training any."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from shared.artifacts import Artifact, ArtifactWriter
from shared.contracts.artifacts import Manifest
from shared.contracts.base import ArtifactKind
from shared.identity import digest
from shared.store.base import ObjectStore
from tests.real_vllm import MODEL, NAME


def trained(store: ObjectStore, scale: float) -> Artifact:
    """A LoRA adapter of the bundled generator, as the trainer leaves one, with noise for weights."""
    rng = np.random.default_rng(0)
    size = json.loads((MODEL / "config.json").read_text())
    settings = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": NAME,
        "r": 4,
        "lora_alpha": 8,
        "target_modules": ["q_proj", "v_proj"],
        "bias": "none",
    }
    width, weights = size["hidden_size"], {}
    for layer in range(size["num_hidden_layers"]):
        for name in ("q_proj", "v_proj"):
            at = f"base_model.model.model.layers.{layer}.self_attn.{name}"
            weights[f"{at}.lora_A.weight"] = rng.normal(0, scale, (4, width)).astype(np.float32)
            weights[f"{at}.lora_B.weight"] = rng.normal(0, scale, (width, 4)).astype(np.float32)
    artifact_id = f"model-{digest([settings, scale])}"
    with tempfile.TemporaryDirectory() as folder:
        writer = ArtifactWriter(store, artifact_id, 1, Path(folder))
        writer.put("adapter_config.json", json.dumps(settings).encode(), "application/json")
        writer.put("adapter_model.safetensors", save(weights), "application/octet-stream")
        writer.commit(
            Manifest(
                id=artifact_id,
                kind=ArtifactKind.MODEL,
                operation="train",
                version=1,
                request={},
                inputs={},
                parts=[],
                summary={"method": "lora"},
                software={},
                job="test",
                created_at=datetime.now(UTC),
            )
        )
    return Artifact.open(store, artifact_id)
