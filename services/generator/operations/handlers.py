"""Every operation of this service, by the class of its request."""

from __future__ import annotations

from functools import partial

from services.generator.operations.cluster_agent import measure_clusters
from services.generator.operations.generate import make_dataset
from services.generator.operations.judge import judge_rows
from services.generator.operations.self_preference import measure_preference
from services.generator.operations.topics import make_topics
from services.generator.settings import GeneratorSettings
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.instruments import ClusterAgentRequest, JudgeRequest, SelfPreferenceRequest
from shared.jobs.running import Handlers


def handlers(settings: GeneratorSettings) -> Handlers:
    """What a worker does with each request; a handler takes (request, workspace)."""
    return {
        TopicsRequest: partial(make_topics, settings=settings),
        GenerationRequest: partial(make_dataset, settings=settings),
        ClusterAgentRequest: partial(measure_clusters, settings=settings),
        JudgeRequest: partial(judge_rows, settings=settings),
        SelfPreferenceRequest: partial(measure_preference, settings=settings),
    }
