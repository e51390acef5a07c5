"""What the measurements of language models write: their headline values, and everything that was answered."""

from __future__ import annotations

from shared.contracts.base import ArtifactSummary
from shared.jobs.workspace import Workspace

MEASUREMENT = "measurement.json"
FAILURES = "failures.jsonl"


def put_measurement(workspace: Workspace, found: ArtifactSummary, **details: object) -> None:
    """The part that says everything: the summary's values, what they were found with, and what was spent."""
    values = found.stored()
    ledger = values.pop("ledger")
    workspace.output.put_json(MEASUREMENT, {"values": values, **details, "ledger": ledger})
