"""Quotas of API keys: how many jobs may be under way, how many tokens a day may cost.

Asked before work begins; what exists already or is under way costs nothing and is never refused. An
experiment's own job is not counted, its jobs are: while the key has no room for another, it waits. A place or
an amount is reserved in one step of Redis, and settled in the store: see ADR 31.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import uuid4

from services.gateway.access.keys import Keyring
from shared.assembly import Platform
from shared.contracts.base import JobRequest, Queue
from shared.errors import QuotaExceeded
from shared.jobs.live import LiveJobs
from shared.jobs.records import JobRecords
from shared.jobs.usage import charged_to, hold, pay, tokens_used
from shared.store.base import ObjectStore


class Bill:
    """What a preview took; `tokens` is set by whoever knows."""

    tokens = 0


@dataclass(frozen=True)
class Quotas:
    keyring: Keyring
    store: ObjectStore
    records: JobRecords
    live: LiveJobs

    def admit(self, key: str, job: str, request: JobRequest) -> None:
        """Raises `QuotaExceeded`, with what the quota is and when to try again."""
        quota = self.keyring.quota(key)
        if quota is None or request.queue is Queue.COORDINATE:
            return
        if quota.tokens_a_day is not None:
            self._check_tokens(key, quota.tokens_a_day, 0)
        if quota.running_jobs is not None and not self._has_room(key, job, quota.running_jobs):
            raise QuotaExceeded(
                f"this key has {quota.running_jobs} jobs under way, as many as it may; "
                "send the request again when one of them has ended"
            )

    @contextmanager
    def previewing(self, key: str, most: int) -> Iterator[Bill]:
        """Holds `most` tokens of the key's while the block runs, then charges what its bill says.

        Raises `QuotaExceeded` when the key has used its tokens of today, or may yet with what it has under
        way. Killed anywhere, what is held stays charged.
        """
        quota = self.keyring.quota(key)
        reservation, earlier = self.live.reserve(key, most)
        try:
            if quota is not None and quota.tokens_a_day is not None:
                self._check_tokens(key, quota.tokens_a_day, earlier)
            held = hold(self.store, key, f"preview-{uuid4().hex}", most)
        finally:
            self.live.unreserve(key, reservation)
        bill = Bill()
        try:
            yield bill
        finally:
            pay(self.store, held, bill.tokens)

    def _check_tokens(self, key: str, limit: int, reserved: int) -> None:
        used = self._tokens(key)
        if used + reserved >= limit:
            held = f" and may use {reserved} more with what it has under way" if reserved else ""
            raise QuotaExceeded(
                f"this key has used {used} of its {limit} tokens of today (UTC){held}; "
                "send the request again tomorrow, or ask for a larger quota"
            )

    def _tokens(self, key: str) -> int:
        """Charged today, and what running jobs have taken beyond what was charged."""
        total = tokens_used(self.store, key, datetime.now(UTC).date())
        for job in self.live.of_key(key):
            progress = self.live.progress(job)
            record = self.records.show(job) if progress and progress.tokens else None
            if progress and record:
                total += max(0, progress.tokens - charged_to(self.store, self.records, record))
        return total

    def _has_room(self, key: str, job: str, limit: int) -> bool:
        if not self.live.claim(key, job, limit):
            for counted in self.live.of_key(key):  # whatever ended unnoticed makes room
                if self.live.is_claimed(counted):
                    continue  # it is being written now
                record = self.records.show(counted)
                if record is None or record.state.ended:
                    self.live.forget_of_key(key, counted)
            if not self.live.claim(key, job, limit):
                return False
        if self.live.index_known():
            return True
        self._count_again(key)  # Redis was emptied and does not know yet what is under way
        if len(self.live.of_key(key)) <= limit:
            return True
        self.live.forget_of_key(key, job)
        return False

    def _count_again(self, key: str) -> None:
        for record in self.records.readable(self.records.active()):
            if record.key == key:
                self.live.count_to_key(record)


def quotas_of(platform: Platform, keyring: Keyring) -> Quotas:
    return Quotas(keyring, platform.store, platform.records, platform.live)


def with_quotas(platform: Platform, keyring: Keyring) -> Platform:
    """The platform of a process that submits jobs for keys."""
    return replace(platform, submission=platform.submission.admitting(quotas_of(platform, keyring).admit))
