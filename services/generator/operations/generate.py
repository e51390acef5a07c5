"""Operation `generate`: a dataset of exactly N rows, of one level, of several, or of a wanted diversity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict

from services.generator.datasets.generation_inputs import GenerationInputs, seed_texts
from services.generator.datasets.levels import levels_of
from services.generator.datasets.rows import stage_for
from services.generator.dial.dialled import dial_dataset
from services.generator.dial.measuring import MetricsService
from services.generator.engine.record import StageRecord
from services.generator.engine.session import Session
from services.generator.engine.stage import Stage
from services.generator.errors import CandidatesExhausted
from services.generator.inputs.lengths import length_counter
from services.generator.inputs.reading import read_inputs
from services.generator.operations.failing import keeping_refused
from services.generator.operations.jobs import GenerationJob, refused, taken_off
from services.generator.settings import GeneratorSettings
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.results import GenerationSummary, LedgerSummary, LevelCounts
from shared.datasets import CONTEXTS, PROMPTS, REJECTS, ROWS
from shared.jobs.workspace import Workspace


class Written(TypedDict):
    """What the summaries of all generated datasets say."""

    kind: DatasetKind
    rows: int
    rejects: int
    refused: dict[str, int]
    taken_off: dict[str, int]
    sources_fitted: dict[str, list[str]]
    candidates: int
    lengths_counted_in: str
    ledger: LedgerSummary
    contexts: NotRequired[int]


def make_dataset(
    request: GenerationRequest, workspace: Workspace, settings: GeneratorSettings
) -> GenerationSummary:
    """Parts: rows.jsonl, rejects.jsonl, prompts.jsonl, contexts.jsonl (qa), dial.json (with a dial).

    Raises `CandidatesExhausted` when rows are missing, `TargetUnreachable` when the dial fails.
    """
    job = GenerationJob(workspace, settings, request.sources, request.seed, request.operation)
    job.keep_thoughts = request.keep_thoughts
    job.keep_prompts = True
    inputs = read_inputs(request, workspace.input)
    count = length_counter(request, settings.registry(), seed_texts(request, inputs))
    given = GenerationInputs(request, inputs, job.targets, count)

    async def work(session: Session) -> GenerationSummary:
        if request.dial is not None:
            measure = MetricsService(
                settings.metrics_url,
                request.dial,
                [example["text"] for example in given.inputs.examples],
                request.seed,
            )
            record, found = await dial_dataset(given, session, measure)
            dial = found.summary()
            workspace.output.put_json("dial.json", dial.model_dump(mode="json"))
            return GenerationSummary(**await _written(job, given, session, [record]), dial=dial)
        stages = [stage_for(given, level) for level in levels_of(request)]
        job.total = sum(stage.wanted for stage in stages)
        records = await _run_all(stages, session)
        written = await _written(job, given, session, records)
        if not request.levels:
            return GenerationSummary(**written)
        levels = {
            stage.name: LevelCounts(rows=record.progress.accepted, candidates=record.progress.decided)
            for stage, record in zip(stages, records, strict=True)
        }
        return GenerationSummary(**written, levels=levels)

    async def kept(session: Session) -> GenerationSummary:
        async def written(records: Sequence[StageRecord]) -> GenerationSummary:
            return GenerationSummary(**await _written(job, given, session, records))

        return await keeping_refused(job, request, session, work, written)

    return job.run(kept)


async def _run_all(stages: Sequence[Stage], session: Session) -> list[StageRecord]:
    ended = await session.run_all(stages)
    last, _ = ended[-1]
    if last.short:
        raise CandidatesExhausted(last.short)
    return [record for _, record in ended]


async def _written(
    job: GenerationJob, given: GenerationInputs, session: Session, records: Sequence[StageRecord]
) -> Written:
    """Writes the rows, the rejects and the contexts; what the summary says of them."""
    written = Written(
        kind=given.request.kind,
        rows=await job.write(ROWS, records, "rows"),
        rejects=await job.write(REJECTS, records, "rejects"),
        refused=refused(records),
        taken_off=taken_off(records),
        sources_fitted=session.fitted(),
        candidates=sum(record.progress.decided for record in records),
        lengths_counted_in=given.count.name,
        ledger=session.ledger.report(),
    )
    await job.write(PROMPTS, records, "prompts")
    contexts = given.inputs.contexts or given.inputs.prompt_contexts
    if contexts:
        rows = [{"id": name, "text": text} for name, text in contexts.items()]
        written["contexts"] = job.output.put_rows(CONTEXTS, rows)
    return written
