"""How long to leave a server alone, by whatever name it says so."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator.sources.waits import LIMITED, asked_wait

NOW = datetime(2026, 10, 21, 7, 27, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "50582"}, 50_582),
        ({"retry-after": "3", "x-ratelimit-reset-requests": "9s"}, 3),
        ({"x-ratelimit-reset-requests": "2.5s"}, 2.5),
        ({"x-ratelimit-reset-requests": "6m0s"}, 360),
        ({"x-ratelimit-reset-tokens": "250ms"}, 0.25),
        (
            {
                "x-ratelimit-reset-requests": "1s", "x-ratelimit-remaining-requests": "4",
                "x-ratelimit-reset-tokens": "8s", "x-ratelimit-remaining-tokens": "0",
            },
            8,
        ),
        ({"x-ratelimit-reset": "30"}, 30),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) + 40)}, 40),
        ({"x-ratelimit-reset": str((int(NOW.timestamp()) + 40) * 1000)}, 40),
        ({"ratelimit-reset": "12"}, 12),
        ({"x-rate-limit-reset": "12"}, 12),
        ({"anthropic-ratelimit-requests-reset": "2026-10-21T07:28:00Z"}, 60),
        ({"x-ratelimit-reset": "soon"}, None),
        ({"x-ratelimit-reset": "-1"}, None),
        ({"x-ratelimit-reset": "1e99"}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_headers(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_wait(headers, now=NOW) == seconds


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("Rate limit reached for model. Please try again in 2.5s.", 2.5),
        ("Please retry in 14h3m2s.", 50_582),
        ('"retryDelay": "34s"', 34),
        ("Retry after 30 seconds", 30),
        ("Please try again in 6m0s.", 360),
        ("try again in 500ms", 0.5),
        ("Please try again later", None),
        ("You exceeded your current quota", None),
    ],
)
def test_words(words: str, seconds: float | None) -> None:
    assert asked_wait({}, words, NOW) == seconds


@given(
    st.dictionaries(st.sampled_from(["retry-after", "x-ratelimit-reset", "ratelimit-reset"]), st.text()),
    st.text(),
)
def test_whatever_a_server_says_is_a_wait_or_none(headers: dict[str, str], words: str) -> None:
    seconds = asked_wait(headers, words, NOW)
    assert seconds is None or seconds >= 0


def test_words_that_waiting_cures() -> None:
    assert LIMITED.search("Rate limit exceeded: requests per second")
    assert not LIMITED.search("Invalid API key")
