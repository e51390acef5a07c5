"""Two files measured against each other through the gateway, by a real metrics service behind it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import Request
from fastapi.testclient import TestClient

from services.gateway.access.keys import ApiKey, key_digest, new_key
from services.gateway.api import create_app
from services.gateway.settings import GatewaySettings
from services.metrics.api import create_app as create_metrics
from services.metrics.measuring.pictures import QUICK
from services.metrics.settings import MetricsSettings
from shared.http.service import make_api

TEXTS = [f"the {who} {what} home" for who in ("cat", "dog", "fox", "elf") for what in ("ran", "sang", "hid")]
OTHERS = [text.replace("home", "far far away") for text in TEXTS]


def lines(texts: list[str]) -> bytes:
    return "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()


@pytest.fixture(scope="module")
def metrics() -> Iterator[str]:
    """The metrics service on a port of its own."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_metrics(MetricsSettings()), log_level="error"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def gateway(redis_url: str, folder: Path, **settings: Any) -> TestClient:
    return TestClient(
        create_app(GatewaySettings(redis_url=redis_url, data_dir=folder, **settings)),
        base_url="http://gateway.test",
        raise_server_exceptions=False,
    )


def test_two_files_give_a_page_with_pictures(redis_url: str, tmp_path: Path, metrics: str) -> None:
    uploads = {"texts": ("made.jsonl", lines(OTHERS)), "reference": ("real.jsonl", lines(TEXTS))}
    with gateway(redis_url, tmp_path, metrics_url=metrics) as client:
        page = client.post("/v1/measure/files", files=uploads, headers={"accept": "text/html"})
        values = client.post("/v1/measure/files", files=uploads)
        same = client.post("/v1/measure", json={"texts": OTHERS, "reference": TEXTS})
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.text.count("data:image/png;base64,") == len(QUICK)
    assert values.json() == same.json()
    found = {value["name"]: value["value"] for value in values.json()["measured"]["values"]}
    assert found["wasserstein_length"] == pytest.approx(2)


def test_a_refusal_of_the_service_is_the_answer(redis_url: str, tmp_path: Path, metrics: str) -> None:
    with gateway(redis_url, tmp_path, metrics_url=metrics) as client:
        answer = client.post("/v1/measure", json={"texts": TEXTS, "metrics": ["nonsense"]})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["errors"][0]["pointer"] == "/metrics/0"


def test_bodies_of_measures_have_their_own_limit(redis_url: str, tmp_path: Path, metrics: str) -> None:
    limits = {"max_body_bytes": 1000, "max_measure_bytes": 20_000, "metrics_url": metrics}
    with gateway(redis_url, tmp_path, **limits) as client:
        body = {"texts": ["x" * 50] * 100, "metrics": ["lengths"]}
        assert client.post("/v1/measure", json=body).status_code == 200
        assert client.post("/v1/measure", json={"texts": ["x" * 50] * 1000}).status_code == 413
        assert client.post("/v1/topics", json={"x": "y" * 2000}).status_code == 413


def test_a_service_that_is_not_there_is_named(redis_url: str, tmp_path: Path) -> None:
    with gateway(redis_url, tmp_path) as client:
        answer = client.post("/v1/measure", json={"texts": TEXTS})
    assert answer.status_code == 503
    assert "GAMUT_METRICS_URL" in answer.json()["detail"]
    with gateway(redis_url, tmp_path, metrics_url="http://127.0.0.1:9") as client:
        answer = client.post("/v1/measure", json={"texts": TEXTS})
    assert (answer.status_code, answer.json()["retryable"]) == (503, True)


def test_a_key_is_asked_for_and_not_passed_on(redis_url: str, tmp_path: Path, metrics: str) -> None:
    key, file = new_key(), tmp_path / "keys.json"
    entry = ApiKey(digest=key_digest(key), project="p", owner="someone")
    file.write_text(f"[{entry.model_dump_json()}]")
    with gateway(redis_url, tmp_path, metrics_url=metrics, api_keys_file=file) as client:
        body = {"texts": TEXTS, "metrics": ["lengths"]}
        assert client.post("/v1/measure", json=body).status_code == 401
        allowed = client.post("/v1/measure", json=body, headers={"authorization": f"Bearer {key}"})
        assert allowed.status_code == 200


@pytest.fixture
def faulty() -> Iterator[tuple[str, list[int]]]:
    """A service whose every other answer is an error that nobody expected; the ports it was asked from."""
    asked: list[int] = []
    service = make_api("faulty", "", "1", {})

    def answer(request: Request) -> dict[str, str]:
        assert request.client
        asked.append(request.client.port)
        if len(asked) % 2:
            raise RuntimeError("nobody expected this")
        return {"status": "well"}

    service.add_api_route("/v1/measure", answer, methods=["POST"])
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(service, log_level="critical"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", asked
        server.should_exit = True
        thread.join()


def test_the_call_after_a_services_error_is_answered(
    redis_url: str, tmp_path: Path, faulty: tuple[str, list[int]]
) -> None:
    """The service closes the connection with its error: the next call must not be sent over it."""
    address, asked = faulty
    with gateway(redis_url, tmp_path, metrics_url=address) as client:
        answers = [client.post("/v1/measure", json={"texts": TEXTS}).status_code for _ in range(20)]
    assert answers == [500, 200] * 10
    assert len(set(asked)) == len(asked)  # no connection was used twice
