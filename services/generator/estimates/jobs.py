"""What each operation of this service would take: its stages are made as its job makes them, and not run."""

from __future__ import annotations

from functools import partial

from services.generator.datasets.generation_inputs import seed_texts
from services.generator.dial.dialled import dial_bounds, dial_rounds
from services.generator.engine.stage import CallBounds
from services.generator.errors import BadPromptTemplate
from services.generator.estimates.costs import estimate, outlined, within
from services.generator.estimates.stages import generation_inputs, row_stages, topic_stages
from services.generator.estimates.standing_in import open_dataset, without_coming_adapter
from services.generator.instruments.interviews import outline
from services.generator.sources.registry import Registry, name_of
from services.generator.strategies.prompts import BadTemplate
from shared.contracts.base import JobRequest
from shared.contracts.estimates import Coming, JobEstimate
from shared.contracts.fields import Range
from shared.contracts.generation.previews import CallsEstimate
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.instruments import ClusterAgentRequest, JudgeRequest, SelfPreferenceRequest
from shared.estimates import Estimator, KnownInputs, plus

PLANNED_TOPICS = [f"something that happened in place number {number}" for number in range(10_000)]
"""For estimates before the pool is made: as many as W has, of the usual six words."""


def estimators(registry: Registry) -> dict[type[JobRequest], Estimator]:
    return {
        TopicsRequest: partial(_topics, registry),
        GenerationRequest: partial(_generation, registry),
        ClusterAgentRequest: partial(_instrument, registry),
        JudgeRequest: partial(_instrument, registry),
        SelfPreferenceRequest: partial(_instrument, registry),
    }


def _topics(registry: Registry, request: TopicsRequest, known: KnownInputs) -> JobEstimate:
    source = without_coming_adapter(request.source, known)
    stages = topic_stages(request, registry.targets([source])[0], partial(open_dataset, known))
    bounds = sum((stage.call_bounds() for stage in stages), CallBounds(0, 0))
    specs = {name_of(source): registry.spec(source)}
    try:
        found = estimate(outlined(stages), specs, bounds.most)
    except BadTemplate as error:
        raise BadPromptTemplate(str(error)) from error
    return _job(found, bounds, Coming(rows=request.count))


def _generation(registry: Registry, request: GenerationRequest, known: KnownInputs) -> JobEstimate:
    sources = [without_coming_adapter(source, known) for source in request.sources]
    asked = request.model_copy(update={"sources": sources})
    planned = PLANNED_TOPICS if known.is_coming(request.topics) else None
    given = generation_inputs(asked, registry, partial(open_dataset, known), planned, ask_nobody=True)
    stages = row_stages(given)
    bounds = dial_bounds(given) if request.dial else _of_levels([stage.call_bounds() for stage in stages])
    specs = {name_of(source): registry.spec(source) for source in sources}
    seeds = seed_texts(asked, given.inputs)
    try:
        found = estimate(outlined(stages), specs, bounds.most, seeds, dial_rounds(given))
    except BadTemplate as error:
        raise BadPromptTemplate(str(error)) from error
    read = request.examples or request.prompts
    like = known.size(read).like if read else None
    return _job(found, bounds, Coming(rows=sum(stage.wanted for stage in stages), like=like))


def _of_levels(bounds: list[CallBounds]) -> CallBounds:
    """Levels may ask the same: candidate i of two levels that draw one topic is one call (`topics.turns`)."""
    return CallBounds(max(level.fewest for level in bounds), sum(level.most for level in bounds))


def _instrument(
    registry: Registry,
    request: ClusterAgentRequest | JudgeRequest | SelfPreferenceRequest,
    known: KnownInputs,
) -> JobEstimate:
    like = None
    if isinstance(request, SelfPreferenceRequest):
        source = without_coming_adapter(request.judge, known)
        coming = [dataset for dataset in request.candidates.values() if known.is_coming(dataset)]
        like = known.like(coming[0]) if coming else None  # all of them, so that they answer the same prompts
    else:
        source = without_coming_adapter(request.source, known)
    target = registry.targets([source])[0]
    calls, bounds = outline(request, target, lambda dataset: open_dataset(known, dataset, like))
    found = within(estimate(calls, {name_of(source): registry.spec(source)}, bounds.most), request.budget)
    return _job(found, bounds, Coming())


def _job(found: CallsEstimate, bounds: CallBounds, makes: Coming) -> JobEstimate:
    expected = min(max(found.calls.expected, bounds.fewest), bounds.most)
    return JobEstimate(
        calls=Range(expected=expected, low=bounds.fewest, high=bounds.most),
        tokens=plus(found.tokens_in, found.tokens_out),
        money=found.money,
        seconds=found.seconds,
        makes=makes,
        details=found,
    )
