"""The job's life, as one table that the API publishes and everything obeys."""

from __future__ import annotations

from shared.contracts.jobs import JobState
from shared.errors import Conflict

S = JobState

TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    S.QUEUED: frozenset({S.RUNNING, S.SUCCEEDED, S.FAILED, S.CANCELLED}),
    # running → running: another worker takes over after the lease lapsed. running → queued: a retry.
    S.RUNNING: frozenset(
        {
            S.RUNNING, S.QUEUED, S.PAUSED, S.CANCELLING,
            S.SUCCEEDED, S.PARTIALLY_SUCCEEDED, S.FAILED, S.CANCELLED,
        }
    ),
    # An experiment that has spent its budget waits for a person.
    S.PAUSED: frozenset({S.QUEUED, S.CANCELLING}),
    S.CANCELLING: frozenset({S.CANCELLED, S.SUCCEEDED, S.PARTIALLY_SUCCEEDED, S.FAILED}),
    # An ended job that left no whole artifact is taken up again when its request is posted again.
    S.PARTIALLY_SUCCEEDED: frozenset({S.QUEUED}),
    S.FAILED: frozenset({S.QUEUED}),
    S.CANCELLED: frozenset({S.QUEUED}),
    # So is one whose artifact was found damaged and set aside, and for no other reason.
    S.SUCCEEDED: frozenset({S.QUEUED}),
}  # fmt: skip


def check_transition(before: JobState, after: JobState) -> None:
    """Raises `Conflict` when the table does not allow the move."""
    if after not in TRANSITIONS[before]:
        raise Conflict(f"the job is {before}: it cannot become {after}")
