"""Quotas of API keys: how many jobs may be under way, how many tokens a day may cost.

Asked before work begins; what exists already or is under way costs nothing and is never refused. An
experiment's own job is not counted, its jobs are: while the key has no room for another, it waits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import uuid4

from services.gateway.access.keys import Keyring
from shared.assembly import Platform
from shared.contracts.base import JobRequest, Queue
from shared.errors import QuotaExceeded
from shared.jobs.live import LiveJobs
from shared.jobs.records import JobRecords
from shared.jobs.usage import charge, tokens_used
from shared.store.base import ObjectStore


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
        self.admit_tokens(key)
        if quota.running_jobs is not None and not self._has_room(key, job, quota.running_jobs):
            raise QuotaExceeded(
                f"this key has {quota.running_jobs} jobs under way, as many as it may; "
                "send the request again when one of them has ended"
            )

    def admit_tokens(self, key: str) -> None:
        """Raises `QuotaExceeded` when the key has used its tokens of today."""
        quota = self.keyring.quota(key)
        if quota is None or quota.tokens_a_day is None:
            return
        if (used := self._tokens(key)) >= quota.tokens_a_day:
            raise QuotaExceeded(
                f"this key has used {used} of its {quota.tokens_a_day} tokens of today (UTC); "
                "send the request again tomorrow, or ask for a larger quota"
            )

    def charge_preview(self, key: str, tokens: int) -> None:
        charge(self.store, key, f"preview-{uuid4().hex}", tokens)

    def _tokens(self, key: str) -> int:
        """Of ended attempts, and of those that are running now."""
        running = (self.live.progress(job) for job in self.live.of_key(key))
        ended = tokens_used(self.store, key, datetime.now(UTC).date())
        return ended + sum(progress.tokens for progress in running if progress)

    def _has_room(self, key: str, job: str, limit: int) -> bool:
        if self.live.claim(key, job, limit):
            return True
        for counted in self.live.of_key(key):  # whatever ended unnoticed makes room
            record = self.records.show(counted)
            if record is None or record.state.ended:
                self.live.forget_of_key(key, counted)
        return self.live.claim(key, job, limit)


def quotas_of(platform: Platform, keyring: Keyring) -> Quotas:
    return Quotas(keyring, platform.store, platform.records, platform.live)


def with_quotas(platform: Platform, keyring: Keyring) -> Platform:
    """The platform of a process that submits jobs for keys."""
    return replace(platform, submission=platform.submission.admitting(quotas_of(platform, keyring).admit))
