"""Prefix order: 355 contexts with 30 questions each on four servers that cache prefixes, least used out.

The servers are the bundled simulation on real sockets, the time is simulated (the clock jumps), so the
figures do not depend on the machine. Each works on 16 requests at a time, reads 2,000 prompt tokens and
writes 40 answer tokens a second for each, and holds the prefixes of about 24 contexts. The peer is the same
stage with the same clients and limits, each call going to the next server in turn.

A prefix token is reusable when some earlier prompt, in the stage's order, begins with it: what one cache
that forgets nothing would hit.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from itertools import count

from aiohttp import web

from benchmarks.generator.results import Row, row
from services.generator.calls.call import Answer, Call
from services.generator.calls.ledger import Ledger
from services.generator.calls.parts import MemoryParts
from services.generator.datasets.generation_inputs import GenerationInputs
from services.generator.datasets.levels import levels_of
from services.generator.datasets.rows import stage_for
from services.generator.engine.asking import Ask
from services.generator.engine.record import StageRecord
from services.generator.engine.stage import Stage
from services.generator.engine.stream import Stream
from services.generator.inputs.values import Inputs
from services.generator.sources.registry import Registry, SourceSpec
from services.generator.sources.router import Router
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.acceptance import Acceptance, LengthRule
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.strategies import ParaphraseRule, Strategy
from tests.simulation.clock import run_simulated
from tests.simulation.server import BLOCK, MODEL, Behaviour, PrefixCache, SimulatedServer
from tests.simulation.speaker import invented_word

CONTEXTS, QUESTIONS, SERVERS, SLOTS = 355, 30, 4, 16
WORDS = 1900
"""Of a context: the median of FairytaleQA's stories."""
CHARACTERS_A_TOKEN = 4
BEHAVIOUR = Behaviour(
    latency=0.02,
    per_prompt_block=BLOCK / CHARACTERS_A_TOKEN / 2000,
    per_token=1 / 40,
    slots=SLOTS,
    cache_blocks=24 * WORDS * 6 // BLOCK,
)


@dataclass(frozen=True)
class Ran:
    """Simulated seconds, and the blocks that the servers' caches hit, of those that they could have."""

    seconds: float
    hit: int
    reusable: int
    answered: int


def rows(wanted: Callable[[str], bool]) -> Iterator[Row]:
    if not (wanted("prefix_hit_rate") or wanted("prefix_vs_round_robin")):
        return
    ours = run_simulated(_run(in_turn=False))
    theirs = run_simulated(_run(in_turn=True))
    equal = ours.answered == theirs.answered and ours.reusable == theirs.reusable
    note = f"{CONTEXTS} contexts × {QUESTIONS} questions, {SERVERS} simulated servers, simulated time"
    peer = "the next server in turn"
    if wanted("prefix_hit_rate"):
        unit = "share of the reusable prefix tokens"
        values = ours.hit / ours.reusable, theirs.hit / theirs.reusable
        yield row("prefix_hit_rate", peer, "", *values, unit, equal=equal, note=note)
    if wanted("prefix_vs_round_robin"):
        rates = ours.answered / ours.seconds, theirs.answered / theirs.seconds
        yield row("prefix_vs_round_robin", peer, "", *rates, "answers a second", equal=equal, note=note)


def _recipe(registry: Registry, sources: list[SourceRef]) -> GenerationInputs:
    rng = random.Random(0)
    words = [invented_word(rng) for _ in range(4000)]
    contexts = {f"c{i}": " ".join(rng.choices(words, k=WORDS)) for i in range(CONTEXTS)}
    examples = [
        {
            "context_id": "other",
            "question": f"Who is {word}?",
            "answer": word,
            "text": f"Who is {word}? {word}",
        }
        for word in words[:50]
    ]
    request = GenerationRequest(
        kind=DatasetKind.QA,
        strategy=Strategy.PARAPHRASE,
        examples="dataset-" + "0" * 32,
        paraphrase=ParaphraseRule(per_context=QUESTIONS, replaced=0),
        sources=sources,
        acceptance=Acceptance(length=LengthRule(match="off"), refusals=False),
    )
    return GenerationInputs(request, Inputs(examples=examples, contexts=contexts), registry.targets(sources))


async def _run(*, in_turn: bool) -> Ran:
    async with AsyncExitStack() as stack:
        servers = [SimulatedServer(BEHAVIOUR) for _ in range(SERVERS)]
        urls = [await _serve(server, stack) for server in servers]
        specs = {f"s{i}": SourceSpec(base_url=url, model=MODEL) for i, url in enumerate(urls)}  # type: ignore[arg-type]
        registry, refs = Registry(specs), [SourceRef(name=name) for name in specs]
        prompts: list[str] = []
        groups = [[ref] for ref in refs] if in_turn else [refs]
        routers = [
            await stack.enter_async_context(Router(registry.lanes(group), Ledger())) for group in groups
        ]
        stage = stage_for(given := _recipe(registry, refs), levels_of(given.request)[0])
        ask = _listening(_in_turn(routers) if in_turn else routers[0].ask, prompts)
        stream = Stream([stage], _fresh, ask, capacity=lambda: sum(router.capacity for router in routers))
        start = asyncio.get_running_loop().time()
        [(result, _)] = await stream.run()
        seconds = asyncio.get_running_loop().time() - start
        assert result.accepted == CONTEXTS * QUESTIONS, result.short
        hit = sum(server.counts.blocks_hit for server in servers)
        answered = sum(server.counts.answered["200"] for server in servers)
        return Ran(seconds, hit, _reusable(prompts), answered)


async def _fresh(stage: Stage) -> StageRecord:
    return StageRecord(MemoryParts(), stage, "1")


async def _serve(server: SimulatedServer, stack: AsyncExitStack) -> str:
    runner = web.AppRunner(server.app(), access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}/v1"


def _in_turn(routers: list[Router]) -> Ask:
    turn = count()

    async def ask(call: Call) -> Answer:
        return await routers[next(turn) % len(routers)].ask(replace(call, prefix=""))

    return ask


def _listening(ask: Ask, prompts: list[str]) -> Ask:
    """Notes each prompt in the order in which the stage asked."""

    async def heard(call: Call) -> Answer:
        text = call.prompt if isinstance(call.prompt, str) else "\n\n".join(m.content for m in call.prompt)
        prompts.append(text)
        return await ask(call)

    return heard


def _reusable(prompts: list[str]) -> int:
    cache = PrefixCache(10**9)
    reusable = 0
    for prompt in prompts:
        hits, blocks = cache.hit(prompt)
        reusable += hits
        cache.keep(blocks)
    return reusable
