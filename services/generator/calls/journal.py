"""Answers by call key, kept the moment they come, so that no call is paid twice.

Objects in a journal's folder (`writer` names one attempt at one job, so two attempts never write one object):

    tail-<writer>-<sequence>          a few answers: what came while the object before was being written
    pack-<writer>-<first>-<last>      the answers of those tails together; `.keys` beside it, written last,
                                      says that the pack is whole: then the tails go
    ledger-<writer>                   the writer's accounts as of its last pack

An object store cannot append, hence the group commit: while one put is under way the next answers gather.
A killed job therefore loses the answers of at most one put beside the calls it had in flight. Other journals
(`archives`: those of earlier recipes over the same models) are read, never written: a changed recipe pays
only for the calls that changed. Memory: 12 bytes an old answer, and the packs read last.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np
import orjson

from services.generator.calls.call import KEY_BYTES, Answer
from services.generator.calls.ledger import Ledger, LedgerSnapshot
from services.generator.calls.parts import Parts
from services.generator.calls.sorted_runs import SortedRuns

PACK_ANSWERS = 4096
PACK_TAILS = 64
COMMIT_SECONDS = 0.05
OPEN_PACKS = 8
READERS = 16


class Journal:
    """`find` before a call, `append` after it. Use as an async context manager."""

    def __init__(
        self,
        parts: Parts,
        writer: str,
        ledger: Ledger,
        *,
        archives: Sequence[Parts] = (),
        in_flight: Callable[[], int] = lambda: 0,
    ) -> None:
        self._parts = parts
        self._writer = writer
        self._ledger = ledger
        self._in_flight = in_flight
        self._folders = [parts, *archives]
        self._recent: dict[bytes, Answer] = {}
        self._packs: list[tuple[Parts, str]] = []
        self._index = SortedRuns()
        self._opened: OrderedDict[int, dict[bytes, Answer]] = OrderedDict()
        self._lines: dict[bytes, bytes] = {}
        self._unpacked: dict[bytes, bytes] = {}
        self._tails: list[int] = []
        self._sequence = 0
        self._wake = asyncio.Event()
        self._written = asyncio.Event()
        self._closing = False
        self._failure: BaseException | None = None

    async def __aenter__(self) -> Journal:
        for folder in self._folders:
            await self._load(folder, own=folder is self._parts)
        self._task = asyncio.create_task(self._write())
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._closing = True
        self._wake.set()
        await self._task

    def may_hold(self, key: bytes) -> bool:
        """False when the journal certainly has no answer under the key: `find` need not be called then."""
        return bool(self._packs) or key in self._recent

    async def find(self, key: bytes) -> Answer | None:
        """The answer kept under the key, from this attempt, an earlier one, or an archive."""
        recent = self._recent.get(key)
        if recent is not None:
            return recent
        for pack in self._index.find(int.from_bytes(key[:8], "big")):
            answer = (await self._open(pack)).get(key)
            if answer is not None:
                return answer
        return None

    def append(self, key: bytes, answer: Answer) -> None:
        """Keep an answer. It is durable soon after: `flush` waits for that."""
        if self._failure is not None:
            raise self._failure
        self._lines[key] = _encode(key, answer)
        self._recent[key] = answer
        self._wake.set()

    async def flush(self) -> None:
        """Returns when everything appended so far is durable."""
        while self._lines and not self._task.done():
            self._written.clear()
            self._wake.set()
            await self._written.wait()
        if self._failure is not None:
            raise self._failure

    async def _write(self) -> None:
        try:
            while not (self._closing and not self._lines):
                await self._wake.wait()
                self._wake.clear()
                if self._lines:
                    await self._put_tail()
                    if len(self._unpacked) >= PACK_ANSWERS or len(self._tails) >= PACK_TAILS:
                        await self._pack()
                self._written.set()
                if not self._closing and len(self._lines) < self._in_flight():
                    await asyncio.sleep(COMMIT_SECONDS)
            await self._pack()
        except BaseException as error:
            self._failure = error
            self._written.set()
            raise

    async def _put_tail(self) -> None:
        lines, self._lines = self._lines, {}
        header = self._ledger.snapshot(self._in_flight()).model_dump_json().encode()
        name = f"tail-{self._writer}-{self._sequence:08d}"
        try:
            await self._parts.put(name, b"\n".join([header, *lines.values()]))
        except BaseException:
            self._lines = lines | self._lines
            raise
        self._tails.append(self._sequence)
        self._unpacked |= lines
        self._sequence += 1

    async def _pack(self) -> None:
        """Join this attempt's tails into one object, index it, and let the tails go."""
        await self._parts.put(
            f"ledger-{self._writer}", self._ledger.snapshot(self._in_flight()).model_dump_json().encode()
        )
        if not self._tails:
            return
        tails, lines = self._tails, self._unpacked
        name = f"pack-{self._writer}-{tails[0]:08d}-{tails[-1]:08d}"
        keys = b"".join(lines)
        await self._parts.put(name, b"\n".join(lines.values()))
        await self._parts.put(f"{name}.keys", keys)
        self._tails, self._unpacked = [], {}
        self._register(self._parts, name, keys)
        for key in lines:
            self._recent.pop(key, None)
        await asyncio.gather(*(self._parts.delete(f"tail-{self._writer}-{tail:08d}") for tail in tails))

    async def _load(self, folder: Parts, *, own: bool) -> None:
        names = set(await folder.names())
        whole = sorted(name for name in names if f"{name}.keys" in names)
        covered = [_span(name) for name in whole]
        tails = sorted(name for name in names if name.startswith("tail-") and not _is_covered(name, covered))
        for name, keys in zip(whole, await _get_all(folder, [f"{name}.keys" for name in whole]), strict=True):
            self._register(folder, name, keys)
        snapshots: dict[str, LedgerSnapshot] = {}
        ledgers = sorted(name for name in names if name.startswith("ledger-")) if own else []
        for name, data in zip(ledgers, await _get_all(folder, ledgers), strict=True):
            snapshots[name.removeprefix("ledger-")] = LedgerSnapshot.model_validate_json(data)
        for name, data in zip(tails, await _get_all(folder, tails), strict=True):
            header, *lines = data.split(b"\n")
            snapshots[name.split("-")[1]] = LedgerSnapshot.model_validate_json(header)
            self._recent.update(map(_decode, lines))
        if own:
            self._ledger.carry(snapshots.values())

    def _register(self, folder: Parts, name: str, keys: bytes) -> None:
        number = len(self._packs)
        self._packs.append((folder, name))
        prefixes = np.frombuffer(keys, dtype=">u8")[:: KEY_BYTES // 8].astype(np.uint64)
        self._index.add_many(prefixes, np.full(len(prefixes), number, np.uint32))

    async def _open(self, number: int) -> dict[bytes, Answer]:
        answers = self._opened.get(number)
        if answers is None:
            folder, name = self._packs[number]
            data = await folder.get(name)
            answers = self._opened[number] = dict(map(_decode, data.split(b"\n")))
            if len(self._opened) > OPEN_PACKS:
                self._opened.popitem(last=False)
        else:
            self._opened.move_to_end(number)
        return answers


async def _get_all(folder: Parts, names: Sequence[str]) -> list[bytes]:
    """Objects in the order of their names, a few at a time."""
    gate = asyncio.Semaphore(READERS)

    async def get(name: str) -> bytes:
        async with gate:
            return await folder.get(name)

    return list(await asyncio.gather(*map(get, names)))


def _encode(key: bytes, answer: Answer) -> bytes:
    return orjson.dumps(
        [
            key.hex(),
            answer.text,
            answer.finish_reason,
            answer.tokens_in,
            answer.tokens_out,
            answer.source,
            answer.top_logprobs,
        ]
    )


def _decode(line: bytes) -> tuple[bytes, Answer]:
    text_key, text, finish, tokens_in, tokens_out, source, top_logprobs = orjson.loads(line)
    key = bytes.fromhex(text_key)
    return key, Answer(text, finish, tokens_in, tokens_out, source, top_logprobs, key)


def _span(pack: str) -> tuple[str, int, int]:
    _, writer, first, last = pack.split("-")
    return writer, int(first), int(last)


def _is_covered(tail: str, spans: list[tuple[str, int, int]]) -> bool:
    _, writer, number = tail.split("-")
    return any(writer == owner and first <= int(number) <= last for owner, first, last in spans)
