"""Rows in a language that is written without spaces, from the prompt's length to the accepted row."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import orjson
import pytest
from aiohttp import web

from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.jobs import JobState
from tests.integration.generator.conftest import Service, Simulated, simulated_server, upload
from tests.simulation.server import Behaviour, SimulatedServer

SOURCE = SourceRef(name="small")
ANIMALS, PLACES = "狐鹅兔熊鹿狼羊马牛鸟", "山河海雪林村城桥田湖"


def story(rng: random.Random, length: int) -> str:
    """Five sentences of `length` letters."""
    said = ["".join(rng.choice(ANIMALS) + rng.choice(PLACES) for _ in range(length // 10)) for _ in range(5)]
    return "".join(f"{sentence}。" for sentence in said)


class Chinese(SimulatedServer):
    """Writes as many letters as it is asked for, or twice as many: its prompts are kept."""

    prompts: list[str]

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        asked = orjson.loads(await request.read())
        prompt = asked["messages"][-1]["content"]
        self.prompts = [*getattr(self, "prompts", []), prompt]
        rng = random.Random(asked["seed"])
        if "List " in prompt:
            text = "\n".join(f"{n}、{rng.choice(ANIMALS)}在{rng.choice(PLACES)}{n}" for n in range(20))
        else:
            text = story(rng, 60 * rng.choice([1, 1, 4]))
        choice = {"index": 0, "finish_reason": "stop", "message": {"content": text}}
        return web.json_response({"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 9}})


@pytest.fixture
def chinese() -> Iterator[Simulated]:
    with simulated_server(Behaviour(), Chinese) as server:
        yield server


@pytest.fixture
def worker(chinese: Simulated, service: Callable[..., Service]) -> Service:
    return service(small=chinese.source(api="chat"))


def test_a_chinese_story_is_measured_divided_and_kept_apart_from_the_test(
    worker: Service, chinese: Simulated
) -> None:
    rng = random.Random(3)
    rows = [
        {"id": f"r{n}", "context": s[:-13], "completion": s[-13:]} for n in range(40) if (s := story(rng, 60))
    ]
    real = upload(worker.store, DatasetKind.COMPLETION, rows)
    seen = {"id": "t", "context": story(random.Random(4), 60), "completion": "完了。"}
    pool = topics(worker)
    request = GenerationRequest.model_validate(
        {
            "kind": "completion",
            "topics": pool,
            "rows": 20,
            "examples": real,
            "sources": [SOURCE.model_dump()],
            "acceptance": {
                "near_duplicate": 0.8,
                "held_out": upload(worker.store, DatasetKind.COMPLETION, [seen]),
            },
        }
    )
    ended = worker.run(request)
    assert ended.state is JobState.SUCCEEDED, ended.error
    artifact = worker.artifact(ended)
    assert artifact.summary["lengths_counted_in"] == "characters"
    assert artifact.summary["refused"].keys() == {"length"}, "those that are four times as long"
    for row in artifact.rows():
        assert row["context"].count("。") == 4
        assert row["completion"].count("。") == 1
        assert " " not in row["context"] + row["completion"]
    assert isinstance(chinese.server, Chinese)
    assert "about 60 characters" in chinese.server.prompts[-1]


def topics(worker: Service) -> str:
    ended = worker.run(TopicsRequest(source=SOURCE, count=30, near_duplicate=1.0))
    assert ended.state is JobState.SUCCEEDED, ended.error
    assert all("、" not in row["topic"] for row in worker.artifact(ended).rows("topics.jsonl"))
    return str(ended.artifact)


def test_a_topic_may_have_no_more_words_than_allowed(worker: Service) -> None:
    ended = worker.run(TopicsRequest(source=SOURCE, count=3, max_words=1, max_candidates=5))
    assert ended.state is JobState.FAILED
    assert "length" in str(ended.error), "three letters are two words"
