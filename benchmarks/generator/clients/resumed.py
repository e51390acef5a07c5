"""One attempt that takes up finished rows: `… resumed URL FOLDER FINISHED`. It ends after ten rows more."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from benchmarks.generator.clients.prompts import EXAMPLE, MODEL, TOPICS
from services.generator.calls.call import Answer, Call
from services.generator.calls.parts import StoreParts
from services.generator.datasets.generation_inputs import GenerationInputs
from services.generator.datasets.levels import levels_of
from services.generator.datasets.rows import stage_for
from services.generator.engine.session import Places, Session
from services.generator.engine.stage import Stage
from services.generator.inputs.values import Inputs, as_examples
from services.generator.operations.jobs import run_on_loop
from services.generator.sources.registry import Registry, SourceSpec
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.prompts import Format
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.store.local import LocalStore

SOURCES = [SourceRef(name="bench")]


def registry_of(url: str) -> Registry:
    return Registry({"bench": SourceSpec.model_validate({"base_url": url, "model": MODEL})})


def stage_of(url: str, rows: int) -> Stage:
    request = GenerationRequest(
        kind=DatasetKind.TEXT, topics="topics-" + "0" * 32, rows=rows, sources=SOURCES, format=Format.PLAIN
    )
    examples = as_examples(DatasetKind.TEXT, [{"id": "0", "text": EXAMPLE}] * 50)
    given = GenerationInputs(
        request, Inputs(topics=TOPICS, examples=examples), registry_of(url).targets(SOURCES)
    )
    return stage_for(given, levels_of(request)[0])


async def run(url: str, folder: Path, finished: int) -> float:
    """Seconds from the opening of the session to the first new call."""
    store = LocalStore(folder)
    stage = stage_of(url, finished + 10)
    [lane] = registry_of(url).lanes(SOURCES)
    calls: list[float] = []
    ask = lane.client.ask

    async def timed(call: Call) -> Answer:
        calls.append(time.perf_counter())
        return await ask(call)

    lane.client.ask = timed  # type: ignore[method-assign]
    places = Places(StoreParts(store, "calls"), StoreParts(store, "records"), "000002")
    start = time.perf_counter()
    async with Session([lane], places) as session:
        result, _ = await session.run(stage)
    assert result.accepted == finished + 10
    assert len(calls) == 10, "nothing finished is asked again"
    return calls[0] - start


def most_mib() -> float:
    """The most memory this process ever held (`getrusage` would count its parent's at the fork)."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


if __name__ == "__main__":
    print("first_call", run_on_loop(run(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))))
    print("mib", most_mib())
