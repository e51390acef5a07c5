"""A trained adapter is a source like any other: in a job, and in a preview before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.artifacts import project_store
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.prompts import Format
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.strategies import AnswerRule, Strategy
from shared.contracts.jobs import JobState
from tests.contract.sources.servers import Source, running_standin
from tests.integration.generator.adapters import trained
from tests.integration.generator.conftest import Service, upload
from tests.real_vllm import NAME

PROMPTS = [{"id": f"p{i}", "text": f"Topic: a fox and {i} geese"} for i in range(4)]


@pytest.fixture(scope="module")
def server() -> Iterator[Source]:
    with running_standin() as source:
        yield source


@pytest.fixture
def worker(server: Source, service: Callable[..., Service], tmp_path: Path) -> Service:
    spec = {"base_url": f"{server.url}/v1", "model": NAME, "adapters_dir": str(tmp_path / "adapters")}
    return service(story=spec)


def request(worker: Service, adapter: str) -> GenerationRequest:
    return GenerationRequest(
        kind=DatasetKind.COMPLETION,
        strategy=Strategy.ANSWERS,
        prompts=upload(worker.store, DatasetKind.TEXT, PROMPTS),
        sources=[SourceRef(name="story"), SourceRef(name="story", adapter=adapter)],
        answers=AnswerRule(assign="chunk", system=None),
        format=Format.PLAIN,
        max_tokens=12,
    )


def test_rows_of_an_adapter_say_so(worker: Service) -> None:
    adapter = trained(project_store(worker.store, "p"), 0.2).id
    ended = worker.run(request(worker, adapter))
    assert ended.state is JobState.SUCCEEDED, ended.error
    artifact = worker.artifact(ended)
    assert [row["origin"]["model"] for row in artifact.rows()] == [NAME, NAME, adapter, adapter]
    assert [row["origin"]["source"] for row in artifact.rows()][2:] == [f"story+{adapter}"] * 2
    assert artifact.manifest.inputs["sources/1/adapter"] == adapter
    assert artifact.summary["ledger"]["sources"][f"story+{adapter}"]["answered"] == 2


def test_a_preview_loads_the_adapter(worker: Service) -> None:
    adapter = trained(project_store(worker.store, "p"), 0.3).id
    asked: dict[str, Any] = request(worker, adapter).model_dump(mode="json", exclude_none=True)
    asked["sources"] = asked["sources"][1:]
    asked["answers"]["assign"] = "single"
    with worker.api() as client:
        shown = client.post("/v1/preview", json={"project": "p", "generation": asked, "samples": 1})
    assert shown.status_code == 200, shown.text
    [candidate] = shown.json()["candidates"]
    assert candidate["rows"][0]["origin"]["model"] == adapter
