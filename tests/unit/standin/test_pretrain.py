"""The pre-training command, on a corpus of seconds; the bundled models, as they lie."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from standin.corpus import PLANS
from standin.pretrain import CONTEXT, MODEL_SEED, MODELS

MEGABYTE = 1_000_000


def run(build: Path, models: Path) -> dict[str, Any]:
    options = ["--documents", "120", "--build", str(build), "--out", str(models), "--threads", "1"]
    command = [sys.executable, "-m", "standin.pretrain", "base", *options]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    provenance: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return provenance


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("trial")
    return folder, run(folder / "build", folder / "models")


def test_a_trial_run_saves_a_model_that_loads_and_writes(trial: tuple[Path, dict[str, Any]]) -> None:
    folder = trial[0] / "models" / "base"
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    prompt = AutoTokenizer.from_pretrained(folder)("The bridge in", return_tensors="pt")
    assert (
        model.generate(**prompt, max_new_tokens=3, min_new_tokens=3).shape[1]
        == prompt["input_ids"].shape[1] + 3
    )


def test_provenance_says_what_made_the_model(trial: tuple[Path, dict[str, Any]]) -> None:
    folder, printed = trial
    written = json.loads((folder / "models" / "base" / "provenance.json").read_text())
    assert written == printed
    assert written["corpus"]["seed"] == PLANS["base"].seed
    assert written["schedule"]["steps"] > 0
    assert 0 < written["held_out_loss"] < 9


def test_the_same_seed_makes_the_same_weights(trial: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    run(tmp_path / "build", tmp_path / "models")
    first, second = (load_file(f / "models" / "base" / "model.safetensors") for f in (trial[0], tmp_path))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("name", PLANS)
def test_a_bundled_model_is_small_and_says_where_it_came_from(name: str) -> None:
    folder = MODELS / name
    weights = folder / "model.safetensors"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 3 * MEGABYTE
    assert {tensor.dtype for tensor in load_file(weights).values()} == {torch.float16}
    provenance = json.loads((folder / "provenance.json").read_text())
    assert provenance["model"] == name
    assert provenance["seed"] == MODEL_SEED
    assert provenance["corpus"]["seed"] == PLANS[name].seed
    assert json.loads((folder / "config.json").read_text())["max_position_embeddings"] == CONTEXT


def test_both_bundled_models_read_alike() -> None:
    assert (MODELS / "generator" / "tokenizer.json").read_bytes() == (
        MODELS / "base" / "tokenizer.json"
    ).read_bytes()
