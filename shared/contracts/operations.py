"""Every operation there is: the request classes by name. What a recipe's steps and the API are checked by."""

from __future__ import annotations

from shared.contracts.advice import ProposalRequest
from shared.contracts.base import JobRequest
from shared.contracts.datasets import IngestRequest
from shared.contracts.experiment import ExperimentRequest
from shared.contracts.export import ExportRequest
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.instruments import ClusterAgentRequest, JudgeRequest, SelfPreferenceRequest
from shared.contracts.measurement import (
    AgentScoreRequest,
    ComparisonRequest,
    EmbeddingRequest,
    MeasurementRequest,
)
from shared.contracts.mixture import (
    DeduplicationRequest,
    FilterRequest,
    MixtureRequest,
    SampleRequest,
    SplitRequest,
)
from shared.contracts.report import ReportRequest
from shared.contracts.surface import SurfaceRequest
from shared.contracts.trace import TraceRequest
from shared.contracts.training.merging import MergeRequest
from shared.contracts.training.requests import EvaluationRequest, TrainingRequest

_REQUESTS: tuple[type[JobRequest], ...] = (
    IngestRequest,
    TopicsRequest,
    GenerationRequest,
    ClusterAgentRequest,
    JudgeRequest,
    SelfPreferenceRequest,
    MeasurementRequest,
    ComparisonRequest,
    EmbeddingRequest,
    AgentScoreRequest,
    MixtureRequest,
    SampleRequest,
    SplitRequest,
    FilterRequest,
    DeduplicationRequest,
    ProposalRequest,
    TrainingRequest,
    MergeRequest,
    EvaluationRequest,
    SurfaceRequest,
    TraceRequest,
    ExportRequest,
    ReportRequest,
    ExperimentRequest,
)

OPERATIONS: dict[str, type[JobRequest]] = {request.operation: request for request in _REQUESTS}
