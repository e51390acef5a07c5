"""Resume of a job with a million finished rows: seconds until its next call goes out, and memory.

The finished part is written by the journal and the record themselves, into a real store. The resumed attempt
is a process of its own; its figure counts from the opening of the session, its memory from what the same
process holds without any finished row. The issue of both is a limit, not a peer: nothing else resumes.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path

from benchmarks.generator.clients.resumed import stage_of
from benchmarks.generator.processes import client, endpoint
from benchmarks.generator.results import Row, row
from services.generator.calls.call import Answer
from services.generator.calls.journal import Journal
from services.generator.calls.ledger import Ledger
from services.generator.calls.parts import StoreParts
from services.generator.engine.record import StageRecord
from services.generator.engine.stage import Draft
from shared.store.local import LocalStore

FINISHED = 1_000_000
COMMIT = 2_500
"""Rows in one committed object: five seconds' worth at 500 rows a second."""
TEXT = "The fox went to the market and sold three geese to a tall man with a red hat. He was glad."


def rows(wanted: Callable[[str], bool]) -> Iterator[Row]:
    if not (wanted("resume_1m_first_call") or wanted("resume_1m_memory")):
        return
    with endpoint() as url:
        fresh = _resumed(url, 0)
        after = _resumed(url, FINISHED)
    note = f"{FINISHED:,} finished rows on a local store; no near-duplicate filter (it takes 0.45 GB more)"
    if wanted("resume_1m_first_call"):
        yield row("resume_1m_first_call", "", "", after["first_call"], None, "s", equal=True, note=note)
    if wanted("resume_1m_memory"):
        more = after["mib"] - fresh["mib"]
        yield row("resume_1m_memory", "", "", more, None, "MiB more than without", equal=True, note=note)


def _resumed(url: str, finished: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_finish(Path(folder), finished))
        lines = client("resumed", [url, folder, finished]).splitlines()
    return {name: float(value) for name, value in (line.split() for line in lines)}


async def _finish(folder: Path, finished: int) -> None:
    """What an attempt leaves that was killed after so many rows."""
    store = LocalStore(folder)
    stage = stage_of("http://127.0.0.1:9/v1", finished + 1)
    record = StageRecord(StoreParts(store, "records"), stage, "000001")
    async with Journal(StoreParts(store, "calls"), "000001", Ledger()) as journal:
        for number in range(finished):
            key = blake2b(b"%d" % number, digest_size=16).digest()
            journal.append(key, Answer(TEXT, "stop", 60, 24, "bench"))
            origin = {"source": "bench", "prompt_hash": key.hex(), "seed": number}
            record.accept(Draft({"text": TEXT}, TEXT, origin), number)
            record.progress.decided += 1
            if number % COMMIT == COMMIT - 1:
                await journal.flush()
                await record.commit()
    record.progress.refused = Counter()
    await record.commit()
