"""What a stage has decided so far, kept so that a restart goes on at the first undecided candidate.

    rows/<stage>/<writer>-<n>        accepted rows, in the order of their candidates (JSONL)
    rejects/<stage>/<writer>-<n>     refused candidates with their reasons (JSONL)
    prompts/<stage>/<writer>-<n>     what was asked for both, as `shared.prompts` writes it (JSONL)
    state/<stage>/<writer>-<n>-<k>   what filter k remembers of those rows
    checkpoint/<stage>/<writer>-<n>  the list of all of the above, and the counts; written last

The checkpoint with the greatest name counts; objects that it does not list do not exist.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from services.generator.calls.call import Call
from services.generator.calls.parts import Parts
from services.generator.engine.stage import Draft, Reject, Row, Stage
from shared.prompts import PromptBook

KEEP_CHECKPOINTS = 2


@dataclass(slots=True)
class StageProgress:
    """Counts of one stage. `decided` candidates became `accepted` rows and `refused` rejects, by reason."""

    decided: int = 0
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    history: list[int] = field(default_factory=list)
    """Rows accepted when each of the last `lookback` candidates had been decided."""
    taken: Counter[str] = field(default_factory=Counter)
    """Answers from which something was taken off, by what it was."""


class StageRecord:
    """The durable record of one stage; `add` as decisions are taken, `commit` from time to time."""

    def __init__(
        self,
        parts: Parts,
        stage: Stage,
        writer: str,
        prompt: Callable[[str], Call | None] = lambda name: None,
    ) -> None:
        """`prompt` gives the call behind an answer, by the hash that its origin names."""
        self._prompt = prompt
        self._book = PromptBook()
        self._prompts: list[bytes] = []
        self._parts = parts
        self._stage = stage
        self._writer = writer
        self._rows: list[bytes] = []
        self._rejects: list[bytes] = []
        self._names: dict[str, Any] = {
            "rows": [],
            "rejects": [],
            "prompts": [],
            "states": [[] for _ in stage.filters],
        }
        self._number = 0
        self.progress = StageProgress()

    async def resume(self) -> None:
        """Take up the last checkpoint, if there is one."""
        checkpoints = await self._parts.names(f"checkpoint/{self._stage.name}/")
        if not checkpoints:
            return
        saved = orjson.loads(await self._parts.get(checkpoints[-1]))
        self._names = {"prompts": [], **saved["names"]}
        progress = saved["progress"]
        counts = {name: Counter(progress.get(name, {})) for name in ("refused", "taken")}
        self.progress = StageProgress(**{**progress, **counts})
        if self.progress.accepted < self._stage.wanted:  # a filter that judges no more needs no memory
            for judge, names in zip(self._stage.filters, self._names["states"], strict=True):
                judge.load_state([await self._parts.get(name) for name in names])
        if self._stage.needs_rows:
            self._stage.restore([row async for row in self.rows()])

    def accept(self, draft: Draft, candidate: int, part: int = 0) -> None:
        """`part` tells a candidate's rows apart, where a candidate brings several."""
        name = f"{self._stage.name}-{candidate:07d}"
        name = f"{name}-{part:03d}" if self._stage.rows_each > 1 else name
        row = {"id": name, **draft.row, "origin": draft.origin}
        self._rows.append(orjson.dumps(row))
        self._keep_prompt(draft.origin)
        self.progress.accepted += 1

    def reject(self, reject: Reject, candidate: int) -> None:
        self._rejects.append(orjson.dumps({"stage": self._stage.name, **reject.as_row(candidate)}))
        self.progress.refused[str(reject.reason)] += 1
        self._keep_prompt(reject.origin)

    def _keep_prompt(self, where: Row) -> None:
        if (name := where.get("prompt_hash")) and (call := self._prompt(name)) is not None:
            turns = (
                call.prompt if isinstance(call.prompt, str) else [(m.role, m.content) for m in call.prompt]
            )
            self._prompts += self._book.lines(name, turns)

    def read(self, origins: Iterable[Row]) -> None:
        """Count what was taken off a candidate's answers, of each answer once."""
        answers = {where["prompt_hash"]: where["taken_off"] for where in origins if where.get("taken_off")}
        for taken in answers.values():
            self.progress.taken.update(taken)

    @property
    def uncommitted(self) -> int:
        return len(self._rows) + len(self._rejects)

    async def commit(self) -> None:
        """Make everything decided so far durable. Decisions taken during the commit wait for the next."""
        tag = f"{self._writer}-{self._number:06d}"
        rows, self._rows = self._rows, []
        rejects, self._rejects = self._rejects, []
        prompts, self._prompts = self._prompts, []
        states = [judge.take_state() for judge in self._stage.filters]
        progress = self.progress
        saved = {
            "decided": progress.decided,
            "accepted": progress.accepted,
            "refused": dict(progress.refused),
            "history": list(progress.history),
            "taken": dict(progress.taken),
        }
        self._number += 1
        for kind, lines in (("rows", rows), ("rejects", rejects), ("prompts", prompts)):
            if lines:
                name = f"{kind}/{self._stage.name}/{tag}"
                await self._parts.put(name, b"\n".join(lines) + b"\n")
                self._names[kind].append(name)
        for index, state in enumerate(states):
            if state:
                name = f"state/{self._stage.name}/{tag}-{index}"
                await self._parts.put(name, state)
                self._names["states"][index].append(name)
        whole = orjson.dumps({"names": self._names, "progress": saved})
        await self._parts.put(f"checkpoint/{self._stage.name}/{tag}", whole)
        await self._forget()

    async def _forget(self) -> None:
        old = self._number - 1 - KEEP_CHECKPOINTS
        if old >= 0:
            await self._parts.delete(f"checkpoint/{self._stage.name}/{self._writer}-{old:06d}")

    async def rows(self) -> AsyncIterator[Row]:
        """Committed rows in order; memory holds one object."""
        async for line in self.lines("rows"):
            yield orjson.loads(line)

    async def lines(self, kind: str) -> AsyncIterator[bytes]:
        for name in self._names[kind]:
            for line in (await self._parts.get(name)).splitlines():
                yield line
