"""Every operation of this service, by the class of its request."""

from __future__ import annotations

from services.metrics.operations.compare import Comparing
from services.metrics.operations.deduplicate import make_deduplicated
from services.metrics.operations.export import export
from services.metrics.operations.ingest import ingest
from services.metrics.operations.measure import Measuring
from services.metrics.operations.propose import make_proposal
from services.metrics.operations.report import make_report
from services.metrics.operations.running import runners
from services.metrics.operations.score_clusterings import score_clusterings
from services.metrics.operations.select import make_filtered, make_mixture, make_sample, make_split
from services.metrics.operations.surface import make_surface
from services.metrics.operations.text_sets import embedders
from services.metrics.operations.trace import Tracing
from services.metrics.settings import MetricsSettings
from shared.contracts.advice import ProposalRequest
from shared.contracts.datasets import IngestRequest
from shared.contracts.export import ExportRequest
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
from shared.jobs.running import Handlers


def handlers(settings: MetricsSettings) -> Handlers:
    """The handlers; those that embed share one loaded model."""
    find = embedders(settings.embeddings)
    measuring = Measuring(find, runners(settings.measure_workers, settings.ray_address))
    return {
        IngestRequest: ingest,
        MeasurementRequest: measuring.measure,
        EmbeddingRequest: measuring.embed,
        ComparisonRequest: Comparing(find).compare,
        AgentScoreRequest: score_clusterings,
        MixtureRequest: make_mixture,
        SampleRequest: make_sample,
        SplitRequest: make_split,
        FilterRequest: make_filtered,
        DeduplicationRequest: make_deduplicated,
        ProposalRequest: make_proposal,
        SurfaceRequest: make_surface,
        TraceRequest: Tracing(find).trace,
        ExportRequest: export,
        ReportRequest: make_report,
    }
