"""Every operation of the metrics worker can be asked for over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from services.gateway.api import create_app
from services.gateway.routes.submissions import COLLECTIONS
from services.gateway.settings import GatewaySettings
from services.metrics.operations.handlers import handlers
from services.metrics.settings import MetricsSettings

OPERATIONS = sorted(request.operation for request in handlers(MetricsSettings()))
ABSENT = "dataset-" + "0" * 32


@pytest.fixture
def gateway(redis_url: str, tmp_path: Path) -> Iterator[TestClient]:
    settings = GatewaySettings(redis_url=redis_url, data_dir=tmp_path)  # type: ignore[arg-type]
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_has_a_collection_that_takes_it(gateway: TestClient, operation: str) -> None:
    if operation == "ingest":  # an upload's: `/v1/datasets`
        return
    collection = COLLECTIONS[operation][0]
    assert gateway.post(f"/v1/{collection}", json={"nonsense": 1}).status_code == 422
    assert gateway.post(f"/v1/{collection}/estimate", json={"nonsense": 1}).status_code == 422


def test_a_dataset_to_deduplicate_must_be_there(gateway: TestClient) -> None:
    answer = gateway.post("/v1/deduplications", json={"dataset": ABSENT, "similarity": 0.8})
    assert (answer.status_code, answer.json()["code"]) == (422, "input_missing")
    assert ABSENT in answer.text
