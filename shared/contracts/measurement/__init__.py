"""Measurements.

metrics    what can be measured, by name
requests   what is asked of a measurement, and how its values are estimated
results    the shape in which values come back
texts      the same for a few texts, at once
"""

from shared.contracts.measurement.metrics import (
    ABOUT,
    DEFAULT_METRICS,
    HASHED_NGRAMS,
    LEXICAL,
    MEASURES_VERSION,
    SHIFT,
    About,
    EmbeddingName,
    Family,
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
    EXCESS,
    P_VALUE,
    SEEN,
    AgentScoreSummary,
    ComparisonSummary,
    EmbeddingSummary,
    EqualSizes,
    EqualSizeValue,
    Measured,
    MeasuredInterval,
    MeasuredValue,
    MeasurementSummary,
    NoShift,
)
from shared.contracts.measurement.texts import (
    MOST_TEXTS,
    DrawnPicture,
    MeasureTextsRequest,
    MeasureTextsResponse,
)

__all__ = [
    "ABOUT",
    "DEFAULT_METRICS",
    "EXCESS",
    "HASHED_NGRAMS",
    "LEXICAL",
    "MEASURES_VERSION",
    "MOST_TEXTS",
    "P_VALUE",
    "SEEN",
    "SHIFT",
    "About",
    "AgentScoreRequest",
    "AgentScoreSummary",
    "ComparisonRequest",
    "ComparisonSummary",
    "DrawnPicture",
    "EmbeddingName",
    "EmbeddingRequest",
    "EmbeddingSummary",
    "EqualSizeValue",
    "EqualSizes",
    "Family",
    "MeasureOptions",
    "MeasureTextsRequest",
    "MeasureTextsResponse",
    "Measured",
    "MeasuredInterval",
    "MeasuredValue",
    "MeasurementRequest",
    "MeasurementSummary",
    "Metric",
    "NoShift",
    "RunName",
    "TokenizerName",
]
