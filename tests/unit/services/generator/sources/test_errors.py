"""One table from a status to a reason, one from a reason to what to do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.generator.sources.errors import ACTION, Action, Reason, SourceError, reason_of_status
from services.generator.sources.openai import retry_after_seconds


@pytest.mark.parametrize(
    ("status", "retry_after", "reason", "action"),
    [
        (429, False, Reason.RATE_LIMITED, Action.RETRY),
        (503, True, Reason.RATE_LIMITED, Action.RETRY),
        (503, False, Reason.SERVER_ERROR, Action.RETRY),
        (500, False, Reason.SERVER_ERROR, Action.RETRY),
        (529, False, Reason.SERVER_ERROR, Action.RETRY),
        (504, False, Reason.TIMEOUT, Action.RETRY),
        (408, False, Reason.TIMEOUT, Action.RETRY),
        (400, False, Reason.BAD_REQUEST, Action.GIVE_UP),
        (413, False, Reason.BAD_REQUEST, Action.GIVE_UP),
        (422, False, Reason.BAD_REQUEST, Action.GIVE_UP),
        (301, False, Reason.BAD_REQUEST, Action.GIVE_UP),
        (404, False, Reason.UNKNOWN_MODEL, Action.FAIL_OVER),
        (401, False, Reason.DENIED, Action.FAIL_OVER),
        (402, False, Reason.DENIED, Action.FAIL_OVER),
    ],
)
def test_statuses(status: int, retry_after: bool, reason: Reason, action: Action) -> None:
    assert reason_of_status(status, retry_after=retry_after) is reason
    assert SourceError(reason, "x").action is action


def test_every_reason_has_an_action() -> None:
    assert set(ACTION) == set(Reason)


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
