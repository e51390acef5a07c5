"""What Redis knows about jobs while they run. All of it may vanish at any moment: none of it is the truth.

    gamut:lease:<job>     who runs it, until when: "<token> <worker>"
    gamut:sent:<job>      its message was sent a moment ago
    gamut:progress:<job>  the newest progress
    gamut:events:<job>    a stream of states and progress, for listeners
    gamut:index:<project> the project's jobs by time of creation; …:<operation> those of one operation
    gamut:waiting:<job>   jobs to wake when this one ends
    gamut:ended:<job>     jobs whose end has woken this one
    gamut:again:<job>     a message came while the job was being run: look once more afterwards
    gamut:trace:<job>     the trace it was asked for in
    gamut:key:<key>       the jobs under way that an API key asked for

What is only display (indexes, events, progress) gives way silently when Redis is away; leases do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import redis
import structlog

from shared.contracts.base import Queue
from shared.contracts.jobs import JobRecord, Progress
from shared.jobs.counts import Counts

log = structlog.get_logger(__name__)
_JOB_ID = re.compile(rb"job-[0-9a-f]{32}")

SENT_SECONDS = 10
"""A message that was sent so long ago is in its queue or was lost with the worker that had taken it."""
AGAIN_SECONDS = 300
EVENTS_KEPT = 1000
EVENTS_SECONDS = 86_400

# A lease is renewed or dropped only by its holder; compare and act have to be one step.
_RENEW = """
local held = redis.call('GET', KEYS[1])
if held == false or held == ARGV[1] then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return 1 end
return 0
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
# Of two requests at the same time only one may have the last place.
_CLAIM = """
local counted = redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1
if not counted and redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('SADD', KEYS[1], ARGV[1]) return 1
"""


class LiveJobs:
    def __init__(self, client: redis.Redis, lease_seconds: float) -> None:
        self._redis = client
        self.counts = Counts(client)
        self._lease_ms = int(lease_seconds * 1000)
        self._renew = client.register_script(_RENEW)
        self._release = client.register_script(_RELEASE)
        self._claim = client.register_script(_CLAIM)

    def acquire(self, job_id: str, holder: str) -> bool:
        """Take the lease if nobody has it."""
        return bool(self._redis.set(f"gamut:lease:{job_id}", holder, nx=True, px=self._lease_ms))

    def renew(self, job_id: str, holder: str) -> bool:
        """Keep the lease; also takes it again when Redis lost it. False when another holds it."""
        return bool(self._renew(keys=[f"gamut:lease:{job_id}"], args=[holder, self._lease_ms]))

    def release(self, job_id: str, holder: str) -> None:
        self._release(keys=[f"gamut:lease:{job_id}"], args=[holder])

    def leased(self, job_id: str) -> bool:
        return bool(self._redis.exists(f"gamut:lease:{job_id}"))

    def mark_sent(self, job_id: str) -> None:
        self._redis.set(f"gamut:sent:{job_id}", "1", ex=SENT_SECONDS)

    def was_sent(self, job_id: str) -> bool:
        return bool(self._redis.exists(f"gamut:sent:{job_id}"))

    def queued(self) -> set[str]:
        """The jobs whose messages lie in the queues. The broker keeps each queue as a list of this server."""
        messages = (self._redis.lrange(queue.value, 0, -1) for queue in Queue)
        found = (_JOB_ID.search(message) for waiting in messages for message in cast(list[bytes], waiting))
        return {match[0].decode() for match in found if match}

    def carry(self, job_id: str, carrier: Mapping[str, str]) -> None:
        """Keep the trace that the job was asked for in, for whoever runs it."""
        if carrier:
            with _optional("trace"), self._redis.pipeline() as both:
                both.hset(f"gamut:trace:{job_id}", mapping=cast(Any, carrier))
                both.expire(f"gamut:trace:{job_id}", EVENTS_SECONDS)
                both.execute()

    def carried(self, job_id: str) -> dict[str, str]:
        found: dict[Any, Any] = {}
        with _optional("trace"):
            found = cast(dict[Any, Any], self._redis.hgetall(f"gamut:trace:{job_id}"))
        return {_text(name): _text(value) for name, value in found.items()}

    def clear_sent(self, job_id: str) -> None:
        self._redis.delete(f"gamut:sent:{job_id}")

    def index(self, record: JobRecord) -> None:
        with _optional("index"):
            entry = {record.id: record.created_at.timestamp()}
            with self._redis.pipeline() as both:
                both.zadd(f"gamut:index:{record.project}", entry)
                both.zadd(f"gamut:index:{record.project}:{record.operation}", entry)
                both.execute()
            self._count_to_key(record)

    def indexed(
        self, project: str, before: float | None, limit: int, operation: str | None = None
    ) -> list[tuple[str, float]]:
        """The project's jobs (of one operation), newest first, created before the given time."""
        highest = "+inf" if before is None else f"({before!r}"
        name = f"gamut:index:{project}" + (f":{operation}" if operation else "")
        found = self._redis.zrevrangebyscore(name, highest, "-inf", start=0, num=limit, withscores=True)
        return [(_text(job), float(score)) for job, score in cast(list[tuple[Any, Any]], found)]

    def index_known(self) -> bool:
        """Whether the indexes were built since Redis last lost everything."""
        return bool(self._redis.exists("gamut:indexed"))

    def mark_index_known(self) -> None:
        self._redis.set("gamut:indexed", "1")

    def wake_on_end(self, job_id: str, waiting: str) -> None:
        key = f"gamut:waiting:{job_id}"
        with _optional("wake"):
            self._redis.sadd(key, waiting)
            self._redis.expire(key, EVENTS_SECONDS)

    def take_waiting(self, job_id: str) -> list[str]:
        """The jobs that this one's end wakes; each is also told which job it was."""
        key = f"gamut:waiting:{job_id}"
        members: set[Any] = set()
        with _optional("wake"):
            members = cast(set[Any], self._redis.smembers(key))
            with self._redis.pipeline() as all_at_once:
                all_at_once.delete(key)
                for member in members:
                    all_at_once.sadd(f"gamut:ended:{_text(member)}", job_id)
                    all_at_once.expire(f"gamut:ended:{_text(member)}", EVENTS_SECONDS)
                all_at_once.execute()
        return sorted(_text(member) for member in members)

    def take_ended(self, waiting: str) -> set[str]:
        """The jobs whose end woke this one since it last asked; some may have been lost with Redis."""
        found: set[Any] = set()
        with _optional("wake"), self._redis.pipeline() as both:
            both.smembers(f"gamut:ended:{waiting}")
            both.delete(f"gamut:ended:{waiting}")
            found = both.execute()[0]
        return {_text(job) for job in found}

    def waiting_for(self, job_id: str) -> set[str]:
        """The jobs that are to be woken when this one ends."""
        members: set[Any] = set()
        with _optional("wake"):
            members = cast(set[Any], self._redis.smembers(f"gamut:waiting:{job_id}"))
        return {_text(member) for member in members}

    def note_again(self, job_id: str) -> None:
        with _optional("again"):
            self._redis.set(f"gamut:again:{job_id}", "1", ex=AGAIN_SECONDS)

    def take_again(self, job_id: str) -> bool:
        with _optional("again"):
            return bool(self._redis.delete(f"gamut:again:{job_id}"))
        return False

    def publish_state(self, record: JobRecord) -> None:
        with _optional("key"):
            self._count_to_key(record)
        if record.state.ended:
            self.counts.ended(record.operation, record.state)
        self._publish(record.id, "state", record.model_dump_json())

    def claim(self, key: str, job_id: str, limit: int) -> bool:
        """Count the job to the API key, unless it has `limit` others under way."""
        return bool(self._claim(keys=[f"gamut:key:{key}"], args=[job_id, limit]))

    def of_key(self, key: str) -> set[str]:
        """The jobs under way that are counted to the key; some may have ended."""
        return {_text(job) for job in cast(set[Any], self._redis.smembers(f"gamut:key:{key}"))}

    def forget_of_key(self, key: str, job_id: str) -> None:
        self._redis.srem(f"gamut:key:{key}", job_id)

    def _count_to_key(self, record: JobRecord) -> None:
        if record.key is None or record.queue is Queue.COORDINATE:
            return  # an experiment does nothing itself: its jobs are counted
        if record.state.ended:
            self.forget_of_key(record.key, record.id)
        else:
            self._redis.sadd(f"gamut:key:{record.key}", record.id)

    def publish_progress(self, job_id: str, progress: Progress) -> None:
        text = progress.model_dump_json()
        with _optional("progress"):
            self._redis.set(f"gamut:progress:{job_id}", text, ex=EVENTS_SECONDS)
        self._publish(job_id, "progress", text)

    def progress(self, job_id: str) -> Progress | None:
        text = None
        with _optional("progress"):
            text = self._redis.get(f"gamut:progress:{job_id}")
        return Progress.model_validate_json(cast(bytes, text), extra="ignore") if text else None

    def _publish(self, job_id: str, event: str, data: str) -> None:
        key = f"gamut:events:{job_id}"
        with _optional("event"):
            self._redis.xadd(key, {"event": event, "data": data}, maxlen=EVENTS_KEPT, approximate=True)
            self._redis.expire(key, EVENTS_SECONDS)


@contextmanager
def _optional(what: str) -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        log.warning("live.unavailable", what=what, error=type(error).__name__)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
