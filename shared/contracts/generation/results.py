"""What the summaries of topic pools and generated datasets say."""

from __future__ import annotations

from pydantic import Field

from shared.contracts.base import ArtifactSummary, Contract
from shared.contracts.datasets import DatasetSummary

TAKEN_OFF: dict[str, int] = Field(
    default={},
    description="Answers from which something was taken off before they were read, by what it was: thoughts, "
    "control tokens, fences, bold labels, titles.",
)
SOURCES_FITTED: dict[str, list[str]] = Field(
    default={},
    description="By source, how calls were fitted to its server (fields left out or renamed, the system turn "
    "folded), as it was registered and as its refusals taught.",
)


class SourceAccount(Contract):
    """What was asked of one source, by the server's own counts."""

    issued: int = Field(default=0, description="Calls sent: those answered, and those that failed.")
    answered: int = 0
    reused: int = Field(default=0, description="Answers that an earlier job had paid for.")
    tokens_in: int = 0
    tokens_out: int = 0
    failed: dict[str, int] = Field(default={}, description="Calls that failed, by reason.")


class LedgerSummary(Contract):
    """What was asked, answered and spent, over all attempts at the artifact."""

    sources: dict[str, SourceAccount] = {}
    money: dict[str, str] = Field(default={}, description="By currency, exact decimals.")
    unknown_in_flight: int = Field(
        default=0, description="Calls that were out when an attempt was killed: they may have been charged."
    )


class TopicsSummary(ArtifactSummary):
    """A topic pool."""

    topics: int
    rejects: int
    refused: dict[str, int] = Field(description="Refused candidates, by reason.")
    taken_off: dict[str, int] = TAKEN_OFF
    sources_fitted: dict[str, list[str]] = SOURCES_FITTED
    candidates: int
    ledger: LedgerSummary


class DialRound(Contract):
    """One setting that the dial tried. `predicted` is what a probe promises at the full size."""

    setting: int
    rows: int
    value: float
    predicted: float | None
    shift: float | None


class DialSummary(Contract):
    """The setting whose dataset was kept, and how it was found."""

    setting: int
    value: float
    shift: float | None
    reached: bool
    missed: str = Field(description='Why the dataset is not what was asked for; "": it is.')
    rounds: list[DialRound]


class LevelCounts(Contract):
    """Rows of one dose, and candidates that were tried for them."""

    rows: int
    candidates: int


class GenerationSummary(DatasetSummary):
    """A generated dataset."""

    refused: dict[str, int] = Field(description="Refused candidates, by reason.")
    taken_off: dict[str, int] = TAKEN_OFF
    sources_fitted: dict[str, list[str]] = SOURCES_FITTED
    candidates: int
    lengths_counted_in: str
    ledger: LedgerSummary
    levels: dict[str, LevelCounts] | None = Field(default=None, description="Where several doses were asked.")
    dial: DialSummary | None = Field(default=None, description="Where a diversity was asked for.")
