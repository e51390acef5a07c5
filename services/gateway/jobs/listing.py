"""Lists of jobs, newest first: from Redis' index, or from the store's log while the index is lost."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import redis

from services.gateway.cursors import read_cursor, write_cursor
from shared.contracts.jobs import JobRecord, JobState
from shared.jobs.live import LiveJobs
from shared.jobs.records import JobRecords

_CHUNK = 200
Place = tuple[float, str]
"""Time of creation and id: the order of a list, from its end."""


@dataclass(frozen=True)
class Page:
    records: list[JobRecord]
    next: str | None


@dataclass(frozen=True)
class JobListing:
    records: JobRecords
    live: LiveJobs

    def page(
        self,
        project: str,
        limit: int,
        cursor: str | None = None,
        operations: Sequence[str] | None = None,
        wanted: Callable[[JobRecord], bool] = lambda record: True,
        state: JobState | None = None,
    ) -> Page:
        """At most `limit` jobs of some operations (all where None), in one state, that are wanted."""
        after: Place | None = tuple(read_cursor(cursor, (float, str))) if cursor else None
        found = (record for record in self._newest(project, after, operations, state) if wanted(record))
        records = list(itertools.islice(found, limit + 1))
        more = write_cursor(*_place(records[limit - 1])) if len(records) > limit else None
        return Page(records[:limit], more)

    def _newest(
        self, project: str, after: Place | None, operations: Sequence[str] | None, state: JobState | None
    ) -> Iterator[JobRecord]:
        found = self._listed(project, after, operations, state)
        return (record for record in found if state is None or record.state is state)  # some have moved on

    def _listed(
        self, project: str, after: Place | None, operations: Sequence[str] | None, state: JobState | None
    ) -> Iterator[JobRecord]:
        try:
            complete = self.live.index_known()
        except redis.RedisError:
            complete = False
        if not complete:
            yield from self._from_store(project, after, operations)
            return
        lists = [self._indexed(project, after, operation, state) for operation in operations or (None,)]
        for _, job_id in heapq.merge(*lists, reverse=True):
            if record := self.records.show(job_id):
                yield record

    def _indexed(
        self, project: str, after: Place | None, operation: str | None, state: JobState | None
    ) -> Iterator[Place]:
        """The index in chunks; jobs of one instant are told apart by their ids."""
        place = after
        while True:
            before = math.nextafter(place[0], math.inf) if place else None
            found = self.live.indexed(project, before, _CHUNK, operation, state)
            chunk = [(time, job) for job, time in found]
            fresh = [found for found in chunk if place is None or found < place]
            yield from fresh
            if not fresh:
                return
            place = fresh[-1]

    def _from_store(
        self, project: str, after: Place | None, operations: Sequence[str] | None
    ) -> Iterator[JobRecord]:
        mine = [
            record
            for record in self.records.all()
            if record.project == project
            and (operations is None or record.operation in operations)
            and (after is None or _place(record) < after)
        ]
        yield from sorted(mine, key=_place, reverse=True)


def _place(record: JobRecord) -> Place:
    return record.created_at.timestamp(), record.id
