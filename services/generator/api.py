"""The generator's own small API: what a request would send, and what it would take, before it is a job."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from fastapi import FastAPI

from services.generator.engine.session import Places, Session
from services.generator.engine.stage import Stage
from services.generator.errors import BadPromptTemplate, SourceRefused
from services.generator.estimates.jobs import estimators
from services.generator.estimates.previews import preview
from services.generator.estimates.stages import generation_inputs, row_stages, topic_stages
from services.generator.settings import GeneratorSettings
from services.generator.sources.adapters import serve_adapters
from services.generator.sources.errors import NoSource, Refusing
from services.generator.sources.registry import Registry
from services.generator.strategies.prompts import BadTemplate
from shared.artifacts import Artifact, project_store
from shared.assembly import Platform, connect
from shared.contracts.generation.previews import GenerationPlan, Preview
from shared.contracts.generation.sources import SourceInfo, SourceRef
from shared.contracts.generation.topics import TopicsRequest
from shared.errors import SourceUnavailable
from shared.estimates import add_estimates
from shared.http.service import make_api
from shared.store.base import ObjectStore

PREVIEW_SECONDS = 60.0
MAX_BODY_BYTES = 8 << 20


def create_api(settings: GeneratorSettings, platform: Platform) -> FastAPI:
    """The app on these connections."""
    registry = settings.registry()
    store = platform.store
    api = make_api(
        "Gamut generator",
        "Previews and estimates of generations; the generations themselves are jobs of the gateway.",
        "2",
        {"store": lambda: _answers(store)},
        max_body_bytes=MAX_BODY_BYTES,
    )
    add_estimates(api, store, estimators(registry))

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
        stages = await asyncio.to_thread(_stages, plan, registry, store)
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

    return api


def _answers(store: ObjectStore) -> None:
    store.head("ready")


def _sources(plan: GenerationPlan) -> list[SourceRef]:
    request = plan.request
    return [request.source] if isinstance(request, TopicsRequest) else request.sources


def _stages(plan: GenerationPlan, registry: Registry, store: ObjectStore) -> Sequence[Stage]:
    request = plan.request
    open_artifact = partial(Artifact.open, project_store(store, plan.project))
    if isinstance(request, TopicsRequest):
        return topic_stages(request, registry.targets([request.source])[0], open_artifact)
    return row_stages(generation_inputs(request, registry, open_artifact))


def create_app() -> FastAPI:
    """The app as a process serves it, from `GAMUT_*` settings."""
    settings = GeneratorSettings()
    return create_api(settings, connect(settings))
