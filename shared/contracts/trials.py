"""Mixtures that a search tried, as a recipe gathers them and as a report tells of them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from shared.contracts.base import ArtifactId, Contract
from shared.contracts.measurement import RunName


class TriedMixture(Contract):
    """A mixture of a rung and how the model trained on it tested."""

    name: RunName
    label: RunName | None = None
    axes: dict[str, Any] = Field(default={}, max_length=20)
    mixture: ArtifactId
    evaluation: ArtifactId | None = None
    stopped: str | None = Field(default=None, description="Why a gate refused to train on it.")


class MixtureTrial(Contract):
    """What became of a mixture that was tried: `kept` when the next rung tried it again (in the last rung:
    when the proposal keeps it), `pruned` when it did not, `failed` when there is no figure of it, `refused`
    when a gate stopped it, and `why`."""

    pool: str | None
    rho: float | None
    value: float | None
    rung: int
    outcome: Literal["kept", "pruned", "failed", "refused"]
    why: str | None = None
    mixture: ArtifactId
    evaluation: ArtifactId | None
