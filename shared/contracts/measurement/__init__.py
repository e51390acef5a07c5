"""Measurements.

metrics    what can be measured, by name
requests   what is asked of a measurement, and how its values are estimated
results    the shape in which values come back
texts      the same for a few texts, at once
"""

from shared.contracts.measurement.metrics import (
    DEFAULT_METRICS,
    EMBEDDED_SHIFT,
    HASHED_NGRAMS,
    LEXICAL,
    MEASURES_VERSION,
    QUALITY,
    SEMANTIC,
    SHIFT,
    EmbeddingName,
    Metric,
    RunName,
    TokenizerName,
)
from shared.contracts.measurement.requests import (
    AgentScoreRequest,
    ComparisonRequest,
    EmbeddingRequest,
    MeasurementRequest,
    MeasureOptions,
)
from shared.contracts.measurement.results import (
    AgentScoreSummary,
    ComparisonSummary,
    EmbeddingSummary,
    EqualSizes,
    Measured,
    MeasuredInterval,
    MeasuredValue,
    MeasurementSummary,
)
from shared.contracts.measurement.texts import (
    MOST_TEXTS,
    DrawnPicture,
    MeasureTextsRequest,
    MeasureTextsResponse,
)

__all__ = [
    "DEFAULT_METRICS",
    "EMBEDDED_SHIFT",
    "HASHED_NGRAMS",
    "LEXICAL",
    "MEASURES_VERSION",
    "MOST_TEXTS",
    "QUALITY",
    "SEMANTIC",
    "SHIFT",
    "AgentScoreRequest",
    "AgentScoreSummary",
    "ComparisonRequest",
    "ComparisonSummary",
    "DrawnPicture",
    "EmbeddingName",
    "EmbeddingRequest",
    "EmbeddingSummary",
    "EqualSizes",
    "MeasureOptions",
    "MeasureTextsRequest",
    "MeasureTextsResponse",
    "Measured",
    "MeasuredInterval",
    "MeasuredValue",
    "MeasurementRequest",
    "MeasurementSummary",
    "Metric",
    "RunName",
    "TokenizerName",
]
