"""A whole suite, as `make up` starts it, and the main job in small."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
import yaml
from tenacity import Retrying, stop_after_delay, wait_fixed
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from embedded.client import GatewayClient, Json
from embedded.demo import DATA, RECIPE, TEST
from embedded.processes import REPOSITORY, Additions
from embedded.suite import Suite, running, start, stop
from tests.ports import free_port
from tests.waiting import PATIENCE

BASE = REPOSITORY / "standin" / "models" / "base"
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "gpt2": {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 512},
    "opt": {
        "hidden_size": 64, "ffn_dim": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
        "word_embed_proj_dim": 64, "max_position_embeddings": 512,
    },
}  # fmt: skip


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """With two more base models, and a simulated source that follows instructions; or, while tests are being
    written, the one that runs in the folder which GAMUT_E2E_SUITE names."""
    if (here := os.environ.get("GAMUT_E2E_SUITE")) and (found := running(Path(here))):
        yield found
        return
    data_dir = tmp_path_factory.mktemp("suite")
    with simulated_source() as address:
        sources = {"simulated": {"base_url": address, "model": "gamut-simulation", "api": "chat"}}
        models = {kind: str(untrained(kind, data_dir / "models" / kind)) for kind in ARCHITECTURES}
        try:
            yield start(data_dir, None, free_port(), lambda name: None, Additions(sources, models))
        finally:
            stop(data_dir)


@contextmanager
def simulated_source() -> Iterator[str]:
    """A process that answers as an instructed model would, in invented words."""
    port = free_port()
    command = [sys.executable, "-m", "tests.simulation", "--port", str(port)]
    process = subprocess.Popen(command)
    address = f"http://127.0.0.1:{port}"
    try:
        for attempt in Retrying(stop=stop_after_delay(PATIENCE), wait=wait_fixed(0.1), reraise=True):
            with attempt:
                httpx.get(f"{address}/counts").raise_for_status()
        yield f"{address}/v1"
    finally:
        process.kill()
        process.wait()


def untrained(kind: str, folder: Path) -> Path:
    """A tiny model of that architecture with random weights and the bundled tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(BASE)
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, vocab_size=len(tokenizer), **ARCHITECTURES[kind])
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def gateway(suite: Suite) -> GatewayClient:
    return GatewayClient(suite.url)


@pytest.fixture(scope="session")
def inputs(gateway: GatewayClient) -> dict[str, str]:
    """The bundled rows, uploaded."""
    return {"real": gateway.upload(DATA, "completion", {}), "test": gateway.upload(TEST, "completion", {})}


@pytest.fixture(scope="session")
def small_recipe(inputs: dict[str, str]) -> Callable[[int], Json]:
    """The bundled recipe, at two levels and few rows; another seed is another experiment."""

    def make(seed: int) -> Json:
        return shrunk(RECIPE, seed) | {"inputs": inputs}

    return make


def shrunk(path: Path, seed: int) -> Json:
    recipe: Json = yaml.safe_load(path.read_text())
    recipe["name"] = f"small-{seed}"
    recipe["sweep"] = {"level": [2, 20], "reached": {"fewer": 0.25, "more": 1}, "seed": [seed]}
    recipe["steps"]["pool"]["request"]["seed"] = seed
    recipe["parameters"] |= {"rows": 48, "reach": 64, "pool": 20}
    often = {"patience": 2, "every_steps": 10}
    recipe["parameters"]["training"] |= {"max_steps": 60, "early_stopping": often}
    return recipe
