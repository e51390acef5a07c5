"""One table from a status to a reason, one from a reason to what to do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.generator.sources.errors import (
    ACTION,
    Action,
    Cause,
    SourceError,
    reason_of_status,
    with_advice,
)
from services.generator.sources.waits import retry_after_seconds


@pytest.mark.parametrize(
    ("status", "retry_after", "reason", "action"),
    [
        (429, False, Cause.RATE_LIMITED, Action.RETRY),
        (503, True, Cause.RATE_LIMITED, Action.RETRY),
        (503, False, Cause.SERVER_ERROR, Action.RETRY),
        (500, False, Cause.SERVER_ERROR, Action.RETRY),
        (529, False, Cause.SERVER_ERROR, Action.RETRY),
        (504, False, Cause.TIMEOUT, Action.RETRY),
        (408, False, Cause.TIMEOUT, Action.RETRY),
        (400, False, Cause.BAD_REQUEST, Action.GIVE_UP),
        (413, False, Cause.BAD_REQUEST, Action.GIVE_UP),
        (422, False, Cause.BAD_REQUEST, Action.GIVE_UP),
        (301, False, Cause.BAD_REQUEST, Action.GIVE_UP),
        (404, False, Cause.UNKNOWN_MODEL, Action.FAIL_OVER),
        (401, False, Cause.DENIED, Action.FAIL_OVER),
        (402, False, Cause.DENIED, Action.FAIL_OVER),
    ],
)
def test_statuses(status: int, retry_after: bool, reason: Cause, action: Action) -> None:
    assert reason_of_status(status, retry_after=retry_after) is reason
    assert SourceError(reason, "x").action is action


def test_every_reason_has_an_action() -> None:
    assert set(ACTION) == set(Cause)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("This model's maximum context length is 512 tokens. However, you requested 612 tokens", "400"),
        ("The decoder prompt (length 700) is longer than the maximum model length of 512.", ""),
        ("The input (700 tokens) is longer than the model's context length (512 tokens).", ""),
        ("Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 2100", ""),
        ("the request exceeds the available context size", "exceed_context_size_error"),
        ("Please reduce the length of the messages or completion.", "context_length_exceeded"),
        ("The input token count (9) exceeds the maximum number of tokens allowed (8).", ""),
        ("Prompt contains 40000 tokens, too large for model with 32768 maximum context length", ""),
        ("prompt is too long: 207310 tokens > 200000 maximum", "invalid_request_error"),
    ],
)
def test_a_call_beyond_the_context_is_told_what_to_do(said: str, code: str) -> None:
    told = with_advice(said, code)
    assert told.startswith(said.rstrip("."))
    assert "lower max_tokens or what a prompt shows (max_characters" in told


def test_another_refusal_is_the_servers_words_alone() -> None:
    assert with_advice("temperature must be at most 2", "400") == "temperature must be at most 2"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 60.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT", "date": "Wed, 21 Oct 2026 07:27:30 GMT"}, 30.0),
        ({"retry-after": "Wednesday, 21-Oct-26 07:28:00 GMT"}, 60.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:26:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers, datetime(2026, 10, 21, 7, 27, tzinfo=UTC)) == seconds
