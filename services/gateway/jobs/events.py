"""What happens to jobs, for those who listen: Redis' streams, read over one connection for all of them.

A stream is only a copy of what the store knows. When Redis loses it, the store is asked every few seconds,
so that a listener never misses the end of a job.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import anyio.to_thread
import redis
import redis.asyncio
import structlog

from shared.contracts.jobs import JobRecord, JobState
from shared.jobs.records import JobRecords

log = structlog.get_logger(__name__)
BLOCK_MS = 250
"""How long one read waits: a new listener joins the shared read no later than this."""
STORE_SECONDS = 5.0
QUEUE_EVENTS = 1000


@dataclass(frozen=True)
class Event:
    """`id` is the stream's; empty where the store was asked instead."""

    id: str
    kind: str
    data: str

    @property
    def ends(self) -> bool:
        return (
            self.kind == "state"
            and JobState(JobRecord.model_validate_json(self.data, extra="ignore").state).ended
        )


@dataclass
class _Channel:
    """One job's listeners, and up to where its stream was read for them."""

    position: str
    queues: set[asyncio.Queue[Event]] = field(default_factory=set)

    def tell(self, event: Event) -> None:
        for queue in self.queues:
            if queue.full():  # a listener that does not listen: it has the newest, and the store's word later
                queue.get_nowait()
            queue.put_nowait(event)


class EventHub:
    def __init__(self, client: redis.asyncio.Redis, records: JobRecords) -> None:
        self._redis = client
        self._records = records
        self._channels: dict[str, _Channel] = {}
        self._somebody = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._tasks = [asyncio.create_task(self._read_streams()), asyncio.create_task(self._ask_store())]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._redis.aclose()

    @contextlib.asynccontextmanager
    async def listen(self, job_id: str) -> AsyncIterator[asyncio.Queue[Event]]:
        """A queue of the job's events from now on."""
        if job_id not in self._channels:
            position = await self.last_id(job_id)
            self._channels.setdefault(job_id, _Channel(position))
        channel = self._channels[job_id]
        queue: asyncio.Queue[Event] = asyncio.Queue(QUEUE_EVENTS)
        channel.queues.add(queue)
        self._somebody.set()
        try:
            yield queue
        finally:
            channel.queues.discard(queue)
            if not channel.queues and self._channels.get(job_id) is channel:
                del self._channels[job_id]

    async def last_id(self, job_id: str) -> str:
        """The id of the stream's newest event; `0-0` when there is none."""
        with contextlib.suppress(redis.RedisError):
            newest: Any = await self._redis.xrevrange(_key(job_id), count=1)
            if newest:
                return str(newest[0][0])
        return "0-0"

    async def since(self, job_id: str, event_id: str) -> list[Event] | None:
        """The events after one; None when the stream no longer reaches back to it."""
        try:
            found: Any = await self._redis.xrange(_key(job_id), min=event_id)
        except redis.RedisError:
            return None
        events = [_event(entry) for entry in found]
        return events[1:] if events and events[0].id == event_id else None

    async def record(self, job_id: str) -> JobRecord:
        return await anyio.to_thread.run_sync(self._records.get, job_id)

    async def _read_streams(self) -> None:
        while True:
            await self._wait_for_somebody()
            positions = {_key(job): channel.position for job, channel in self._channels.items()}
            try:
                answer: Any = await self._redis.xread(positions, count=100, block=BLOCK_MS)  # type: ignore[arg-type]
            except redis.RedisError as error:
                log.warning("events.unavailable", error=type(error).__name__)
                await asyncio.sleep(1)
                continue
            for key, entries in answer or []:
                self._hand_out(key.removeprefix(_key("")), [_event(entry) for entry in entries])

    def _hand_out(self, job_id: str, events: list[Event]) -> None:
        channel = self._channels.get(job_id)
        if channel is None:
            return
        for event in events:
            channel.position = event.id
            channel.tell(event)

    async def _ask_store(self) -> None:
        sequences: dict[str, int] = {}
        while True:
            await self._wait_for_somebody()
            await asyncio.sleep(STORE_SECONDS)
            sequences = {job: sequence for job, sequence in sequences.items() if job in self._channels}
            for job_id in list(self._channels):
                try:
                    record = await self.record(job_id)
                except Exception as error:  # the store is away: the next round asks again
                    log.warning("events.store_unavailable", job=job_id, error=type(error).__name__)
                    continue
                if record.sequence > sequences.get(job_id, -1) and (channel := self._channels.get(job_id)):
                    sequences[job_id] = record.sequence
                    channel.tell(Event("", "state", record.model_dump_json()))

    async def _wait_for_somebody(self) -> None:
        if not self._channels:
            self._somebody.clear()
            await self._somebody.wait()


def _key(job_id: str) -> str:
    return f"gamut:events:{job_id}"


def _event(entry: Any) -> Event:
    event_id, fields = entry
    return Event(str(event_id), str(fields["event"]), str(fields["data"]))
