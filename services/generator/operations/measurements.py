"""What the measurements of language models write: their headline values, and everything that was answered."""

from __future__ import annotations

from typing import Any

from services.generator.engine.session import Session
from shared.jobs.workspace import Workspace

MEASUREMENT = "measurement.json"
FAILURES = "failures.jsonl"


def write_measurement(
    workspace: Workspace, session: Session, values: dict[str, Any], details: dict[str, Any]
) -> dict[str, Any]:
    ledger = session.ledger.report()
    workspace.output.put_json(MEASUREMENT, {"values": values, **details, "ledger": ledger})
    return {**values, "ledger": ledger}
