"""Previews and plans through the gateway, by real services behind it: of the caller's own artifacts only."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from services.gateway.access.keys import ApiKey, Quota, key_digest, key_id, new_key
from services.gateway.api import create_app
from services.gateway.settings import GatewaySettings
from services.generator.api import create_api as create_generator
from services.generator.settings import GeneratorSettings
from services.trainer.api import create_api as create_trainer
from services.trainer.settings import TrainerSettings
from shared.assembly import connect
from shared.contracts.datasets import DatasetKind
from shared.store.opening import open_store
from tests.integration.generator.conftest import Simulated, simulated_server, upload

BASE = Path(__file__).parents[3] / "standin" / "models" / "base"
MINE, THEIRS = new_key(), new_key()
ROWS = [{"id": f"r{n}", "context": f"Prompt {n}", "completion": "A secret answer."} for n in range(5)]


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@dataclass
class Suite:
    client: TestClient
    source: Simulated
    dataset: str
    theirs: str
    data: Path

    def post(self, path: str, body: dict[str, Any], key: str | None = MINE) -> httpx.Response:
        head = {"authorization": f"Bearer {key}"} if key else {}
        return self.client.post(path, json=body, headers=head)


@pytest.fixture
def suite(redis_url: str, tmp_path: Path) -> Iterator[Suite]:
    keys = [
        ApiKey(digest=key_digest(MINE), project="p", owner="me", quota=Quota(tokens_a_day=400)),
        ApiKey(digest=key_digest(THEIRS), project="theirs", owner="them"),
    ]
    file = tmp_path / "keys.json"
    file.write_text(f"[{', '.join(entry.model_dump_json() for entry in keys)}]")
    common: dict[str, Any] = {"redis_url": redis_url, "data_dir": tmp_path / "data"}
    with simulated_server() as source:
        generator = GeneratorSettings(**common, sources={"small": source.source()})
        trainer = TrainerSettings(**common, models={"base": str(BASE)})
        store: Any = open_store(generator)
        dataset = upload(store, DatasetKind.COMPLETION, ROWS)
        theirs = upload(store, DatasetKind.COMPLETION, ROWS[:3], project="theirs")
        with (
            served(create_generator(generator, connect(generator))) as generator_url,
            served(create_trainer(trainer, connect(trainer))) as trainer_url,
        ):
            settings = GatewaySettings(
                **common, generator_url=generator_url, trainer_url=trainer_url, api_keys_file=file
            )
            with TestClient(create_app(settings), base_url="http://gateway.test") as client:
                yield Suite(client, source, dataset, theirs, tmp_path / "data")


def answering(dataset: str, **fields: Any) -> dict[str, Any]:
    request = {
        "kind": "completion",
        "strategy": "answers",
        "prompts": dataset,
        "sources": [{"name": "small"}],
        **fields,
    }
    return {"generation": request, "samples": 2}


def training(dataset: str) -> dict[str, Any]:
    return {"training": {"dataset": dataset, "base": "base"}}


def test_a_preview_shows_prompts_and_rows(suite: Suite) -> None:
    told = suite.post("/v1/preview", answering(suite.dataset))
    assert told.status_code == 200, told.text
    found = told.json()
    assert [row["context"] for c in found["candidates"] for row in c["rows"]] == ["Prompt 0", "Prompt 1"]
    assert all("Prompt" in candidate["prompt"] for candidate in found["candidates"])
    assert found["tokens"] == suite.source.server.counts.tokens_out > 0


def test_a_plan_says_what_a_training_takes(suite: Suite) -> None:
    told = suite.post("/v1/plan", training(suite.dataset))
    assert told.status_code == 200, told.text
    assert told.json()["rows"] == 5
    assert told.json()["fits"]


def naming(dataset: str, own: str) -> list[tuple[str, dict[str, Any], str]]:
    """Every way in which a request names a dataset, and where; `own` stands where another one is needed."""
    return [
        ("/v1/preview", answering(dataset), "/generation/prompts"),
        ("/v1/preview", answering(own, examples=dataset), "/generation/examples"),
        (
            "/v1/preview",
            answering(own, acceptance={"held_out": dataset}),
            "/generation/acceptance/held_out",
        ),
        ("/v1/plan", training(dataset), "/training/dataset"),
        ("/v1/plan", {"evaluation": {"dataset": dataset, "base": "base"}}, "/evaluation/dataset"),
    ]


def test_nobody_sees_anothers_dataset_through_them(suite: Suite) -> None:
    for path, body, pointer in naming(suite.dataset, suite.theirs):
        refused = suite.post(path, body, THEIRS)
        assert (refused.status_code, refused.json()["code"]) == (422, "input_missing")
        assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]
        assert "secret" not in refused.text
        for project in ("p", "theirs", "../p"):
            named = suite.post(path, body | {"project": project}, THEIRS)
            assert named.status_code == 422
            assert [error["pointer"] for error in named.json()["errors"]] == ["/project"]
        assert suite.post(path, body, None).status_code == 401
    assert suite.source.server.counts.requests == 0
    for path, body, _ in naming(suite.theirs, suite.theirs):
        assert suite.post(path, body, THEIRS).status_code == 200, "the same of its own"


@pytest.mark.parametrize("path", ["/v1/preview", "/v1/plan"])
def test_what_a_service_refuses_comes_back_as_it_says_it(suite: Suite, path: str) -> None:
    if path == "/v1/preview":
        told = suite.post(path, answering(suite.dataset, templates={"prompt": "{{ promt }}"}))
    else:
        told = suite.post(path, {"training": {"dataset": suite.dataset, "base": "gpt-5"}})
    assert (told.status_code, told.headers["content-type"]) == (422, "application/problem+json")
    assert told.json()["code"] in ("bad_template", "unknown_model")
    faulty = suite.post(path, {})
    assert faulty.status_code == 422
    assert "exactly one of" in json.dumps(faulty.json()["errors"])


def test_previews_count_to_the_tokens_of_a_key(suite: Suite) -> None:
    used = 0
    while (told := suite.post("/v1/preview", answering(suite.dataset, seed=used))).status_code == 200:
        assert used < 400
        used += told.json()["tokens"]
    assert told.status_code == 429
    assert f"this key has used {used} of its 400 tokens" in told.json()["detail"]
    assert suite.source.server.counts.tokens_out == used
    assert list((suite.data).rglob(f"usage/{key_id(key_digest(MINE))}/*/preview-*"))


def test_a_service_that_is_not_there_is_named(redis_url: str, tmp_path: Path) -> None:
    settings = GatewaySettings(redis_url=redis_url, data_dir=tmp_path)
    store: Any = open_store(settings)
    dataset = upload(store, DatasetKind.COMPLETION, ROWS, project="default")
    with TestClient(create_app(settings), base_url="http://gateway.test") as client:
        for path, body, name in (
            ("/v1/preview", answering(dataset), "GAMUT_GENERATOR_URL"),
            ("/v1/plan", training(dataset), "GAMUT_TRAINER_URL"),
        ):
            told = client.post(path, json=body)
            assert told.status_code == 503
            assert name in told.json()["detail"]
