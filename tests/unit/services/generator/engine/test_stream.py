"""The stream: exactly N, in order, nothing issued that could not be needed, and the same after any stop."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator.calls.call import Answer, Call, Model, Params
from services.generator.calls.parts import MemoryParts
from services.generator.engine import stream as stream_module
from services.generator.engine.asking import Ask
from services.generator.engine.filters.near_duplicate import NearDuplicateFilter
from services.generator.engine.record import StageRecord
from services.generator.engine.stage import Draft, Refusal, Reject, Row, Sample, Stage
from services.generator.engine.stream import Stream
from services.generator.sources.errors import Cause, NoSource, SourceError
from tests.simulation.clock import run_simulated


class Numbers(Stage):
    """Candidate i asks for i, and is refused when `bad` says so."""

    name = "numbers"

    def __init__(self, wanted: int, bad: set[int] | None = None, max_candidates: int = 10**6) -> None:
        self.wanted = wanted
        self.max_candidates = max_candidates
        self.bad = bad or set()

    async def candidate(self, number: int, ask: Ask, history: int) -> Sequence[Draft | Reject]:
        answer = await ask(Call(Model("m"), str(number), Params(), number))
        if number in self.bad:
            return [Reject(Refusal.PARSE, "bad", answer.text)]
        return [Draft({"n": number, "history": history}, answer.text, {})]

    def outline(self, samples: int) -> Sequence[Sample]:
        return []


class Talker:
    """Answers in random order, counts what is in flight, and may fail."""

    def __init__(self, capacity: int = 8, seed: int = 0, fail: dict[int, Exception] | None = None) -> None:
        self.capacity = capacity
        self.rng = random.Random(seed)
        self.fail = fail or {}
        self.asked: list[int] = []
        self.in_flight = self.most = 0

    async def __call__(self, call: Call) -> Answer:
        self.asked.append(call.seed)
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        for _ in range(self.rng.randrange(6)):
            await asyncio.sleep(0)
        self.in_flight -= 1
        if call.seed in self.fail:
            raise self.fail[call.seed]
        return Answer(f"text {call.prompt}", "stop", 1, 1, "s")


async def run(
    stage: Stage, model: Talker, parts: MemoryParts | None = None, writer: str = "1"
) -> tuple[str, list[Row]]:
    [(short, rows)] = await run_all([stage], model, parts, writer)
    return short, rows


async def run_all(
    stages: Sequence[Stage], model: Talker, parts: MemoryParts | None = None, writer: str = "1"
) -> list[tuple[str, list[Row]]]:
    stream = Stream(stages, opening(parts or MemoryParts(), writer), model, capacity=lambda: model.capacity)
    return [(result.short, [row async for row in record.rows()]) for result, record in await stream.run()]


def opening(parts: MemoryParts, writer: str = "1") -> Callable[[Stage], Awaitable[StageRecord]]:
    async def opened(stage: Stage) -> StageRecord:
        record = StageRecord(parts, stage, writer)
        await record.resume()
        return record

    return opened


@given(st.integers(0, 60), st.sets(st.integers(0, 80), max_size=40), st.integers(1, 20), st.integers())
async def test_it_accepts_exactly_n_the_first_that_pass(
    wanted: int, bad: set[int], capacity: int, seed: int
) -> None:
    model = Talker(capacity, seed)
    short, rows = await run(Numbers(wanted, bad), model)
    passing = [n for n in range(200) if n not in bad][:wanted]
    assert [row["n"] for row in rows] == passing
    assert short == ""
    assert sorted(model.asked) == list(range(max(passing, default=-1) + 1)), "not one call too many"


async def test_it_keeps_the_sources_busy_but_not_flooded() -> None:
    model = Talker(capacity=10)
    await run(Numbers(300), model)
    assert 10 <= model.most <= 13


async def test_one_slow_answer_does_not_stop_the_others() -> None:
    model, release = Talker(capacity=4), asyncio.Event()
    answer = model.__call__

    async def ask(call: Call) -> Answer:
        if call.seed == 0:
            await release.wait()
        elif len(model.asked) >= 20:
            release.set()
        return await answer(call)

    [(result, _)] = await Stream([Numbers(60)], opening(MemoryParts()), ask, capacity=lambda: 4).run()
    assert result.accepted == 60
    assert model.asked.index(0) >= 20


async def test_too_few_rows_are_said_to_be_too_few() -> None:
    short, rows = await run(Numbers(10, bad=set(range(0, 30, 2)), max_candidates=15), Talker())
    assert len(rows) == 7
    assert "7 of 10 rows after 15 candidates" in short
    assert "8 parse" in short


async def test_a_refused_prompt_is_a_reject_and_not_the_end() -> None:
    parts = MemoryParts()
    model = Talker(fail={3: SourceError(Cause.BAD_REQUEST, "too long", source="s")})
    short, rows = await run(Numbers(10), model, parts)
    assert short == ""
    assert [row["n"] for row in rows] == [0, 1, 2, 4, 5, 6, 7, 8, 9, 10]
    [name] = await parts.names("rejects/")
    [reject] = [orjson.loads(line) for line in (await parts.get(name)).splitlines()]
    assert (reject["reason"], reject["candidate"]) == ("source_refused", 3)


async def test_too_few_rows_for_refused_prompts_are_said_in_the_servers_words() -> None:
    refused = {n: SourceError(Cause.BAD_REQUEST, "HTTP 400: too long", source="s") for n in range(3)}
    short, _ = await run(Numbers(10, max_candidates=10), Talker(fail=refused))
    assert "3 source_refused" in short
    assert short.endswith("s: bad_request: HTTP 400: too long")


class Killed(Exception):
    """The process is gone."""


@pytest.mark.parametrize("stops", [[5], [1, 2, 3], [40, 41, 90], [99]])
async def test_whenever_it_is_stopped_it_ends_with_the_same_rows(
    stops: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "COMMIT_DECISIONS", 7)
    bad = {n for n in range(300) if n % 7 == 3}
    expected = (await run(Numbers(100, bad), Talker()))[1]
    parts = MemoryParts()
    for writer, stop in enumerate(stops):
        with pytest.raises(Killed):
            await run(Numbers(100, bad), Talker(seed=writer, fail={stop: Killed()}), parts, str(writer))
    assert (await run(Numbers(100, bad), Talker(seed=99), parts, "9"))[1] == expected


async def test_without_a_source_it_stops_and_keeps_what_it_has() -> None:
    parts = MemoryParts()
    with pytest.raises(NoSource):
        await run(Numbers(100), Talker(fail={50: NoSource("m", {"s": "gone"})}), parts)
    model = Talker()
    await run(Numbers(100), model, parts, "2")
    assert min(model.asked) >= 10, "what was decided is not made again"


class Remembering(Numbers):
    name = "remembering"
    lookback = 5


async def test_lookback_gives_every_run_the_same_history() -> None:
    bad = {2, 3, 11}
    histories = []
    for seed in range(5):
        _, rows = await run(Remembering(30, bad), Talker(capacity=3 + seed, seed=seed))
        histories.append([(row["n"], row["history"]) for row in rows])
    assert all(history == histories[0] for history in histories)
    for number, history in histories[0]:
        accepted_before = [n for n in range(max(0, number - 4)) if n not in bad]
        assert history == len(accepted_before)


class Handfuls(Numbers):
    """Five rows from each candidate."""

    name = "handfuls"
    rows_each = 5.0

    async def candidate(self, number: int, ask: Ask, history: int) -> Sequence[Draft | Reject]:
        await ask(Call(Model("m"), str(number), Params(), number))
        return [Draft({"n": 5 * number + i}, "", {}) for i in range(5)]


async def test_candidates_that_bring_several_rows_end_at_exactly_n() -> None:
    parts, model = MemoryParts(), Talker()
    _, rows = await run(Handfuls(23), model, parts)
    assert [row["n"] for row in rows] == list(range(23))
    assert len(model.asked) == 5
    [name] = await parts.names("rejects/")
    assert [orjson.loads(line)["reason"] for line in (await parts.get(name)).splitlines()] == ["surplus"] * 2


class Alike(Numbers):
    """Every third text repeats the one before it."""

    name = "alike"

    def __init__(self, wanted: int) -> None:
        super().__init__(wanted)
        self.filters = [NearDuplicateFilter(0.9)]

    async def candidate(self, number: int, ask: Ask, history: int) -> Sequence[Draft | Reject]:
        await ask(Call(Model("m"), str(number), Params(), number))
        source = number - (number % 3 == 2)
        return [Draft({"n": number}, " ".join(f"w{source}-{i}" for i in range(20)), {})]


async def test_filters_remember_through_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "COMMIT_DECISIONS", 4)
    expected = (await run(Alike(40), Talker()))[1]
    assert [row["n"] for row in expected] == [n for n in range(100) if n % 3 != 2][:40]
    parts = MemoryParts()
    for stop in (13, 14, 32):
        with pytest.raises(Killed):
            await run(Alike(40), Talker(fail={stop: Killed()}), parts, str(stop))
    assert (await run(Alike(40), Talker(), parts, "99"))[1] == expected


class Level(Numbers):
    """Numbers from a place of its own on, so that a call says whose it is."""

    def __init__(self, level: int, wanted: int, bad: set[int] | None = None, **limits: int) -> None:
        super().__init__(wanted, bad, **limits)
        self.name, self.start = f"level-{level}", 1000 * level

    async def candidate(self, number: int, ask: Ask, history: int) -> Sequence[Draft | Reject]:
        outcomes = await super().candidate(self.start + number, ask, history)
        return [Draft({"n": number}, "", {}) if isinstance(o, Draft) else o for o in outcomes]


def ladder(wanted: int, bad: set[int] | None = None) -> list[Stage]:
    return [Level(level, wanted, {1000 * level + n for n in bad or ()}) for level in range(7)]


@given(st.integers(0, 20), st.sets(st.integers(0, 30), max_size=12), st.integers(1, 30), st.integers())
async def test_every_level_of_a_ladder_has_exactly_n_the_first_that_pass(
    wanted: int, bad: set[int], capacity: int, seed: int
) -> None:
    model = Talker(capacity, seed)
    passing = [n for n in range(60) if n not in bad][:wanted]
    ended = await run_all(ladder(wanted, bad), model)
    assert [[row["n"] for row in rows] for _, rows in ended] == [passing] * 7
    needed = range(max(passing, default=-1) + 1)
    assert sorted(model.asked) == [1000 * level + n for level in range(7) for n in needed]


def test_the_places_stay_full_from_the_first_level_to_the_last() -> None:
    """By a clock that jumps: seven levels of 15 calls, 13 at a time, of a second each. Level by level they
    would take 14 seconds."""

    async def run() -> float:
        model = Talker(capacity=10)

        async def ask(call: Call) -> Answer:
            await asyncio.sleep(1)
            return await model(call)

        ended = await Stream(ladder(15), opening(MemoryParts()), ask, capacity=lambda: 10).run()
        assert [result.accepted for result, _ in ended] == [15] * 7
        return asyncio.get_running_loop().time()

    assert 7 * 15 / 13 <= run_simulated(run()) < 7 * 15 / 13 + 1


@pytest.mark.parametrize("stops", [[1003], [2, 1024, 3000], [4010, 4011, 5003], [6024]])
async def test_a_ladder_that_is_stopped_anywhere_ends_with_the_same_rows(
    stops: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "COMMIT_DECISIONS", 7)
    bad = {3, 10, 17, 24}
    expected = await run_all(ladder(25, bad), Talker())
    parts = MemoryParts()
    for writer, stop in enumerate(stops):
        with pytest.raises(Killed):
            await run_all(ladder(25, bad), Talker(seed=writer, fail={stop: Killed()}), parts, str(writer))
    assert await run_all(ladder(25, bad), Talker(seed=99), parts, "9") == expected


async def test_the_levels_after_one_that_falls_short_are_not_paid_for() -> None:
    model = Talker(capacity=4)
    levels = [Level(0, 20), Level(1, 20, {1000 + n for n in range(40)}, max_candidates=30), Level(2, 500)]
    ended = await run_all(levels, model)
    assert [bool(short) for short, _ in ended] == [False, True]
    assert len(model.asked) < 20 + 30 + 20


async def test_a_level_that_is_done_needs_no_memory() -> None:
    parts, stages = MemoryParts(), [Alike(20), Alike(20)]
    stages[1].name = "again"
    await run_all(stages, Talker(), parts)
    assert [list(stage.filters) for stage in stages] == [[], []]
    again = Read(parts)
    await run_all([Alike(20)], Talker(), again, "2")
    assert not any(name.startswith("state/") for name in again.read)


class Read(MemoryParts):
    """The same objects; remembers what was read of them."""

    def __init__(self, of: MemoryParts) -> None:
        super().__init__()
        self._objects = of._objects
        self.read: list[str] = []

    async def get(self, name: str) -> bytes:
        self.read.append(name)
        return await super().get(name)
