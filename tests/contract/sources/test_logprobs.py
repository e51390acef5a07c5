"""Log-probabilities: of the model's raw distribution, whatever the temperature."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contract.sources.streams import stream

Body = dict[str, Any]


def completion_logprobs(client: httpx.Client, body: Body) -> Body:
    response = client.post("/v1/completions", json=body)
    assert response.status_code == 200, response.text
    logprobs: Body = response.json()["choices"][0]["logprobs"]
    return logprobs


def test_completions_report_each_token(client: httpx.Client, completion: Body) -> None:
    response = client.post("/v1/completions", json=completion | {"logprobs": 3}).json()
    [choice] = response["choices"]
    logprobs = choice["logprobs"]
    count = response["usage"]["completion_tokens"]
    assert [len(logprobs[key]) for key in ("tokens", "token_logprobs", "top_logprobs")] == [count] * 3
    assert "".join(logprobs["tokens"]) == choice["text"]
    assert all(value <= 0 for value in logprobs["token_logprobs"])
    for token, value, top in zip(
        logprobs["tokens"], logprobs["token_logprobs"], logprobs["top_logprobs"], strict=True
    ):
        assert 1 <= len(top) <= 4, "three rivals, and the chosen token where it is none of them"
        assert top[token] == pytest.approx(value, abs=1e-4)


def test_offsets_locate_the_tokens(client: httpx.Client, completion: Body) -> None:
    body = completion | {"logprobs": 0}
    text = client.post("/v1/completions", json=body).json()["choices"][0]["text"]
    logprobs = completion_logprobs(client, body)
    for token, offset in zip(logprobs["tokens"], logprobs["text_offset"], strict=True):
        assert text[offset:].startswith(token)


def test_the_greedy_token_leads_its_rivals(client: httpx.Client, completion: Body) -> None:
    logprobs = completion_logprobs(client, completion | {"logprobs": 5, "temperature": 0})
    for value, top in zip(logprobs["token_logprobs"], logprobs["top_logprobs"], strict=True):
        assert value == pytest.approx(max(top.values()), abs=1e-4)


@pytest.mark.parametrize("change", [{"temperature": 0.3}, {"temperature": 1.7}, {"top_p": 0.5}])
def test_sampling_parameters_do_not_change_the_distribution(
    client: httpx.Client, completion: Body, change: Body
) -> None:
    plain = completion_logprobs(client, completion | {"logprobs": 5, "max_tokens": 1})
    changed = completion_logprobs(client, completion | {"logprobs": 5, "max_tokens": 1} | change)
    rivals = plain["top_logprobs"][0].keys() & changed["top_logprobs"][0].keys()
    assert len(rivals) >= 5
    for token in rivals:
        assert changed["top_logprobs"][0][token] == pytest.approx(plain["top_logprobs"][0][token], abs=1e-3)


def test_chat_reports_each_token_with_exactly_the_rivals_asked(client: httpx.Client, chat: Body) -> None:
    response = client.post("/v1/chat/completions", json=chat | {"logprobs": True, "top_logprobs": 4})
    assert response.status_code == 200, response.text
    answer = response.json()
    entries = answer["choices"][0]["logprobs"]["content"]
    assert len(entries) == answer["usage"]["completion_tokens"]
    assert "".join(entry["token"] for entry in entries) == answer["choices"][0]["message"]["content"]
    for entry in entries:
        assert entry["logprob"] <= 0
        assert bytes(entry["bytes"]).decode() == entry["token"]
        rivals = {rival["token"]: rival["logprob"] for rival in entry["top_logprobs"]}
        assert len(entry["top_logprobs"]) == 4  # vLLM puts the chosen token first, in a rival's place
        assert all(value <= 0 for value in rivals.values())
        assert rivals.get(entry["token"], entry["logprob"]) == pytest.approx(entry["logprob"], abs=1e-4)


def test_chat_without_logprobs_reports_none(client: httpx.Client, chat: Body) -> None:
    answer = client.post("/v1/chat/completions", json=chat).json()
    assert answer["choices"][0]["logprobs"] is None


def test_completions_and_chat_agree(client: httpx.Client, completion: Body, chat: Body) -> None:
    """The chat template is the bare user message, so both see the same prompt."""
    greedy = {"temperature": 0, "max_tokens": 8}
    values = completion_logprobs(client, completion | greedy | {"logprobs": 1})["token_logprobs"]
    content = client.post("/v1/chat/completions", json=chat | greedy | {"logprobs": True}).json()
    entries = content["choices"][0]["logprobs"]["content"]
    assert [entry["logprob"] for entry in entries] == pytest.approx(values, abs=1e-3)


def test_streamed_logprobs_cover_every_token(client: httpx.Client, completion: Body) -> None:
    body = completion | {"logprobs": 1}
    chunks = stream(client, "/v1/completions", body)
    parts = [c["logprobs"] for chunk in chunks for c in chunk["choices"] if c["logprobs"]]
    whole = completion_logprobs(client, body)
    assert [token for part in parts for token in part["tokens"]] == whole["tokens"]
    streamed = [value for part in parts for value in part["token_logprobs"]]
    assert streamed == pytest.approx(whole["token_logprobs"], abs=1e-3)
