"""Operation `cluster_agent`: the diversity of a dataset as a language model sees it."""

from __future__ import annotations

from collections.abc import Sequence

from services.generator.engine.line import Result
from services.generator.engine.record import StageRecord
from services.generator.engine.session import Session
from services.generator.engine.stage import Refusal, Stage
from services.generator.errors import BudgetExhausted, CandidatesExhausted
from services.generator.instruments.agent.asking import Interviewer
from services.generator.instruments.agent.criteria import gather_criteria
from services.generator.instruments.budget import BudgetKeeper, Overspent
from services.generator.instruments.interviews import criteria_stage, interviewer_of, runs_stage, texts_of
from services.generator.operations.jobs import GenerationJob, refused
from services.generator.operations.measurements import FAILURES, put_measurement
from services.generator.settings import GeneratorSettings
from services.generator.strategies.parse import Unparsable
from shared.contracts.instruments import ClusterAgentRequest, ClusterAgentSummary
from shared.jobs.workspace import Workspace


def measure_clusters(
    request: ClusterAgentRequest, workspace: Workspace, settings: GeneratorSettings
) -> ClusterAgentSummary:
    """Parts: measurement.json, runs.jsonl (every clustering), criteria.jsonl, failures.jsonl."""
    job = GenerationJob(workspace, settings, [request.source], request.seed, request.operation)
    texts = texts_of(workspace.input(request.dataset))
    interviewer = interviewer_of(request, job.targets[0])
    job.unit = "runs"

    async def work(session: Session) -> ClusterAgentSummary:
        spending = job.spending(request.budget, session.ledger)
        criteria, asked = await _criteria(request, session, texts, interviewer, spending)
        stage = runs_stage(request, texts, criteria, interviewer, spending)
        result, runs = await session.run(stage)
        if runs.progress.accepted == 0 and spending.spent:
            raise BudgetExhausted(f"no clustering was made: {spending.spent}. Allow more.")
        if runs.progress.accepted == 0:
            raise CandidatesExhausted(result.short)
        await job.write("runs.jsonl", [runs], "rows")
        await job.write("criteria.jsonl", [asked] if asked else [], "rows")
        made = [runs, *([asked] if asked else [])]
        await job.write(FAILURES, made, "rejects")
        low, high = stage.mean.interval()
        found = ClusterAgentSummary(
            cluster_score=stage.mean.mean,
            cluster_score_low=low if stage.mean.count > 1 else None,
            cluster_score_high=high if stage.mean.count > 1 else None,
            runs=stage.mean.count,
            deviation=stage.mean.deviation,
            samples=min(request.samples, len(texts)),
            texts_clipped=sum(len(text) > request.max_characters for text in texts),
            parse_failures=refused(made).get(Refusal.PARSE, 0),
            stopped_by=stage.enough(runs.progress.decided) or result.short or "all runs made",
            ledger=session.ledger.report(),
        )
        put_measurement(workspace, found, criteria=criteria, refused=refused(made))
        return found

    return job.run(work)


async def _criteria(
    request: ClusterAgentRequest,
    session: Session,
    texts: Sequence[str],
    interviewer: Interviewer,
    spending: BudgetKeeper,
) -> tuple[list[str], StageRecord | None]:
    if request.criteria:
        return list(request.criteria), None
    stage = criteria_stage(request, texts, interviewer, spending)
    record = await _complete(stage, session)
    if record.progress.accepted < stage.wanted:
        raise BudgetExhausted(
            f"{spending.spent}, and {record.progress.accepted} of {stage.wanted} answers that criteria are "
            "made from are there. Allow more, lower criteria_runs, or give criteria."
        )
    noticed = [row async for row in record.rows()]
    try:
        ask = spending.singly(session.ask)
        return await gather_criteria(noticed, interviewer, ask, request.kept), record
    except Overspent as error:
        raise BudgetExhausted(f"{error}, and the criteria are not gathered yet. Allow more.") from error
    except Unparsable as error:
        raise CandidatesExhausted(
            f"the criteria could not be gathered: {error}. Try a stronger model."
        ) from error


async def _complete(stage: Stage, session: Session) -> StageRecord:
    ended: tuple[Result, StageRecord] = await session.run(stage)
    result, record = ended
    if result.short:
        raise CandidatesExhausted(result.short)
    return record
