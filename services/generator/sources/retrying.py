"""Tries a call again: how often, and after which pause."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tenacity import AsyncRetrying, RetryCallState, wait_random_exponential

from services.generator.calls.call import Answer
from services.generator.sources.errors import Action, Cause, SourceError

MAX_FAILURES = 10
"""Tries of one call that may end in 5xx, a timeout or a cut; rate limits and dead sources are not counted."""
UNCOUNTED = frozenset({Cause.RATE_LIMITED, Cause.DEAD, Cause.UNKNOWN_MODEL, Cause.DENIED})


async def retried(once: Callable[[], Awaitable[Answer]], first: SourceError) -> Answer:
    """The answer of a call that has failed with `first`, tried until it is answered, given up, or has failed
    `MAX_FAILURES` times. Raises the last `SourceError`, and what else `once` raises at once."""
    earlier = [first]
    failures = 0

    async def attempt() -> Answer:
        if earlier:
            raise earlier.pop()
        return await once()

    def worth_another(state: RetryCallState) -> bool:
        nonlocal failures
        error = _error(state)
        if not isinstance(error, SourceError) or error.action is Action.GIVE_UP:
            return False
        failures += error.reason not in UNCOUNTED
        return failures < MAX_FAILURES

    return await AsyncRetrying(retry=worth_another, wait=_pause, reraise=True)(attempt)


async def until_it_succeeds(alive: Callable[[], Awaitable[None]]) -> None:
    """Asks a source that is gone whether it is back, until it is."""
    wait = wait_random_exponential(multiplier=0.5, max=15.0)
    await AsyncRetrying(retry=lambda state: isinstance(_error(state), SourceError), wait=wait)(alive)


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


_STORM = wait_random_exponential(multiplier=0.25, max=20.0)
_BROKEN = wait_random_exponential(multiplier=0.1, max=5.0)


def _pause(state: RetryCallState) -> float:
    """Seconds before the next try. A stated Retry-After holds the whole lane; here only its jitter is
    needed."""
    error = _error(state)
    if isinstance(error, SourceError) and error.action is Action.FAIL_OVER:
        return 0.0
    if isinstance(error, SourceError) and error.reason is Cause.RATE_LIMITED:
        return _BROKEN(state) if error.retry_after else _STORM(state)
    return _BROKEN(state)
