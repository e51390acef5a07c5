"""Operations `cluster_agent`, `judge` and `self_preference`: measurements that a language model takes.

Each artifact keeps everything that was answered (raw runs, ratings or comparisons), what could not be read,
and flat headline values in its summary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from services.generator.agent.asking import Interviewer
from services.generator.agent.criteria import CriteriaStage, gather_criteria
from services.generator.agent.runs import ClusterRuns, RunSettings
from services.generator.budget import Overspent, Spending
from services.generator.calls import Params
from services.generator.chance import Chance
from services.generator.engine.line import Result
from services.generator.engine.record import Record
from services.generator.engine.stage import Refusal, Stage
from services.generator.errors import BudgetExhausted, CandidatesExhausted
from services.generator.jobs import GenerationJob, refused
from services.generator.judges.preference import Preferences, comparisons
from services.generator.judges.ratings import Judged, Ratings
from services.generator.session import Session
from services.generator.settings import GeneratorSettings
from services.generator.strategies.answers import given_prompt
from services.generator.strategies.parse import Unparsable
from shared.artifacts import Artifact
from shared.contracts.datasets import DatasetKind
from shared.contracts.instruments import ClusterAgentRequest, JudgeRequest, SelfPreferenceRequest
from shared.datasets import Row, contexts, dataset_kind, row_text
from shared.errors import InvalidRequest
from shared.jobs.workspace import Workspace

T = TypeVar("T")
MEASUREMENT = "measurement.json"
FAILURES = "failures.jsonl"
FEWEST_TEXTS = 2


def measure_clusters(
    request: ClusterAgentRequest, workspace: Workspace, settings: GeneratorSettings
) -> dict[str, Any]:
    """Parts: measurement.json, runs.jsonl (every clustering), criteria.jsonl, failures.jsonl."""
    job = GenerationJob(workspace, settings, [request.source], request.seed, request.operation)
    dataset = workspace.input(request.dataset)
    kind = dataset_kind(dataset.manifest)
    texts = [row_text(kind, row) for row in dataset.rows()]
    if len(texts) < FEWEST_TEXTS:
        raise InvalidRequest(f"{request.dataset} has {len(texts)} rows, and clusterings need {FEWEST_TEXTS}")
    params = Params(temperature=request.temperature, max_tokens=request.max_tokens)
    interviewer = Interviewer(job.targets[0], params, request.seed, request.structured)
    job.unit = "runs"

    async def work(session: Session) -> dict[str, Any]:
        spending = job.spending(request.budget, session.ledger)
        criteria, asked = await _criteria(request, session, texts, interviewer, spending)
        stage = ClusterRuns(texts, criteria, interviewer, run_settings(request), spending)
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
        values = {
            "cluster_score": stage.mean.mean,
            "cluster_score_low": low if stage.mean.count > 1 else None,
            "cluster_score_high": high if stage.mean.count > 1 else None,
            "runs": stage.mean.count,
            "deviation": stage.mean.deviation,
            "samples": min(request.samples, len(texts)),
            "parse_failures": refused(made).get(Refusal.PARSE, 0),
            "stopped_by": stage.enough(runs.progress.decided) or result.short or "all runs made",
        }
        return _written(workspace, session, values, {"criteria": criteria, "refused": refused(made)})

    return dict(job.run(work))


def run_settings(request: ClusterAgentRequest) -> RunSettings:
    return RunSettings(
        samples=request.samples,
        runs=request.runs,
        verify=request.verify,
        interval_width=request.interval_width,
        min_runs=request.min_runs,
        max_characters=request.max_characters,
        seed=request.seed,
    )


async def _criteria(
    request: ClusterAgentRequest,
    session: Session,
    texts: Sequence[str],
    interviewer: Interviewer,
    spending: Spending,
) -> tuple[list[str], Record | None]:
    if request.criteria:
        return list(request.criteria), None
    stage = CriteriaStage(
        texts,
        interviewer,
        runs=request.criteria_runs,
        shown=request.criteria_samples,
        max_characters=request.max_characters,
        seed=request.seed,
        spending=spending,
    )
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


async def _complete(stage: Stage, session: Session) -> Record:
    ended: tuple[Result, Record] = await session.run(stage)
    result, record = ended
    if result.short:
        raise CandidatesExhausted(result.short)
    return record


def judge_rows(request: JudgeRequest, workspace: Workspace, settings: GeneratorSettings) -> dict[str, Any]:
    """Parts: measurement.json, ratings.jsonl (a line for each row), failures.jsonl."""
    job = GenerationJob(workspace, settings, [request.source], request.seed, request.operation)
    judged = _judged(workspace.input(request.dataset), request.rows, request.seed)
    params = Params(temperature=request.temperature, max_tokens=request.max_tokens)
    interviewer = Interviewer(job.targets[0], params, request.seed, request.structured)
    job.unit = "rows"

    async def work(session: Session) -> dict[str, Any]:
        spending = job.spending(request.budget, session.ledger)
        stage = Ratings(judged, request.aspects, interviewer, tries=request.tries, spending=spending)
        _, record = await session.run(stage)
        await job.write("ratings.jsonl", [record], "rows")
        await job.write(FAILURES, [record], "rejects")
        values = {
            **stage.tally.summary(request.aspects, request.danger_from),
            "rows": record.progress.accepted,
            "stopped_by": spending.spent or "all rows rated",
        }
        return _written(workspace, session, values, {"danger_from": request.danger_from})

    return dict(job.run(work))


def measure_preference(
    request: SelfPreferenceRequest, workspace: Workspace, settings: GeneratorSettings
) -> dict[str, Any]:
    """Parts: measurement.json, comparisons.jsonl, failures.jsonl."""
    job = GenerationJob(workspace, settings, [request.judge], request.seed, request.operation)
    datasets = {name: workspace.input(artifact) for name, artifact in request.candidates.items()}
    prompts, texts = _answered_alike(datasets)
    chosen = _sample(list(prompts), request.prompts, request.seed)
    compared = comparisons({key: prompts[key] for key in chosen}, list(request.candidates))
    interviewer = Interviewer(job.targets[0], Params(), request.seed, structured=False)
    job.unit = "comparisons"

    async def work(session: Session) -> dict[str, Any]:
        spending = job.spending(request.budget, session.ledger)
        stage = Preferences(
            compared,
            texts,
            interviewer,
            alternatives=request.alternatives,
            max_characters=request.max_characters,
            spending=spending,
        )
        _, record = await session.run(stage)
        await job.write("comparisons.jsonl", [record], "rows")
        await job.write(FAILURES, [record], "rejects")
        values = {
            **stage.scores.summary(request.target, request.human),
            "comparisons": record.progress.accepted,
            "parse_failures": refused([record]).get(Refusal.PARSE, 0),
            "prompts": len(chosen),
            "stopped_by": spending.spent or "all comparisons made",
        }
        return _written(
            workspace,
            session,
            values,
            {"target": request.target, "human": request.human, "refused": refused([record])},
        )

    return dict(job.run(work))


def _written(
    workspace: Workspace, session: Session, values: dict[str, Any], details: dict[str, Any]
) -> dict[str, Any]:
    ledger = session.ledger.report()
    workspace.output.put_json(MEASUREMENT, {"values": values, **details, "ledger": ledger})
    return {**values, "ledger": ledger}


def _judged(dataset: Artifact, rows: int | None, seed: int) -> list[Judged]:
    kind = dataset_kind(dataset.manifest)
    long = contexts(dataset)
    everything = [_as_judged(kind, row, long, number) for number, row in enumerate(dataset.rows())]
    if not everything:
        raise InvalidRequest(f"{dataset.id} has no rows to judge")
    return [everything[i] for i in _sample(list(range(len(everything))), rows, seed)]


def _as_judged(kind: DatasetKind, row: Row, long: dict[str, str], number: int) -> Judged:
    name = str(row.get("id", number))
    if kind is DatasetKind.TEXT:
        return Judged(name, "", row["text"])
    if kind is DatasetKind.COMPLETION:
        return Judged(name, row["context"], row["completion"])
    return Judged(name, f"{long.get(row['context_id'], '')}\n\n{row['question']}".strip(), row["answer"])


def _answered_alike(datasets: dict[str, Artifact]) -> tuple[dict[str, str], dict[tuple[str, str], str]]:
    """Prompts that every candidate answers, by key, and the answers by (candidate, key).

    The key is the row's `prompt_id` (generated answers) or its `id` (the original rows).
    """
    prompts: dict[str, str] = {}
    texts: dict[tuple[str, str], str] = {}
    shared: set[str] | None = None
    for name, dataset in datasets.items():
        kind = dataset_kind(dataset.manifest)
        keys: set[str] = set()
        for number, row in enumerate(dataset.rows()):
            key = str(row.get("prompt_id", row.get("id", number)))
            judged = _as_judged(kind, row, {}, number)
            prompts.setdefault(key, judged.prompt or given_prompt(row))
            texts[name, key] = judged.text
            keys.add(key)
        shared = keys if shared is None else shared & keys
    if not shared:
        raise InvalidRequest("the candidates have no prompt in common: their rows share no prompt_id or id")
    return {key: prompt for key, prompt in prompts.items() if key in shared}, texts


def _sample(items: list[T], count: int | None, seed: int) -> list[T]:
    if count is None or count >= len(items):
        return items
    chosen = Chance(seed, "sample").sample(range(len(items)), count)
    return [items[i] for i in sorted(chosen)]
