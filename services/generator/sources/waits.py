"""How long a server asks to be left alone, by whatever name it says so.

`Retry-After` is the standard (RFC 9110, 10.2.3); OpenAI, Anthropic, Groq, Azure, GitHub and gateways have
headers of their own; Google says it in the words of the error only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite

_RESET = re.compile(r"rate-?limit.*reset|reset.*rate-?limit", re.IGNORECASE)
_DURATION = re.compile(
    r"(\d+(?:\.\d+)?)\s*(ms|milliseconds?|d|days?|h|hours?|m|minutes?|min|s|sec|seconds?)(?![a-z])"
)
_WHOLE = re.compile(rf"(?:{_DURATION.pattern}[\s,]*)+", re.IGNORECASE)
_SAID = re.compile(
    r"(?:try again|retry|retrying|available|wait|retrydelay\W{1,6})\s*(?:again\s*)?"
    rf"(?:in|after|for|at least)?\s*((?:{_DURATION.pattern}[\s,]*)+)",
    re.IGNORECASE,
)
_UNIT = {"ms": 1e-3, "milli": 1e-3, "d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}
EPOCH, EPOCH_MS = 1e9, 1e12
"""Numbers that are a time and no duration: seconds (since 2001), milliseconds."""
LIMITED = re.compile(
    r"rate[ _-]?limit|too many requests|throttl|quota exceeded for|requests? per (?:second|minute|hour|day)",
    re.IGNORECASE,
)
"""Words of a refusal that waiting cures, whatever its status."""


def asked_wait(headers: Mapping[str, str], words: str = "", now: datetime | None = None) -> float | None:
    """Seconds, or None when the server states no wait: `Retry-After` first, then `*ratelimit*reset*` (of
    those whose `remaining` is used up, where they say), then the words of the refusal."""
    found = (retry_after_seconds(headers, now), _reset(headers, now), _in_words(words))
    return next((seconds for seconds in found if seconds is not None), None)


def retry_after_seconds(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """`Retry-After` in seconds or as a date, or OpenAI's `retry-after-ms`. A date is read against the
    server's own `Date` where it gives one, so that clocks need not agree; else against `now`."""
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        if isfinite(seconds):
            return max(0.0, seconds)
    until = _date(headers.get("retry-after"))
    return None if until is None else _until(until, headers, now)


def _reset(headers: Mapping[str, str], now: datetime | None) -> float | None:
    waits: list[float] = []
    used_up: list[float] = []
    for name, value in headers.items():
        if not _RESET.search(name) or (seconds := _seconds(value, headers, now)) is None:
            continue
        waits.append(seconds)
        remaining = name.replace("reset-after", "reset").replace("reset", "remaining")
        if headers.get(remaining, "").strip() == "0":
            used_up.append(seconds)
    return max(used_up) if used_up else min(waits, default=None)


def _seconds(value: str, headers: Mapping[str, str], now: datetime | None) -> float | None:
    """A header's value: seconds, a duration ("6m0s"), a time (since the epoch, or as a date)."""
    value = value.strip()
    try:
        number = float(value)
    except ValueError:
        if _WHOLE.fullmatch(value):
            return _duration(value)
        until = _date(value) or _iso(value)
        return None if until is None else _until(until, headers, now)
    if not isfinite(number) or number < 0:
        return None
    if number < EPOCH:
        return number
    seconds = number / 1_000 if number >= EPOCH_MS else number
    if seconds >= 32_503_680_000:  # the year 3000
        return None
    return _until(datetime.fromtimestamp(seconds, UTC), headers, now)


def _duration(text: str) -> float:
    return sum(float(number) * _unit(name.lower()) for number, name in _DURATION.findall(text.lower()))


def _unit(name: str) -> float:
    return _UNIT["ms"] if name.startswith(("ms", "milli")) else _UNIT[name[0]]


def _in_words(words: str) -> float | None:
    """ "Please try again in 2.5s", "retry in 14h3m2s", '"retryDelay": "34s"'."""
    found = _SAID.search(words)
    return _duration(found[1]) if found else None


def _until(until: datetime, headers: Mapping[str, str], now: datetime | None) -> float:
    return max(0.0, (until - (_date(headers.get("date")) or now or datetime.now(UTC))).total_seconds())


def _date(text: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    return date.replace(tzinfo=UTC) if date and date.tzinfo is None else date


def _iso(text: str) -> datetime | None:
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date
