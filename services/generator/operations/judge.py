"""Operation `judge`: a language model rates each row."""

from __future__ import annotations

from services.generator.engine.session import Session
from services.generator.instruments.interviews import interviewer_of, ratings_stage
from services.generator.operations.failing import nothing_measured
from services.generator.operations.jobs import GenerationJob, refused
from services.generator.operations.measurements import FAILURES, put_measurement
from services.generator.settings import GeneratorSettings
from shared.contracts.instruments import JudgeRequest, JudgeSummary
from shared.jobs.workspace import Workspace


def judge_rows(request: JudgeRequest, workspace: Workspace, settings: GeneratorSettings) -> JudgeSummary:
    """Parts: measurement.json, ratings.jsonl (a line for each row), failures.jsonl."""
    job = GenerationJob(workspace, settings, [request.source], request.seed, request.operation)
    dataset = workspace.input(request.dataset)
    evaluation = None if request.answers is None else workspace.input(request.answers)
    interviewer = interviewer_of(request, job.targets[0])
    job.unit = "rows"

    async def work(session: Session) -> JudgeSummary:
        spending = job.spending(request.budget, session.ledger)
        stage = ratings_stage(request, dataset, interviewer, spending, evaluation)
        _, record = await session.run(stage)
        if not stage.tally.rated and not spending.spent:
            raise await nothing_measured([record], "no rating could be read")
        await job.write("ratings.jsonl", [record], "rows")
        await job.write(FAILURES, [record], "rejects")
        found = JudgeSummary.model_validate(
            {
                **stage.tally.summary(request.aspects, request.danger_from),
                "rows": record.progress.accepted,
                "stopped_by": spending.spent or "all rows rated",
                "ledger": session.ledger.report(),
            }
        )
        put_measurement(workspace, found, danger_from=request.danger_from, refused=refused([record]))
        return found

    return job.run(work)
