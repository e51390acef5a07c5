"""The generator's own small API: what a request would send, and what it would take, before it is a job."""

from __future__ import annotations

import asyncio
from functools import partial

from fastapi import FastAPI

from services.generator.datasets.rows import Recipe, levels_of, seed_texts, stage_for
from services.generator.engine.session import Places, Session
from services.generator.engine.stage import Stage
from services.generator.errors import BadPromptTemplate, SourceRefused
from services.generator.estimates.costs import estimate, outlined, within
from services.generator.estimates.previews import preview
from services.generator.inputs.lengths import length_counter
from services.generator.inputs.reading import pool_examples, read_inputs
from services.generator.instruments.interviews import outline
from services.generator.settings import GeneratorSettings
from services.generator.sources.adapters import serve_adapters
from services.generator.sources.errors import NoSource, Refusing
from services.generator.sources.registry import Registry, name_of
from services.generator.strategies.prompts import BadTemplate
from services.generator.text.tokens import WordCounter
from services.generator.topics.plan import PoolPlan
from shared.artifacts import Artifact, find_manifest, project_store
from shared.contracts.generation.acceptance import LengthUnit
from shared.contracts.generation.previews import Estimate, GenerationPlan, Preview
from shared.contracts.generation.sources import SourceInfo, SourceRef
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.instruments import InstrumentPlan, SelfPreferenceRequest
from shared.errors import SourceUnavailable
from shared.http.service import make_api
from shared.store.base import ObjectStore
from shared.store.opening import open_store
from shared.telemetry import configure_logging
from shared.tracing import configure_tracing

PREVIEW_SECONDS = 60.0
PLANNED_TOPICS = [f"something that happened in place number {number}" for number in range(10_000)]
"""For estimates before the pool is made: as many as W has, of the usual six words."""
MAX_BODY_BYTES = 8 << 20


def create_api(settings: GeneratorSettings, store: ObjectStore) -> FastAPI:
    registry = settings.registry()
    api = make_api(
        "Gamut generator",
        "Previews and estimates of generations; the generations themselves are jobs of the gateway.",
        "1",
        {"store": lambda: _answers(store)},
        max_body_bytes=MAX_BODY_BYTES,
    )

    @api.get("/v1/sources", tags=["sources"])
    def list_sources() -> list[SourceInfo]:
        """The language-model servers that requests may name."""
        return [
            SourceInfo(
                name=name,
                model=spec.model,
                revision=spec.revision,
                api=spec.api,
                price_in=str(spec.price_in),
                price_out=str(spec.price_out),
                currency=spec.currency,
            )
            for name, spec in sorted(registry.specs.items())
        ]

    @api.post("/v1/preview", tags=["generation"])
    async def preview_generation(plan: GenerationPlan) -> Preview:
        """A few candidates with the very prompts. Tokens are spent; nothing is kept."""
        stages, _ = await asyncio.to_thread(_stages, plan, registry, store)
        refs = _sources(plan)
        project = project_store(store, plan.project)
        await asyncio.to_thread(serve_adapters, registry, refs, partial(Artifact.open, project))
        session = Session(registry.lanes(refs), Places.nowhere(), patience=2.0)
        try:
            async with asyncio.timeout(PREVIEW_SECONDS), session:
                return await preview(stages, session, plan.samples)
        except Refusing as error:
            raise SourceRefused(str(error)) from error
        except BadTemplate as error:
            raise BadPromptTemplate(str(error)) from error
        except (NoSource, TimeoutError) as error:
            raise SourceUnavailable(str(error) or f"no answer within {PREVIEW_SECONDS:g} s") from error

    @api.post("/v1/estimate", tags=["generation"])
    async def estimate_generation(plan: GenerationPlan) -> Estimate:
        """Calls, tokens, seconds and money, with ranges. Nothing is spent."""
        stages, seeds = await asyncio.to_thread(_stages, plan, registry, store, assume=True)
        specs = {name_of(ref): registry.spec(ref) for ref in _sources(plan)}
        try:
            return await asyncio.to_thread(lambda: estimate(outlined(stages), specs, seeds))
        except BadTemplate as error:
            raise BadPromptTemplate(str(error)) from error

    @api.post("/v1/instruments/estimate", tags=["instruments"])
    def estimate_instrument(plan: InstrumentPlan) -> Estimate:
        """Of a measurement by a language model: calls, tokens, seconds and money, with ranges. Nothing is
        spent."""
        request = plan.request
        ref = request.judge if isinstance(request, SelfPreferenceRequest) else request.source
        project = project_store(store, plan.project)
        calls = outline(request, registry.targets([ref])[0], partial(Artifact.open, project))
        return within(estimate(calls, {name_of(ref): registry.spec(ref)}), request.budget)

    return api


def _answers(store: ObjectStore) -> None:
    store.head("ready")


def _sources(plan: GenerationPlan) -> list[SourceRef]:
    request = plan.request
    return [request.source] if isinstance(request, TopicsRequest) else request.sources


def _stages(
    plan: GenerationPlan, registry: Registry, store: ObjectStore, *, assume: bool = False
) -> tuple[list[Stage], list[str]]:
    """The stages of the request, and the texts of its examples. `assume`: a topic pool that does not exist
    yet is taken to hold topics of the usual length, and no server is asked for anything."""
    request = plan.request
    targets = registry.targets(_sources(plan))
    project = project_store(store, plan.project)
    if isinstance(request, TopicsRequest):
        pool = PoolPlan(request, targets[0], pool_examples(request, partial(Artifact.open, project)))
        areas = [pool.areas()] if request.hierarchy else []
        return [*areas, pool.topics()], []
    absent = assume and request.topics is not None and find_manifest(project, request.topics) is None
    planned = PLANNED_TOPICS if absent else None
    inputs = read_inputs(request, lambda artifact: Artifact.open(project, artifact), planned)
    unknown = assume and request.acceptance.length.unit is LengthUnit.REPORTED
    count = WordCounter() if unknown else length_counter(request, registry, seed_texts(request, inputs))
    recipe = Recipe(request, inputs, targets, count)
    return [stage_for(recipe, level) for level in levels_of(request)], seed_texts(request, inputs)


def create_app() -> FastAPI:
    """For `uvicorn --factory services.generator.api:create_app`."""
    settings = GeneratorSettings()
    configure_logging(settings.log_level, settings.log_format)
    configure_tracing(settings.service, settings.otlp_endpoint)
    return create_api(settings, open_store(settings))
