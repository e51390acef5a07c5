"""How strategies ask: the journal first, a source only for what it lacks; either way the answer is read once
(`sources.answer`), so that nobody sees thoughts, control tokens or fences."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from services.generator.calls.call import Answer, Call
from services.generator.calls.journal import Journal
from services.generator.sources.answer import read
from services.generator.sources.router import Router

Issue = Callable[[Call], Awaitable[Answer]]
Pay = Callable[[Call, Issue], Awaitable[Answer]]
"""Issues a call that has no answer yet, when it is paid for."""


class Ask(Protocol):
    """The answer to a call. Raises `SourceError` (this call is refused), or `NoSource` or `Refusing` (the
    job cannot go on)."""

    async def __call__(self, call: Call, pay: Pay | None = None) -> Answer: ...


class Asker:
    """`Ask` over a journal and a router; equal calls under way at once are issued once."""

    def __init__(self, journal: Journal, router: Router, *, keep_thoughts: bool = False) -> None:
        self._journal = journal
        self._keep_thoughts = keep_thoughts
        self._router = router
        self._prompts: dict[str, Call] | None = None
        self._under_way: dict[bytes, asyncio.Future[None] | None] = {}

    def keep_prompts(self) -> None:
        """From now on the call behind each answer can be had once, by `take_prompt`."""
        self._prompts = {}

    def take_prompt(self, prompt_hash: str) -> Call | None:
        """The call of an answer; None where it was had before, or none are kept."""
        return self._prompts.pop(prompt_hash, None) if self._prompts else None

    async def __call__(self, call: Call, pay: Pay | None = None) -> Answer:
        key = call.key()
        answer = await self._answered(call, key, pay)
        if self._prompts is not None:
            self._prompts[key.hex()] = call
        return self._read(answer)

    async def _answered(self, call: Call, key: bytes, pay: Pay | None) -> Answer:
        while key in self._under_way:
            other = self._under_way[key]
            if other is None:
                other = self._under_way[key] = asyncio.get_running_loop().create_future()
            await asyncio.shield(other)
        self._under_way[key] = None
        try:
            kept = await self._journal.find(key) if self._journal.may_hold(key) else None
            if kept is not None:
                self._router.ledger.account(kept.source).reused += 1
                return kept
            answer = await (self._router.ask(call) if pay is None else pay(call, self._router.ask))
            answer.key = key
            self._journal.append(key, answer)
            return answer
        finally:
            waiting = self._under_way.pop(key)
            if waiting is not None:
                waiting.set_result(None)

    def _read(self, answer: Answer) -> Answer:
        heard = read(answer)
        return replace(heard, thought="") if heard.thought and not self._keep_thoughts else heard
