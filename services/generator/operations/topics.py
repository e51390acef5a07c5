"""Operation `topics`: a pool of topics."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from services.generator.engine.record import StageRecord
from services.generator.engine.session import Session
from services.generator.engine.stage import Row
from services.generator.inputs.reading import pool_examples
from services.generator.operations.failing import keeping_refused
from services.generator.operations.jobs import GenerationJob, refused, taken_off
from services.generator.settings import GeneratorSettings
from services.generator.topics.plan import PoolPlan, make_pool
from shared.contracts.generation.results import TopicsSummary
from shared.contracts.generation.topics import TopicsRequest
from shared.datasets import PROMPTS, REJECTS
from shared.jobs.workspace import Workspace

TOPICS = "topics.jsonl"


def make_topics(request: TopicsRequest, workspace: Workspace, settings: GeneratorSettings) -> TopicsSummary:
    """Parts: topics.jsonl ({id, topic, area?, origin}), rejects.jsonl, prompts.jsonl.

    Raises `CandidatesExhausted`.
    """
    job = GenerationJob(workspace, settings, [request.source], request.seed, request.operation)
    job.keep_prompts = True
    job.total, job.unit = request.count + request.hierarchy, "topics"
    plan = PoolPlan(request, job.targets[0], pool_examples(request, workspace.input))

    async def work(session: Session) -> TopicsSummary:
        rows, records = await make_pool(plan, session, hierarchy=request.hierarchy)
        return await written(session, rows, records)

    async def written(session: Session, rows: Sequence[Row], records: Sequence[StageRecord]) -> TopicsSummary:
        job.output.put_rows(TOPICS, rows)
        rejects = await job.write(REJECTS, records, "rejects")
        await job.write(PROMPTS, records, "prompts")
        return TopicsSummary(
            topics=len(rows),
            rejects=rejects,
            refused=refused(records),
            taken_off=taken_off(records),
            sources_fitted=session.fitted(),
            candidates=sum(record.progress.decided for record in records),
            ledger=session.ledger.report(),
        )

    async def kept(session: Session) -> TopicsSummary:
        return await keeping_refused(job, request, session, work, partial(written, session, []))

    return job.run(kept)
