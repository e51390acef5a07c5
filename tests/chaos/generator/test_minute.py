"""A storm with a source that is dead for a whole minute, by a clock that jumps: real sockets, no waiting."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from services.generator.calls.parts import StoreParts
from services.generator.datasets.generation_inputs import GenerationInputs
from services.generator.datasets.levels import levels_of
from services.generator.datasets.rows import stage_for
from services.generator.engine.session import Places, Session
from services.generator.inputs.values import Inputs
from services.generator.sources.registry import Registry, SourceSpec
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.store.local import LocalStore
from tests.simulation.clock import run_simulated
from tests.simulation.server import MODEL, Behaviour, SimulatedServer

ROWS = 1500
STORM: dict[str, Any] = {"latency": 0.4, "refuse": 0.20, "fail": 0.05, "cut": 0.02}
DIES, RISES = 2.0, 62.0


@asynccontextmanager
async def serving(server: SimulatedServer) -> AsyncIterator[str]:
    """The server on a socket of the running loop; yields its base URL."""
    runner = web.AppRunner(server.app())
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


def servers() -> list[SimulatedServer]:
    return [
        SimulatedServer(Behaviour(**STORM, seed=1)),
        SimulatedServer(Behaviour(**STORM, seed=2, retry_after=0.5)),
        SimulatedServer(Behaviour(**STORM, seed=3, dead_from=DIES, dead_until=RISES)),
    ]


async def weather(peers: list[SimulatedServer], folder: Path) -> tuple[list[dict[str, Any]], Session, float]:
    """The rows that come of it, the session with its ledger, and the seconds that passed."""
    async with AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(serving(server)) for server in peers]
        specs = {f"s{i}": SourceSpec(base_url=url, model=MODEL) for i, url in enumerate(urls)}  # type: ignore[arg-type]
        refs = [SourceRef(name=name) for name in specs]
        request = GenerationRequest(
            kind=DatasetKind.TEXT, topics="topics-" + "0" * 32, rows=ROWS, sources=refs
        )
        registry = Registry(specs)
        given = GenerationInputs(
            request, Inputs(topics=[f"topic {i}" for i in range(40)]), registry.targets(refs)
        )
        store = LocalStore(folder)
        places = Places(StoreParts(store, "calls"), StoreParts(store, "records"), "1")
        async with Session(registry.lanes(refs), places) as session:
            _, record = await session.run(stage_for(given, levels_of(request)[0]))
            passed = asyncio.get_running_loop().time()
        return [row async for row in record.rows()], session, passed


def test_a_minute_without_a_source_costs_no_row(tmp_path: Path) -> None:
    peers = servers()
    rows, session, passed = run_simulated(weather(peers, tmp_path))
    assert passed > RISES, "the dead source came back before the end"
    assert len(rows) == ROWS
    assert len({row["id"] for row in rows}) == ROWS
    assert len({row["origin"]["prompt_hash"] for row in rows}) == ROWS
    assert len({orjson.dumps(row["text"]) for row in rows}) == ROWS
    accounts = session.ledger.totals()
    for number, server in enumerate(peers):
        counts, account = server.counts, accounts[f"s{number}"]
        said, heard = Counter(counts.answered), account.failed
        assert account.answered == said["200"] > 0
        assert (account.tokens_in, account.tokens_out) == (counts.tokens_in, counts.tokens_out)
        assert heard["rate_limited"] == said["429"] > 0
        assert heard["server_error"] == said["500"] > 0
        assert heard["cut"] == said["cut"] + said["dropped"]
        assert account.issued == counts.requests == account.answered + heard.total()
    assert sum(account.answered for account in accounts.values()) == ROWS
    assert peers[2].counts.answered["dropped"] > 0
