"""The stages of a measurement that a language model takes, from its request and its datasets: what its job
runs, and what an estimate counts before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from services.generator.calls.call import Params
from services.generator.calls.ledger import Ledger, Price
from services.generator.calls.target import Target
from services.generator.engine.chance import Chance
from services.generator.engine.stage import CallBounds, Sample
from services.generator.instruments.agent.asking import Interviewer
from services.generator.instruments.agent.criteria import CriteriaStage, gathering_bounds, gathering_outline
from services.generator.instruments.agent.runs import ClusterRuns, RunSettings
from services.generator.instruments.budget import BudgetKeeper, within_budget
from services.generator.instruments.judges.preference import Preferences, comparisons
from services.generator.instruments.judges.ratings import Judged, Ratings
from services.generator.instruments.paid import PaidStage
from services.generator.strategies.answers import given_prompt
from shared.artifacts import Artifact
from shared.contracts.base import ArtifactKind
from shared.contracts.chats import said_by
from shared.contracts.datasets import DatasetKind
from shared.contracts.instruments import Budget, ClusterAgentRequest, JudgeRequest, SelfPreferenceRequest
from shared.contracts.problems import FieldError
from shared.datasets import Row, contexts, dataset_kind, row_text
from shared.errors import InvalidRequest
from shared.evaluations import tested_rows

T = TypeVar("T")
FEWEST_TEXTS = 2
SAMPLES = 32
"""Calls that are written out for an outline."""
PLANNED_CRITERION = "how much of the text is told by what its people say to each other, from none to all"


def unlimited() -> BudgetKeeper:
    """For stages that are only outlined."""
    return BudgetKeeper(Budget(), Ledger(), Price(), len)


def interviewer_of(
    request: ClusterAgentRequest | JudgeRequest | SelfPreferenceRequest, target: Target
) -> Interviewer:
    if isinstance(request, SelfPreferenceRequest):
        return Interviewer(target, Params(), request.seed, structured=False)
    params = Params(temperature=request.temperature, max_tokens=request.max_tokens).and_also(request)
    return Interviewer(target, params, request.seed, request.structured)


def texts_of(dataset: Artifact) -> list[str]:
    """The texts to cluster. Raises `InvalidRequest` when there are too few."""
    kind = dataset_kind(dataset.manifest)
    texts = [row_text(kind, row) for row in dataset.rows()]
    if len(texts) < FEWEST_TEXTS:
        raise InvalidRequest(f"{dataset.id} has {len(texts)} rows, and clusterings need {FEWEST_TEXTS}")
    return texts


def criteria_stage(
    request: ClusterAgentRequest, texts: Sequence[str], interviewer: Interviewer, spending: BudgetKeeper
) -> CriteriaStage:
    return CriteriaStage(
        texts,
        interviewer,
        runs=request.criteria_runs,
        shown=request.criteria_samples,
        max_characters=request.max_characters,
        seed=request.seed,
        spending=spending,
    )


def runs_stage(
    request: ClusterAgentRequest,
    texts: Sequence[str],
    criteria: Sequence[str],
    interviewer: Interviewer,
    spending: BudgetKeeper,
) -> ClusterRuns:
    settings = RunSettings(
        samples=request.samples,
        runs=request.runs,
        verify=request.verify,
        interval_width=request.interval_width,
        min_runs=request.min_runs,
        max_characters=request.max_characters,
        seed=request.seed,
    )
    return ClusterRuns(texts, criteria, interviewer, settings, spending)


def ratings_stage(
    request: JudgeRequest,
    dataset: Artifact,
    interviewer: Interviewer,
    spending: BudgetKeeper,
    evaluation: Artifact | None = None,
) -> Ratings:
    """`evaluation` holds the answers to be rated, where they are not the dataset's own. Raises
    `InvalidRequest` when it has none to these rows."""
    written = None if evaluation is None else answers_in(evaluation, dataset.id)
    judged = _judged(dataset, written, request.rows, request.seed)
    return Ratings(
        judged,
        request.aspects,
        interviewer,
        tries=request.tries,
        max_characters=request.max_characters,
        spending=spending,
        rubric=request.rubric,
    )


def answers_in(evaluation: Artifact, dataset: str) -> dict[str, str]:
    """Row → what the model wrote to its prompt. Raises `InvalidRequest` where the evaluation has no answers
    to this dataset's rows."""
    evaluated = evaluation.manifest.kind is ArtifactKind.EVALUATION
    parts = tested_rows(evaluation.manifest) if evaluated else {}
    part = next((part for part, tested in parts.items() if tested == dataset), None)
    rows = [] if part is None or not evaluation.has(part) else list(evaluation.rows(part))
    found = {str(row["id"]): str(row["answer"]) for row in rows if "answer" in row}
    if not found:
        raise InvalidRequest(
            f"{evaluation.id} has no answers to the rows of {dataset}: give an evaluation of that dataset "
            "that was asked for `answers`",
            [FieldError(pointer="/answers", detail="no answers to these rows")],
        )
    return found


def preference_stage(
    request: SelfPreferenceRequest,
    datasets: Mapping[str, Artifact],
    interviewer: Interviewer,
    spending: BudgetKeeper,
) -> tuple[Preferences, int]:
    """The stage, and how many prompts it compares answers to. Raises `InvalidRequest` when the candidates
    share none."""
    prompts, texts = _answered_alike(datasets)
    chosen = _sample(list(prompts), request.prompts, request.seed)
    stage = Preferences(
        comparisons({key: prompts[key] for key in chosen}, list(request.candidates)),
        texts,
        interviewer,
        alternatives=request.alternatives,
        max_characters=request.max_characters,
        spending=spending,
    )
    return stage, len(chosen)


def outline(
    request: ClusterAgentRequest | JudgeRequest | SelfPreferenceRequest,
    target: Target,
    open_artifact: Callable[[str], Artifact],
) -> tuple[list[Sample], CallBounds]:
    """The calls that the measurement would make, and how few and how many its budget lets them be. Criteria
    that are not found yet are of the usual length."""
    interviewer = interviewer_of(request, target)
    stages = _planned(request, interviewer, open_artifact)
    samples = [sample for stage in stages for sample in stage.outline(SAMPLES)]
    bounds = sum((stage.call_bounds() for stage in stages), CallBounds(0, 0))
    if isinstance(request, ClusterAgentRequest) and not request.criteria:
        samples += gathering_outline(interviewer, request.criteria_runs, request.kept)
        bounds += gathering_bounds(request.criteria_runs, request.kept)
    return samples, within_budget(bounds, request.budget, max(stage.calls_each for stage in stages))


def _planned(
    request: ClusterAgentRequest | JudgeRequest | SelfPreferenceRequest,
    interviewer: Interviewer,
    open_artifact: Callable[[str], Artifact],
) -> list[PaidStage]:
    spending = unlimited()
    if isinstance(request, JudgeRequest):
        return [ratings_stage(request, open_artifact(request.dataset), interviewer, spending)]
    if isinstance(request, SelfPreferenceRequest):
        datasets = {name: open_artifact(artifact) for name, artifact in request.candidates.items()}
        return [preference_stage(request, datasets, interviewer, spending)[0]]
    texts = texts_of(open_artifact(request.dataset))
    criteria = request.criteria or [PLANNED_CRITERION] * (2 * request.kept)
    runs = runs_stage(request, texts, criteria, interviewer, spending)
    return [runs] if request.criteria else [runs, criteria_stage(request, texts, interviewer, spending)]


def _judged(
    dataset: Artifact, written: Mapping[str, str] | None, rows: int | None, seed: int
) -> list[Judged]:
    kind = dataset_kind(dataset.manifest)
    long = contexts(dataset)
    everything = [_as_judged(kind, row, long, number) for number, row in enumerate(dataset.rows())]
    if written is not None:
        everything = [replace(one, text=written[one.id]) for one in everything if one.id in written]
    if not everything:
        raise InvalidRequest(f"{dataset.id} has no rows to judge")
    return [everything[i] for i in _sample(list(range(len(everything))), rows, seed)]


def _as_judged(kind: DatasetKind, row: Row, long: dict[str, str], number: int) -> Judged:
    name = str(row.get("id", number))
    if kind is DatasetKind.TEXT:
        return Judged(name, "", row["text"])
    if kind is DatasetKind.COMPLETION:
        return Judged(name, row["context"], row["completion"])
    if kind is DatasetKind.CHAT:
        return _chat_as_judged(name, row["messages"])
    return Judged(name, f"{long.get(row['context_id'], '')}\n\n{row['question']}".strip(), row["answer"])


def _chat_as_judged(name: str, messages: Sequence[Mapping[str, Any]]) -> Judged:
    """The assistant's last turn as the answer to all that was said before it."""
    turns = [place for place, message in enumerate(messages) if message["role"] == "assistant"]
    last = turns[-1] if turns else len(messages)
    before = "\n\n".join(f"{message['role']}: {said_by(message)}" for message in messages[:last])
    return Judged(name, before, said_by(messages[last]) if turns else "")


def _answered_alike(datasets: Mapping[str, Artifact]) -> tuple[dict[str, str], dict[tuple[str, str], str]]:
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
