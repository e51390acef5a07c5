"""A whole suite, as `make up` starts it, and the main job in small."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from embedded.client import Gateway, Json
from embedded.demo import DATA, RECIPE, TEST
from embedded.suite import Suite, start, stop


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    data_dir = tmp_path_factory.mktemp("suite")
    try:
        yield start(data_dir, None, None, lambda name: None)
    finally:
        stop(data_dir)


@pytest.fixture(scope="session")
def gateway(suite: Suite) -> Gateway:
    return Gateway(suite.url)


@pytest.fixture(scope="session")
def inputs(gateway: Gateway) -> dict[str, str]:
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
    recipe["sweep"] = {"topics": [2, 20], "seed": [seed]}
    steps = recipe["steps"]
    steps["pool"]["request"]["count"] = 20
    steps["pool"]["request"]["seed"] = seed
    steps["generated"]["request"]["rows"] = 48
    return recipe
