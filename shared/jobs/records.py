"""The truth about jobs: an append-only log of states in the object store.

    jobs/<id>/<sequence>.json   one state; put if absent, so that of two writers one loses and looks again
    active/<id>                 a marker for every job that has not ended, written before its first state

Nothing here needs Redis: after a flush, the markers say which jobs there are and the logs how they stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from shared.contracts.jobs import JobRecord
from shared.errors import NotFound
from shared.jobs.transitions import check_transition
from shared.store.base import ObjectNotFound, ObjectStore
from shared.stored import Unreadable, read_stored


class JobNotFound(NotFound):
    """There is no such job. `GET /v1/jobs` lists those there are."""


class StaleRecord(Exception):
    """Somebody else wrote the next state first: read again and decide again."""


class JobRecords:
    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def create(self, record: JobRecord) -> bool:
        """The job's first state; False when the job exists."""
        self._mark(record.id)
        return self._store.put_if_absent(_key(record.id, 0), _bytes(record))

    def get(self, job_id: str) -> JobRecord:
        """The newest state. Raises `JobNotFound`, and `Unreadable`."""
        keys = self._keys(job_id)
        if not keys:
            raise JobNotFound(f"there is no job {job_id}")
        return self._read(keys[-1])

    def find(self, job_id: str) -> JobRecord | None:
        """The newest state, if there is any. Raises `Unreadable`."""
        try:
            return self.get(job_id)
        except JobNotFound:
            return None

    def show(self, job_id: str) -> JobRecord | None:
        """The newest state for people: where it cannot be read, the last one that can, and it says so in its
        reason and error. None where there is nothing to show."""
        try:
            return self.find(job_id)
        except Unreadable as error:
            older = list(self._readable(self._keys(job_id)))
            shown = {"reason": error.reason.value, "error": error.problem()}
            return older[-1].model_copy(update=shown) if older else None

    def readable(self, job_ids: Iterable[str]) -> Iterator[JobRecord]:
        """The newest states of those jobs whose newest state can be read."""
        for job_id in job_ids:
            with suppress(Unreadable):
                if found := self.find(job_id):
                    yield found

    def append(self, record: JobRecord, **changes: Any) -> JobRecord:
        """The next state after `record`.

        Raises `Conflict` for an illegal move and `StaleRecord` for a lost race.
        """
        changes["sequence"] = record.sequence + 1
        changes["updated_at"] = datetime.now(UTC)
        following = JobRecord.model_validate(record.model_dump() | changes)
        check_transition(record.state, following.state)
        taken_up = record.state.ended and not following.state.ended
        if taken_up:
            self._mark(record.id)
        if not self._store.put_if_absent(_key(record.id, following.sequence), _bytes(following)):
            raise StaleRecord(record.id)
        if taken_up:
            self._mark(record.id)  # whoever ended it may have been about to remove the first one
        if following.state.ended:
            self.forget_marker(record.id)
        return following

    def history(self, job_id: str) -> list[JobRecord]:
        return list(self._readable(self._keys(job_id)))

    def written_at(self, record: JobRecord) -> datetime | None:
        """When this state was put, by the store's clock."""
        key = _key(record.id, record.sequence)
        return next((found.modified for found in self._store.list(key)), None)

    def active(self) -> Iterator[str]:
        """Ids of the jobs that have not ended, and of a few that have: a marker may outlive its job."""
        for found in self._store.list("active/"):
            yield found.key.removeprefix("active/")

    def forget_marker(self, job_id: str) -> None:
        """Remove the marker of a job that has ended; one that was taken up again meanwhile keeps it."""
        self._store.delete(f"active/{job_id}")
        found = self.show(job_id)
        if found is not None and not found.state.ended:
            self._mark(job_id)

    def all(self) -> Iterator[JobRecord]:
        """The newest state of every job there ever was: reads the whole log, for rebuilding indexes."""
        newest: str | None = None
        for found in self._store.list("jobs/"):
            if newest and newest.rpartition("/")[0] != found.key.rpartition("/")[0]:
                yield from self._readable([newest])
            newest = found.key
        if newest:
            yield from self._readable([newest])

    def _mark(self, job_id: str) -> None:
        self._store.put(f"active/{job_id}", b"", "text/plain")

    def _keys(self, job_id: str) -> list[str]:
        return [found.key for found in self._store.list(f"jobs/{job_id}/")]

    def _read(self, key: str) -> JobRecord:
        return read_stored(JobRecord, key, self._store.get(key))

    def _readable(self, keys: Iterable[str]) -> Iterator[JobRecord]:
        for key in keys:
            with suppress(ObjectNotFound, Unreadable):
                yield self._read(key)


def _key(job_id: str, sequence: int) -> str:
    return f"jobs/{job_id}/{sequence:06d}.json"


def _bytes(record: JobRecord) -> bytes:
    return record.model_dump_json().encode()
