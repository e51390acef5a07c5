"""Operation `self_preference`: whether a judge prefers the texts that it wrote itself."""

from __future__ import annotations

from services.generator.engine.session import Session
from services.generator.engine.stage import Refusal
from services.generator.instruments.interviews import interviewer_of, preference_stage
from services.generator.operations.failing import nothing_measured
from services.generator.operations.jobs import GenerationJob, refused
from services.generator.operations.measurements import FAILURES, put_measurement
from services.generator.settings import GeneratorSettings
from shared.contracts.instruments import SelfPreferenceRequest, SelfPreferenceSummary
from shared.jobs.workspace import Workspace


def measure_preference(
    request: SelfPreferenceRequest, workspace: Workspace, settings: GeneratorSettings
) -> SelfPreferenceSummary:
    """Parts: measurement.json, comparisons.jsonl, failures.jsonl."""
    job = GenerationJob(workspace, settings, [request.judge], request.seed, request.operation)
    datasets = {name: workspace.input(artifact) for name, artifact in request.candidates.items()}
    interviewer = interviewer_of(request, job.targets[0])
    job.unit = "comparisons"

    async def work(session: Session) -> SelfPreferenceSummary:
        spending = job.spending(request.budget, session.ledger)
        stage, prompts = preference_stage(request, datasets, interviewer, spending)
        _, record = await session.run(stage)
        if not record.progress.accepted and not spending.spent:
            raise await nothing_measured([record], "no comparison could be read")
        await job.write("comparisons.jsonl", [record], "rows")
        await job.write(FAILURES, [record], "rejects")
        found = SelfPreferenceSummary.model_validate(
            {
                **stage.scores.summary(request.target, request.human),
                "comparisons": record.progress.accepted,
                "parse_failures": refused([record]).get(Refusal.PARSE, 0),
                "prompts": prompts,
                "stopped_by": spending.spent or "all comparisons made",
                "ledger": session.ledger.report(),
            }
        )
        put_measurement(
            workspace, found, target=request.target, human=request.human, refused=refused([record])
        )
        return found

    return job.run(work)
