"""Routing: fail-over, storms, pauses, leaders first. Sources are clients whose behaviour a test sets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from services.generator.calls.call import Answer, Call, Message, Model, Params
from services.generator.calls.ledger import Ledger
from services.generator.sources import retrying
from services.generator.sources import router as router_module
from services.generator.sources.errors import Cause, NoSource, Refusing, SourceError
from services.generator.sources.gauges import SourceQueue
from services.generator.sources.lane import Lane
from services.generator.sources.limit import Limit
from services.generator.sources.router import Router

MODEL = Model("m")
CALL = Call(MODEL, "Once", Params(), 1)


class Source:
    """Answers at once, or as `behave` says for its n-th call."""

    def __init__(self, name: str, behave: Callable[[int], Exception | None] = lambda n: None) -> None:
        self.name = name
        self.behave = behave
        self.calls: list[Call] = []
        self.alive = True
        self.hold: asyncio.Event | None = None
        self.most = self.now = 0

    async def ask(self, call: Call) -> Answer:
        self.calls.append(call)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(0)
            if self.hold is not None:
                await self.hold.wait()
            error = self.behave(len(self.calls))
            if not self.alive:
                error = SourceError(Cause.DEAD, "cannot connect", source=self.name)
            if error is not None:
                raise error
            return Answer("text", "stop", 2, 3, self.name)
        finally:
            self.now -= 1

    async def models(self) -> list[str]:
        if not self.alive:
            raise SourceError(Cause.DEAD, "cannot connect", source=self.name)
        return ["m"]

    async def queue(self) -> SourceQueue | None:
        return None

    async def close(self) -> None: ...


@asynccontextmanager
async def routed(
    *sources: Source, limit: int = 4, patience: float = 30.0
) -> AsyncIterator[tuple[Router, list[str]]]:
    pauses: list[str] = []
    lanes = [Lane(s.name, MODEL, s, Limit(start=limit, high=limit)) for s in sources]  # type: ignore[arg-type]
    async with Router(lanes, Ledger(), on_pause=pauses.append, patience=patience) as router:
        yield router, pauses


def calls(count: int, prefix: str = "") -> list[Call]:
    return [replace(CALL, seed=n, prefix=prefix) for n in range(count)]


async def test_a_chat_server_is_no_peer_of_a_completions_server() -> None:
    """It would answer 404 to every text, and be out of use for the chats that it serves."""
    texts, chats = Source("texts"), Source("chats")
    lanes = [
        Lane("texts", MODEL, texts, Limit(start=2, high=2)),  # type: ignore[arg-type]
        Lane("chats", MODEL, chats, Limit(start=2, high=2), chat=True),  # type: ignore[arg-type]
    ]
    chat = replace(CALL, prompt=(Message("user", "Once"),))
    async with Router(lanes, Ledger()) as router:
        await asyncio.gather(*(router.ask(call) for call in [CALL, chat] * 20))
    assert texts.calls == [CALL] * 20
    assert chats.calls == [chat] * 20


async def test_no_source_has_more_in_flight_than_its_limit() -> None:
    a, b = Source("a"), Source("b")
    async with routed(a, b, limit=3) as (router, _):
        await asyncio.gather(*map(router.ask, calls(50)))
    assert (a.most, b.most) == (3, 3)
    assert len(a.calls) + len(b.calls) == 50


async def test_a_storm_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "_pause", lambda state: 0.0)
    storm = Source("a", lambda n: SourceError(Cause.RATE_LIMITED, "429") if n <= 60 else None)
    async with routed(storm) as (router, _):
        answers = await asyncio.gather(*map(router.ask, calls(5)))
    assert len(answers) == 5
    account = router.ledger.totals()["a"]
    assert (account.answered, account.failed["rate_limited"], account.issued) == (5, 60, 65)


async def test_retry_after_holds_the_whole_source() -> None:
    wish = SourceError(Cause.RATE_LIMITED, "429", retry_after=0.15)
    source = Source("a", lambda n: wish if n == 1 else None)
    async with routed(source, limit=1) as (router, _):
        loop = asyncio.get_running_loop()
        start = loop.time()
        await asyncio.gather(*map(router.ask, calls(3)))
        assert loop.time() - start >= 0.15
    assert len(source.calls) == 4


async def test_a_prompt_that_always_fails_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "_pause", lambda state: 0.0)
    monkeypatch.setattr("services.generator.sources.lane.FAILURES_TO_OUT", 1000)
    source = Source("a", lambda n: SourceError(Cause.SERVER_ERROR, "500"))
    async with routed(source) as (router, _):
        with pytest.raises(SourceError):
            await router.ask(CALL)
    assert len(source.calls) == retrying.MAX_FAILURES


async def test_a_refused_prompt_is_not_tried_again() -> None:
    source = Source("a", lambda n: SourceError(Cause.BAD_REQUEST, "too long"))
    async with routed(source) as (router, _):
        with pytest.raises(SourceError):
            await router.ask(CALL)
    assert len(source.calls) == 1


TOO_LONG = SourceError(Cause.BAD_REQUEST, "HTTP 400: the context length is 512 tokens.", source="a")


async def ask_all(router: Router, asked: list[Call]) -> list[Answer | BaseException]:
    return await asyncio.gather(*map(router.ask, asked), return_exceptions=True)


async def test_a_source_that_refuses_every_call_ends_the_job_with_its_words() -> None:
    """A limit beyond the context once used up every candidate, and the job said: raise max_candidates."""
    source = Source("a", lambda n: TOO_LONG)
    async with routed(source) as (router, _):
        ended = await ask_all(router, calls(40))
    assert [type(error) for error in ended[:15]] == [SourceError] * 15
    [*_, last] = ended
    assert isinstance(last, Refusing)
    assert "m refused each of its" in str(last)
    assert "the context length is 512 tokens. Correct the request" in str(last)


async def test_one_answer_shows_that_a_source_does_not_refuse_everything() -> None:
    source = Source("a", lambda n: None if 8 <= n <= 12 else TOO_LONG)
    async with routed(source) as (router, _):
        ended = await ask_all(router, calls(60))
    assert not any(isinstance(error, Refusing) for error in ended)


async def test_what_was_sent_before_may_still_be_answered() -> None:
    """Refusals are quick and answers slow: the first answer comes after twenty refusals."""
    source, late = Source("a", lambda n: TOO_LONG), asyncio.Event()
    refuse = source.ask

    async def ask(call: Call) -> Answer:
        if call.seed == 0:
            await late.wait()
            return Answer("text", "stop", 2, 3, "a")
        return await refuse(call)

    source.ask = ask  # type: ignore[method-assign]
    async with routed(source) as (router, _):
        slow = asyncio.create_task(router.ask(calls(1)[0]))
        ended = await ask_all(router, calls(21)[1:])
        late.set()
        assert (await slow).text == "text"
        ended += await ask_all(router, calls(30))
    assert not any(isinstance(error, Refusing) for error in ended)


async def test_one_context_that_is_too_long_is_not_the_source() -> None:
    source = Source("a", lambda n: TOO_LONG)
    async with routed(source, limit=1) as (router, _):
        ended = await ask_all(router, calls(30, prefix="long"))
        assert not any(isinstance(error, Refusing) for error in ended)
        ended = await ask_all(router, calls(2, prefix="long too"))
    assert isinstance(ended[-1], Refusing)


async def test_a_source_that_fails_on_every_call_ends_the_job_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "_pause", lambda state: 0.0)
    monkeypatch.setattr("services.generator.sources.lane.FAILURES_TO_OUT", 1000)
    source = Source("a", lambda n: SourceError(Cause.SERVER_ERROR, "HTTP 500: no such kernel", source="a"))
    async with routed(source) as (router, _):
        ended = await ask_all(router, calls(20))
    assert isinstance(ended[-1], Refusing)
    assert "no such kernel" in str(ended[-1])


async def test_a_dead_source_fails_over_to_its_peer() -> None:
    dead, alive = Source("a"), Source("b")
    dead.alive = False
    async with routed(dead, alive) as (router, pauses):
        answers = await asyncio.gather(*map(router.ask, calls(30)))
    assert {answer.source for answer in answers} == {"b"}
    assert len(dead.calls) <= 4
    assert pauses == [], "the job does not pause while a peer is there"


async def test_without_any_source_the_job_pauses_and_goes_on_when_one_is_back() -> None:
    source = Source("a")
    source.alive = False
    async with routed(source) as (router, pauses):
        asked = asyncio.gather(*map(router.ask, calls(6)))
        await asyncio.wait([asked], timeout=0.2)
        assert "no source can serve m: a: cannot connect" in pauses[0]
        source.alive = True
        assert len(await asked) == 6
    assert pauses[1:] == [""]


async def test_a_refused_key_ends_patience_though_the_server_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server that lists its models to anybody came back from every probe, and the job never ended."""
    monkeypatch.setattr("services.generator.sources.lane.Lane.probe_delay", lambda lane: 0.01)
    refused = SourceError(Cause.DENIED, "HTTP 401: no such key", source="a")
    source = Source("a", lambda n: refused)
    async with routed(source, patience=0.5) as (router, pauses), asyncio.timeout(20):
        with pytest.raises(NoSource, match="HTTP 401: no such key"):
            await router.ask(CALL)
    assert "HTTP 401: no such key" in pauses[-1]
    assert len(source.calls) <= 10


async def test_patience_ends() -> None:
    source = Source("a")
    source.alive = False
    async with routed(source, patience=0.2) as (router, _):
        with pytest.raises(NoSource, match="Start or repair one of them and resume the job"):
            await router.ask(CALL)


async def test_a_source_that_only_fails_is_put_aside() -> None:
    sick, well = Source("a", lambda n: SourceError(Cause.TIMEOUT, "silence")), Source("b")
    sick.models = sick_models  # type: ignore[method-assign]
    async with routed(sick, well) as (router, _):
        await asyncio.gather(*map(router.ask, calls(200)))
    assert len(sick.calls) < 40


async def sick_models() -> list[str]:
    raise SourceError(Cause.TIMEOUT, "silence", source="a")


async def test_an_unknown_model_is_no_ones() -> None:
    async with routed(Source("a")) as (router, _):
        with pytest.raises(NoSource, match="none of"):
            await router.ask(replace(CALL, model=Model("other")))


async def test_the_leader_goes_first_and_alone() -> None:
    source = Source("a")
    source.hold = asyncio.Event()
    async with routed(source, limit=8) as (router, _):
        asked = asyncio.gather(*map(router.ask, calls(6, prefix="context")))
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(source.calls) == 1
        source.hold.set()
        await asked
    assert len(source.calls) == 6


async def test_a_prefix_stays_with_one_server_until_it_dies() -> None:
    servers = {name: Source(name) for name in "abcd"}
    async with routed(*servers.values()) as (router, _):
        first = {answer.source for answer in await asyncio.gather(*map(router.ask, calls(20, prefix="c")))}
        assert len(first) == 1
        servers[first.pop()].alive = False
        second = {answer.source for answer in await asyncio.gather(*map(router.ask, calls(20, prefix="c")))}
        assert len(second) == 1


async def test_a_failed_leader_is_followed_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "_pause", lambda state: 0.0)
    source = Source("a", lambda n: SourceError(Cause.BAD_REQUEST, "no") if n == 1 else None)
    async with routed(source) as (router, _):
        results = await asyncio.gather(*map(router.ask, calls(5, prefix="c")), return_exceptions=True)
    assert [isinstance(result, SourceError) for result in results] == [True, False, False, False, False]


async def test_followers_of_a_warm_prefix_go_before_new_leaders() -> None:
    source = Source("a")
    async with routed(source, limit=1) as (router, _):
        mixed = [call for n in range(4) for call in calls(3, prefix=f"c{n}")]
        await asyncio.gather(*map(router.ask, mixed))
    order = [call.prefix for call in source.calls]
    assert order == sorted(order), "one prefix is finished before the next begins"


async def test_a_stated_rate_is_kept() -> None:
    source = Source("a")
    lane = Lane("a", MODEL, source, Limit(start=8, high=8), 0.02)  # type: ignore[arg-type]
    async with Router([lane], Ledger()) as router:
        loop = asyncio.get_running_loop()
        start = loop.time()
        await asyncio.gather(*map(router.ask, calls(10)))
        assert loop.time() - start >= 9 * 0.02


async def test_a_cancelled_call_gives_its_place_back() -> None:
    source = Source("a")
    source.hold = asyncio.Event()
    async with routed(source, limit=1) as (router, _):
        first, second = (asyncio.create_task(router.ask(call)) for call in calls(2))
        await asyncio.sleep(0.01)
        second.cancel()
        first.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        source.hold.set()
        assert (await router.ask(CALL)).text == "text"
        assert router.in_flight == 0


class Gauged(Source):
    """Away when its gauges are first looked at, as a server that is being started again."""

    looked = 0

    async def queue(self) -> SourceQueue | None:
        self.looked += 1
        if self.looked == 1:
            raise SourceError(Cause.DEAD, "cannot connect", source=self.name)
        return SourceQueue(2, 100) if self.looked < 4 else None


async def test_gauges_are_followed_again_when_a_server_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router_module, "GAUGE_SECONDS", 0.0)
    source = Gauged("a")
    async with routed(source, limit=64) as (router, _):
        while source.looked < 4:
            await asyncio.sleep(0)
        assert router.lanes[0].limit.value < 64, "its queue was believed"


async def test_a_call_that_is_cancelled_before_it_goes_out_is_in_no_account() -> None:
    source = Source("a")
    async with routed(source) as (router, _):
        router.lanes[0].seconds_between = 60.0
        await router.ask(CALL)
        waiting = asyncio.create_task(router.ask(replace(CALL, seed=2)))
        while router.in_flight == 0:
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        account = router.ledger.account("a")
        assert (account.issued, account.answered, account.failed.total()) == (1, 1, 0)
        assert len(source.calls) == 1
