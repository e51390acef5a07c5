"""Request bodies: defaults, bounds, and fields that cannot be honoured."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from standin.server.wire import NEUTRAL, ChatRequest, CompletionRequest


def completion(**fields: Any) -> CompletionRequest:
    return CompletionRequest.model_validate({"model": "m", "prompt": "p"} | fields)


def test_null_means_the_default() -> None:
    nulls = dict.fromkeys(
        ("n", "temperature", "top_p", "seed", "stop", "stream", "stream_options", "logit_bias")
    )
    assert completion(**nulls) == completion()


def test_one_stop_string_is_a_list_of_one() -> None:
    assert completion(stop="x").stops() == completion(stop=["x"]).stops() == ("x",)


@pytest.mark.parametrize("field", NEUTRAL)
def test_a_known_field_that_changes_the_output_is_refused(field: str) -> None:
    with pytest.raises(ValidationError, match=f"`{field}`"):
        completion(**{field: {"something": 0.77}})


@pytest.mark.parametrize(("field", "value"), [(f, v) for f, values in NEUTRAL.items() for v in values])
def test_its_neutral_value_passes(field: str, value: Any) -> None:
    completion(**{field: value})


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": float("nan")},
        {"temperature": 2.1},
        {"n": 129},
        {"seed": 2**63},
        {"stop": [""]},
        {"stop": ["a"] * 17},
        {"prompt": [["a"], 5]},
        {"logprobs": 21},
        {"echo": True, "logprobs": 1},
    ],
    ids=str,
)
def test_values_out_of_bounds_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        completion(**wrong)


def test_rivals_need_logprobs() -> None:
    messages = [{"role": "user", "content": "hi"}]
    with pytest.raises(ValidationError, match="logprobs: true"):
        ChatRequest.model_validate({"model": "m", "messages": messages, "top_logprobs": 2})


def test_a_message_s_parts_are_one_text() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    body = {"model": "m", "messages": [{"role": "user", "content": parts}]}
    assert ChatRequest.model_validate(body).messages[0].text() == "ab"
