"""Waiting for what another process does."""

from __future__ import annotations

import operator
from collections.abc import Callable

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

PATIENCE = 300.0
"""Seconds that another process may take, on a machine as busy as may be. A wait ends as soon as it holds."""


def until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Ask again until it holds. What the condition raises ends the wait."""
    asked = Retrying(
        retry=retry_if_result(operator.not_), stop=stop_after_delay(seconds), wait=wait_fixed(0.05)
    )
    try:
        asked(condition)
    except RetryError:
        raise AssertionError(f"waited {seconds:g} s for {what}") from None
