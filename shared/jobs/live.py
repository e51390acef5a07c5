"""What Redis knows about jobs while they run. All of it may vanish at any moment: none of it is the truth.

    gamut:lease:<job>     who runs it, until when: "<token> <worker>"
    gamut:sent:<job>      its message was sent a moment ago
    gamut:progress:<job>  the newest progress
    gamut:events:<job>    a stream of states and progress, for listeners
    gamut:index:<project> the project's jobs by time of creation; …:<operation> of one operation, …@<state>
                          in one state
    gamut:states:<project> the state, and its place in the job's log, that each job is indexed under
    gamut:waiting:<job>   jobs to wake when this one ends
    gamut:ended:<job>     jobs whose end has woken this one
    gamut:again:<job>     a message came while the job was being run: look once more afterwards
    gamut:trace:<job>     the trace it was asked for in
    gamut:key:<key>       the jobs under way that an API key asked for
    gamut:claimed:<job>   it was counted to its key and is being written
    gamut:reserved:<key>  tokens that previews are about to hold: "<order>:<tokens>", by when they lapse

What is only display (indexes, events, progress) gives way silently when Redis is away; leases do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any, cast

import redis
import structlog

from shared.contracts.base import Queue
from shared.contracts.jobs import JobRecord, JobState, Progress
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
redis.call('SADD', KEYS[1], ARGV[1])
redis.call('SET', KEYS[2], '1', 'EX', ARGV[3]) return 1
"""
# Each sees what was reserved before it: of those that come at once, the first sees nothing.
_RESERVE = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local before = 0
for _, entry in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  before = before + tonumber(string.match(entry, ':(%d+)$'))
end
local entry = redis.call('INCR', KEYS[2]) .. ':' .. ARGV[1]
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), entry)
return {entry, before}
"""
# A job is in the index of its newest state: one that is told late changes nothing.
_INDEX = """
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known then
  local sequence, state = string.match(known, '^(%d+) (.+)$')
  if tonumber(sequence) > tonumber(ARGV[3]) then return 0 end
  for number = 2, #KEYS do redis.call('ZREM', KEYS[number] .. '@' .. state, ARGV[1]) end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3] .. ' ' .. ARGV[4])
for number = 2, #KEYS do
  redis.call('ZADD', KEYS[number], ARGV[2], ARGV[1])
  redis.call('ZADD', KEYS[number] .. '@' .. ARGV[4], ARGV[2], ARGV[1])
end
return 1
"""
INDEXED = "gamut:indexed:states"
"""Says that the indexes are whole; its name changes with what they hold."""
INDEX_BATCH = 500
CLAIM_SECONDS = 60
"""Longer than it takes to write a job's first state, or to hold a preview's tokens."""


class LiveJobs:
    def __init__(self, client: redis.Redis, lease_seconds: float) -> None:
        self._redis = client
        self.counts = Counts(client)
        self._lease_ms = int(lease_seconds * 1000)
        self._renew = client.register_script(_RENEW)
        self._release = client.register_script(_RELEASE)
        self._claim = client.register_script(_CLAIM)
        self._index = client.register_script(_INDEX)
        self._reserve = client.register_script(_RESERVE)

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
            self._index_state(record)
            self.count_to_key(record)

    def index_all(self, records: Iterable[JobRecord]) -> None:
        """Builds the indexes of everything there is, in one pass."""
        waiting = iter(records)
        while some := list(islice(waiting, INDEX_BATCH)):
            with self._redis.pipeline(transaction=False) as together:
                for record in some:
                    self._index_state(record, together)
                    if _counts_to_key(record):
                        together.sadd(f"gamut:key:{record.key}", record.id)
                together.execute()
        self.mark_index_known()

    def _index_state(self, record: JobRecord, client: redis.Redis | None = None) -> None:
        project = f"gamut:index:{record.project}"
        keys = [f"gamut:states:{record.project}", project, f"{project}:{record.operation}"]
        arguments: list[str | int] = [
            record.id,
            repr(record.created_at.timestamp()),
            record.sequence,
            record.state.value,
        ]
        self._index(keys=keys, args=arguments, client=client)

    def indexed(
        self,
        project: str,
        before: float | None,
        limit: int,
        operation: str | None = None,
        state: JobState | None = None,
    ) -> list[tuple[str, float]]:
        """The project's jobs (of one operation, in one state), newest first, created before a time."""
        highest = "+inf" if before is None else f"({before!r}"
        name = f"gamut:index:{project}" + (f":{operation}" if operation else "")
        name += f"@{state.value}" if state else ""
        found = self._redis.zrevrangebyscore(name, highest, "-inf", start=0, num=limit, withscores=True)
        return [(_text(job), float(score)) for job, score in cast(list[tuple[Any, Any]], found)]

    def index_known(self) -> bool:
        """Whether the indexes were built since Redis last lost everything."""
        return bool(self._redis.exists(INDEXED))

    def mark_index_known(self) -> None:
        self._redis.set(INDEXED, "1")

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
        self.index(record)
        if record.state.ended:
            self.counts.ended(record.operation, record.state)
        self._publish(record.id, "state", record.model_dump_json())

    def claim(self, key: str, job_id: str, limit: int) -> bool:
        """Count the job to the API key, unless it has `limit` others under way."""
        keys = [f"gamut:key:{key}", f"gamut:claimed:{job_id}"]
        return bool(self._claim(keys=keys, args=[job_id, limit, CLAIM_SECONDS]))

    def is_claimed(self, job_id: str) -> bool:
        """Whether somebody counted it and may still be writing its state."""
        return bool(self._redis.exists(f"gamut:claimed:{job_id}"))

    def settle_claim(self, job_id: str) -> None:
        """Its state is written: from now on that says whether it is under way."""
        with _optional("claim"):
            self._redis.delete(f"gamut:claimed:{job_id}")

    def reserve(self, key: str, tokens: int) -> tuple[str, int]:
        """A reservation of the key's tokens, for a minute at most, and how many were reserved before it."""
        keys = [f"gamut:reserved:{key}", "gamut:reservations"]
        entry, before = self._reserve(keys=keys, args=[tokens, CLAIM_SECONDS])
        return _text(entry), int(before)

    def unreserve(self, key: str, reservation: str) -> None:
        with _optional("reservation"):
            self._redis.zrem(f"gamut:reserved:{key}", reservation)

    def of_key(self, key: str) -> set[str]:
        """The jobs under way that are counted to the key; some may have ended."""
        return {_text(job) for job in cast(set[Any], self._redis.smembers(f"gamut:key:{key}"))}

    def forget_of_key(self, key: str, job_id: str) -> None:
        self._redis.srem(f"gamut:key:{key}", job_id)

    def count_again(self, record: JobRecord) -> None:
        """The same, where it may wait: an end that was told late may have taken away a job under way."""
        with _optional("key"):
            self.count_to_key(record)

    def count_to_key(self, record: JobRecord) -> None:
        """Keep the key's count true to the record."""
        if _counts_to_key(record):
            self._redis.sadd(f"gamut:key:{record.key}", record.id)
        elif record.key is not None:
            self.forget_of_key(record.key, record.id)

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


def _counts_to_key(record: JobRecord) -> bool:
    """An experiment does nothing itself: its jobs are counted."""
    return record.key is not None and record.queue is not Queue.COORDINATE and not record.state.ended


@contextmanager
def _optional(what: str) -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        log.warning("live.unavailable", what=what, error=type(error).__name__)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
