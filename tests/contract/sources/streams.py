"""Reads answers as OpenAI-compatible servers send them: server-sent events and usage."""

from __future__ import annotations

import json
from typing import Any

import httpx


def counts(usage: dict[str, Any]) -> dict[str, int]:
    """The three counts that every server reports; some add details."""
    return {key: usage[key] for key in ("prompt_tokens", "completion_tokens", "total_tokens")}


def stream(client: httpx.Client, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """The chunks of a streamed answer, in order; the `[DONE]` mark must be the last event."""
    chunks: list[dict[str, Any]] = []
    done = False
    with client.stream("POST", path, json=body | {"stream": True}) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        for line in response.iter_lines():
            if not line:
                continue
            assert not done, f"an event after [DONE]: {line}"
            data = line.removeprefix("data: ")
            done = data == "[DONE]"
            if not done:
                chunks.append(json.loads(data))
    assert done, "the stream ended without [DONE]"
    return chunks
