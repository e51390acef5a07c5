"""Given chats are answered as chats: the source goes on with them, and the rows are chats again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.jobs import JobState
from tests.integration.generator.conftest import Service, Simulated, upload
from tests.simulation.server import MODEL

SYSTEM = {"role": "system", "content": "You tell stories."}
CHATS: list[dict[str, Any]] = [
    {
        "id": f"c{n}",
        "messages": [
            *([SYSTEM] if n % 2 else []),
            {"role": "user", "content": f"Who is fox {n}?"},
            {"role": "assistant", "content": "A friend."},
            {"role": "user", "content": "Tell me of it."},
            {"role": "assistant", "content": "The old answer."},
        ],
    }
    for n in range(4)
]


@pytest.fixture
def worker(simulate: Callable[..., Simulated], service: Callable[..., Service]) -> Service:
    endpoint = simulate()
    return service(small=endpoint.source(api="chat"), plain=endpoint.source(api="completions"))


def request(worker: Service, rows: list[dict[str, Any]], kind: str = "chat", source: str = "small") -> Any:
    return GenerationRequest.model_validate(
        {
            "kind": kind,
            "strategy": "answers",
            "prompts": upload(worker.store, DatasetKind.CHAT, rows),
            "sources": [{"name": source, "model": MODEL, "revision": "1"}],
        }
    )


def test_the_user_s_last_turn_of_a_chat_is_answered_anew(worker: Service) -> None:
    ended = worker.run(request(worker, CHATS))
    assert ended.state is JobState.SUCCEEDED, ended.error
    rows = list(worker.artifact(ended).rows())
    assert [row["messages"][:-1] for row in rows] == [chat["messages"][:-1] for chat in CHATS]
    for row in rows:
        assert row["messages"][-1]["role"] == "assistant"
        assert row["messages"][-1]["content"] not in ("", "The old answer.")
    assert worker.artifact(ended).summary["kind"] == "chat"


@pytest.mark.parametrize(
    ("messages", "kind", "source"),
    [
        (CHATS[0]["messages"], "completion", "small"),
        (CHATS[0]["messages"], "chat", "plain"),
        ([SYSTEM], "chat", "small"),
        ([*CHATS[0]["messages"], {"role": "tool", "content": "20"}], "chat", "small"),
    ],
)
def test_what_cannot_be_answered_as_a_chat_is_refused(
    worker: Service, messages: list[dict[str, Any]], kind: str, source: str
) -> None:
    ended = worker.run(request(worker, [{"id": "x", "messages": messages}], kind, source))
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert ended.error.code == "invalid_request"


def test_chats_are_made_by_answers_only() -> None:
    with pytest.raises(ValueError, match="strategy answers"):
        GenerationRequest.model_validate(
            {
                "kind": "chat",
                "strategy": "topic_guided",
                "topics": f"topics-{'0' * 32}",
                "rows": 3,
                "sources": [{"name": "small", "model": MODEL, "revision": "1"}],
            }
        )
