"""Language models as measuring instruments: the cluster-agent (C), judges and self-preference (E)."""

from shared.contracts.instruments.requests import (
    Budget,
    ClusterAgentRequest,
    JudgeRequest,
    SelfPreferenceRequest,
)
from shared.contracts.instruments.results import (
    Aspect,
    ClusterAgentSummary,
    JudgeSummary,
    SelfPreferenceSummary,
)

__all__ = [
    "Aspect",
    "Budget",
    "ClusterAgentRequest",
    "ClusterAgentSummary",
    "JudgeRequest",
    "JudgeSummary",
    "SelfPreferenceRequest",
    "SelfPreferenceSummary",
]
