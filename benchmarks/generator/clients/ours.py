"""The generator itself: a topic-guided stage with few-shot examples, journal and record on a real store."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from benchmarks.generator.clients.prompts import EXAMPLE, MODEL, TOPICS
from services.generator.calls.parts import StoreParts
from services.generator.datasets.generation_inputs import GenerationInputs
from services.generator.datasets.levels import levels_of
from services.generator.datasets.rows import stage_for
from services.generator.engine.session import Places, Session
from services.generator.inputs.values import Inputs, as_examples
from services.generator.operations.jobs import run_on_loop
from services.generator.sources.registry import Registry, SourceSpec
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.acceptance import Acceptance, LengthRule
from shared.contracts.generation.prompts import Format
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.store.local import LocalStore


async def run(url: str, rows: int, concurrency: int) -> float:
    """Seconds for `rows` accepted rows."""
    spec = SourceSpec.model_validate(
        {"base_url": url, "model": MODEL, "concurrency": concurrency, "max_concurrency": concurrency}
    )
    registry = Registry({"bench": spec})
    request = GenerationRequest(
        kind=DatasetKind.TEXT,
        topics="topics-" + "0" * 32,
        rows=rows,
        sources=[SourceRef(name="bench")],
        format=Format.PLAIN,
        acceptance=Acceptance(length=LengthRule(match="range"), refusals=True),
    )
    examples = as_examples(DatasetKind.TEXT, [{"id": str(i), "text": EXAMPLE} for i in range(50)])
    given = GenerationInputs(
        request, Inputs(topics=TOPICS, examples=examples), registry.targets(request.sources)
    )
    with tempfile.TemporaryDirectory() as folder:
        store = LocalStore(Path(folder))
        places = Places(StoreParts(store, "calls"), StoreParts(store, "records"), "1")
        async with Session(registry.lanes(request.sources), places) as session:
            start = time.perf_counter()
            result, _ = await session.run(stage_for(given, levels_of(request)[0]))
            seconds = time.perf_counter() - start
    assert result.accepted == rows
    return seconds


if __name__ == "__main__":
    print("seconds", run_on_loop(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
