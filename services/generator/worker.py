"""The generator's worker: `celery -A services.generator.worker worker -Q generate --pool threads -c 4`."""

from __future__ import annotations

from functools import cache, partial

from celery import Celery

from services.generator.operations.datasets import make_dataset
from services.generator.operations.instruments import judge_rows, measure_clusters, measure_preference
from services.generator.operations.topics import make_topics
from services.generator.settings import GeneratorSettings
from shared.assembly import make_worker
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.instruments import ClusterAgentRequest, JudgeRequest, SelfPreferenceRequest
from shared.jobs.running import Handlers

PACKAGES = ("httptools", "jinja2", "orjson")


def make_handlers(settings: GeneratorSettings) -> Handlers:
    """The operations of this service."""
    return {
        TopicsRequest: partial(make_topics, settings=settings),
        GenerationRequest: partial(make_dataset, settings=settings),
        ClusterAgentRequest: partial(measure_clusters, settings=settings),
        JudgeRequest: partial(judge_rows, settings=settings),
        SelfPreferenceRequest: partial(measure_preference, settings=settings),
    }


@cache
def create_worker() -> Celery:
    settings = GeneratorSettings()
    return make_worker(settings, make_handlers(settings), PACKAGES)


def __getattr__(name: str) -> Celery:
    """`app`, made when Celery asks for it: importing this module connects to nothing."""
    if name == "app":
        return create_worker()
    raise AttributeError(name)
