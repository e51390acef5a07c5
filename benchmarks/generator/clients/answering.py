"""The generator itself, answering given prompts: `… answering URL MODEL PROMPTS CONCURRENCY TOKENS`."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from services.generator.calls.parts import StoreParts
from services.generator.datasets.generation_inputs import GenerationInputs
from services.generator.datasets.levels import levels_of
from services.generator.datasets.rows import stage_for
from services.generator.engine.session import Places, Session
from services.generator.inputs.values import Inputs
from services.generator.operations.jobs import run_on_loop
from services.generator.sources.registry import Registry, SourceSpec
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.acceptance import Acceptance, LengthRule
from shared.contracts.generation.prompts import Format, Templates
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.strategies import Strategy
from shared.store.local import LocalStore


async def run(url: str, model: str, prompts: list[str], concurrency: int, tokens: int) -> float:
    """Seconds for an answer to every prompt."""
    spec = {"base_url": url, "model": model, "concurrency": concurrency, "max_concurrency": concurrency}
    registry = Registry({"bench": SourceSpec.model_validate(spec)})
    request = GenerationRequest(
        kind=DatasetKind.COMPLETION,
        strategy=Strategy.ANSWERS,
        prompts="dataset-" + "0" * 32,
        sources=[SourceRef(name="bench")],
        format=Format.PLAIN,
        templates=Templates(prompt="{{ prompt }}"),
        answers={"system": None},
        max_tokens=tokens,
        acceptance=Acceptance(length=LengthRule(match="off"), refusals=False),
    )
    given = [{"id": str(number), "text": prompt} for number, prompt in enumerate(prompts)]
    given = GenerationInputs(request, Inputs(prompts=given), registry.targets(request.sources))
    with tempfile.TemporaryDirectory() as folder:
        store = LocalStore(Path(folder))
        places = Places(StoreParts(store, "calls"), StoreParts(store, "records"), "1")
        async with Session(registry.lanes(request.sources), places) as session:
            start = time.perf_counter()
            result, _ = await session.run(stage_for(given, levels_of(request)[0]))
            took = time.perf_counter() - start
            account = session.ledger.own["bench"]
    assert result.accepted == account.answered == len(prompts)
    assert account.tokens_out == tokens * len(prompts)
    return took


if __name__ == "__main__":
    lines = Path(sys.argv[3]).read_text(encoding="utf-8").splitlines()
    asked = [json.loads(line)["prompt"] for line in lines]
    print("seconds", run_on_loop(run(sys.argv[1], sys.argv[2], asked, int(sys.argv[4]), int(sys.argv[5]))))
