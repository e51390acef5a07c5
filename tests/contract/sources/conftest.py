"""Servers to hold to the contract: the stand-in, and a real vLLM where `GAMUT_VLLM_PYTHON` names one."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.contract.sources.servers import MODEL_NAME, Source, running_standin


@pytest.fixture(scope="session", params=["standin", pytest.param("vllm", marks=pytest.mark.vllm)])
def source(request: pytest.FixtureRequest) -> Iterator[Source]:
    """A running server; each kind is started once per session."""
    if request.param == "standin":
        with running_standin() as server:
            yield server
    else:
        yield Source("vllm", request.getfixturevalue("vllm").url)


@pytest.fixture(scope="session")
def client(source: Source) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=source.url, timeout=120) as client:
        yield client


@pytest.fixture
def completion() -> dict[str, object]:
    """A request that asks for one story, the same each time."""
    return {"model": MODEL_NAME, "prompt": "Topic: velvet lantern\nStory: ", "max_tokens": 24, "seed": 5}


@pytest.fixture
def chat() -> dict[str, object]:
    message = {"role": "user", "content": "Topic: velvet lantern\nStory: "}
    return {"model": MODEL_NAME, "messages": [message], "max_tokens": 24, "seed": 5}
