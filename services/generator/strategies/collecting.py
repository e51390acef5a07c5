"""So many drafts for one thing (a context, a pair, a prompt), tried again with other seeds where one is
refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from services.generator.engine.stage import Draft, Filter, Refusal, Reject
from services.generator.sources.errors import SourceError
from shared.contracts.generation.limits import TRIES


def most_candidates(wanted: int) -> int:
    """Candidates from which `collect` gathers so many drafts, at most."""
    return TRIES * wanted


Make = Callable[[int], Awaitable[Draft | Reject]]
"""Candidate `number` of the thing."""


async def collect(make: Make, wanted: int, filters: Sequence[Filter]) -> tuple[list[Draft], list[Reject]]:
    """`wanted` drafts that pass the filters, from at most `most_candidates` of them; judged in order."""
    drafts: list[Draft] = []
    rejects: list[Reject] = []
    tried = 0
    while len(drafts) < wanted and tried < most_candidates(wanted):
        missing = min(wanted - len(drafts), most_candidates(wanted) - tried)
        made = await asyncio.gather(*(_attempt(make, tried + i) for i in range(missing)))
        tried += missing
        for outcome in made:
            objection = outcome if isinstance(outcome, Reject) else _first_objection(filters, outcome)
            if objection is not None:
                rejects.append(objection)
            elif isinstance(outcome, Draft):
                drafts.append(outcome)
                for judge in filters:
                    judge.accepted(outcome)
    return drafts, rejects


async def _attempt(make: Make, number: int) -> Draft | Reject:
    try:
        return await make(number)
    except SourceError as error:
        return Reject(Refusal.SOURCE_REFUSED, str(error))


def _first_objection(filters: Sequence[Filter], draft: Draft) -> Reject | None:
    return next((objection for judge in filters if (objection := judge.judge(draft)) is not None), None)
