"""What the texts of a dataset differ in, in the model's own words, reduced to a few criteria (C, steps 1–3).

M times: J sampled texts → 3–5 metadata (a name and its definition) and 3–5 metrics (a name, why it tells
texts apart, how it is scored 1–5). Then each kind is gathered: lists too long for one prompt in portions,
and the portions' results again, until `kept` are left. Then one sentence for each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.json_schema import JsonSchemaValue

from services.generator.engine.asking import Ask
from services.generator.engine.chance import Chance
from services.generator.engine.stage import CallBounds, Draft, Refusal, Reject, Sample, origin
from services.generator.instruments.agent.asking import Interviewer, clipped
from services.generator.instruments.budget import BudgetKeeper
from services.generator.instruments.paid import PaidStage
from services.generator.strategies.bounded import schema_of, stated
from services.generator.strategies.json_answers import json_as
from services.generator.strategies.parse import Unparsable
from shared.datasets import Row

PORTION = 60
"""Entries gathered in one prompt."""
GATHER_TRIES = 5
NOTICED, FEWEST_NOTICED, MOST_NOTICED = 4, 3, 5
"""Metadata, and metrics, in one answer: as expected, at least, at most."""


class Metadata(BaseModel):
    model_config = ConfigDict(extra="ignore")
    name: str = stated(60, "a name")
    definition: str = stated(300, "its definition")


class NoticedMetric(BaseModel):
    model_config = ConfigDict(extra="ignore")
    name: str = stated(60, "a name")
    justification: str = stated(300, "why it tells the texts apart")
    scoring: str = stated(300, "what the scores 1 to 5 mean")


class Noticed(BaseModel):
    """Answer to one of the M prompts."""

    model_config = ConfigDict(extra="ignore")
    metadata: list[Metadata] = Field(min_length=FEWEST_NOTICED, max_length=MOST_NOTICED)
    metrics: list[NoticedMetric] = Field(min_length=FEWEST_NOTICED, max_length=MOST_NOTICED)


class Entry(BaseModel):
    model_config = ConfigDict(extra="ignore")
    name: str = stated(60, "a name")
    description: str = stated(300, "a description")


class Gathered(BaseModel):
    model_config = ConfigDict(extra="ignore")
    kept: list[Entry] = Field(min_length=1, json_schema_extra={"maxItems": PORTION})


class Sentence(BaseModel):
    model_config = ConfigDict(extra="ignore")
    criterion: str = stated(400, "the sentence")


Kind = Literal["metadata", "metrics"]


class CriteriaStage(PaidStage):
    """The M prompts. A row is what one answer noticed."""

    name = "criteria"

    def __init__(
        self,
        texts: Sequence[str],
        interviewer: Interviewer,
        *,
        runs: int,
        shown: int,
        max_characters: int,
        seed: int,
        spending: BudgetKeeper,
    ) -> None:
        super().__init__(spending)
        self.wanted = runs
        self.max_candidates = 4 * runs + 20
        self._texts = texts
        self._interviewer = interviewer
        self._shown = min(shown, len(texts))
        self._max_characters = max_characters
        self._seed = seed

    def _variables(self, number: int) -> dict[str, object]:
        chance = Chance(self._seed, "criteria", number)
        return {
            "texts": [clipped(text, self._max_characters) for text in chance.sample(self._texts, self._shown)]
        }

    async def measure(self, number: int, ask: Ask) -> Sequence[Draft | Reject]:
        schema = schema_of(Noticed)
        call, answer = await self._interviewer.ask(
            ask, "agent_criteria", self._variables(number), schema, number
        )
        where = origin(call, answer)
        try:
            noticed = json_as(Noticed, answer.text)
        except (ValidationError, Unparsable) as error:
            return [Reject(Refusal.PARSE, _first_line(error), answer.text, where)]
        return [Draft(noticed.model_dump(), answer.text, where)]

    def outline(self, samples: int) -> Sequence[Sample]:
        call = self._interviewer.call("agent_criteria", self._variables(0), schema_of(Noticed), 0)
        return [Sample(call, float(self.wanted))]


def gathering_outline(interviewer: Interviewer, runs: int, kept: int) -> list[Sample]:
    """The calls that reduce what `runs` answers noticed, with entries of the usual length in them."""
    entry = Entry(name="a few words", description="a sentence of some twenty words " * 4)
    size = min(PORTION, NOTICED * runs)
    portions = _portions(NOTICED * runs, kept)
    variables = {"kind": "metadata", "entries": [entry.model_dump()] * size, "kept": kept}
    gather = interviewer.call("agent_gather", variables, _gathered_schema(kept), "outline")
    put_as_criterion = interviewer.call(
        "agent_criterion", {"entry": entry.model_dump()}, schema_of(Sentence), "outline"
    )
    return [
        Sample(gather, 2 * portions, most=2 * portions * GATHER_TRIES),
        Sample(put_as_criterion, 2 * kept, fewest=2, most=2 * kept * GATHER_TRIES),
    ]


def gathering_bounds(runs: int, kept: int) -> CallBounds:
    """Of `gather_criteria`, when each of `runs` answers noticed as few as it may, or as many. Entries of both
    kinds that are the same are asked about once."""
    return CallBounds(
        2 * _portions(FEWEST_NOTICED * runs, 1) + 1,
        GATHER_TRIES * (2 * _portions(MOST_NOTICED * runs, kept) + 2 * kept),
    )


def _portions(entries: int, left_of_each: int) -> int:
    """Prompts that reduce the entries of one kind, of which so many are left of each portion."""
    portions = -(-entries // PORTION)
    return portions if portions == 1 else portions + _portions(portions * left_of_each, left_of_each)


async def gather_criteria(noticed: Sequence[Row], interviewer: Interviewer, ask: Ask, kept: int) -> list[str]:
    """One criterion for each kept metadata and metric. Raises `Unparsable` when the model gives no usable
    answer."""
    metadata = [
        Entry(name=m["name"], description=m["definition"]) for row in noticed for m in row["metadata"]
    ]
    metrics = [
        Entry(name=m["name"], description=f"{m['justification']} Scoring: {m['scoring']}")
        for row in noticed
        for m in row["metrics"]
    ]
    both = await asyncio.gather(
        _gather("metadata", metadata, interviewer, ask, kept),
        _gather("metrics", metrics, interviewer, ask, kept),
    )
    return list(await asyncio.gather(*(_sentence(entry, interviewer, ask) for entry in [*both[0], *both[1]])))


async def _gather(
    kind: Kind, entries: Sequence[Entry], interviewer: Interviewer, ask: Ask, kept: int, depth: int = 0
) -> list[Entry]:
    portions = [list(entries[start : start + PORTION]) for start in range(0, len(entries), PORTION)]
    reduced = await asyncio.gather(
        *(_reduce(kind, portion, interviewer, ask, kept, depth, i) for i, portion in enumerate(portions))
    )
    left = [entry for portion in reduced for entry in portion]
    return left if len(portions) == 1 else await _gather(kind, left, interviewer, ask, kept, depth + 1)


async def _reduce(
    kind: Kind,
    entries: Sequence[Entry],
    interviewer: Interviewer,
    ask: Ask,
    kept: int,
    depth: int,
    portion: int,
) -> list[Entry]:
    variables = {"kind": kind, "entries": [entry.model_dump() for entry in entries], "kept": kept}
    schema = _gathered_schema(kept)
    for attempt in range(GATHER_TRIES):
        name = (kind, depth, portion, attempt)
        _, answer = await interviewer.ask(ask, "agent_gather", variables, schema, *name)
        try:
            return json_as(Gathered, answer.text).kept[:kept]
        except (ValidationError, Unparsable) as error:
            problem = _first_line(error)
    raise Unparsable(f"{GATHER_TRIES} attempts to gather the {kind} failed, the last with: {problem}")


def _gathered_schema(kept: int) -> JsonSchemaValue:
    entries = {**schema_of(Gathered)["properties"]["kept"], "maxItems": kept}
    return {**schema_of(Gathered), "properties": {"kept": entries}}


async def _sentence(entry: Entry, interviewer: Interviewer, ask: Ask) -> str:
    schema = schema_of(Sentence)
    for attempt in range(GATHER_TRIES):
        _, answer = await interviewer.ask(
            ask, "agent_criterion", {"entry": entry.model_dump()}, schema, entry.name, attempt
        )
        try:
            return json_as(Sentence, answer.text).criterion
        except (ValidationError, Unparsable) as error:
            problem = _first_line(error)
    raise Unparsable(f"no criterion for {entry.name!r} in {GATHER_TRIES} attempts: {problem}")


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'/'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error)
