"""`/v1/audit`: who did what in the project."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BeforeValidator

from services.gateway.access.projects import AuditedProject
from services.gateway.context import InGateway
from services.gateway.routes.parameters import Cursor, Limit
from services.gateway.views import AuditPage

router = APIRouter(prefix="/v1/audit", tags=["audit"])


def _written_out(text: str) -> date:
    """`2026-01-31`, and not the seconds since 1970 that a date may be read from too."""
    return date.fromisoformat(text) if len(text) == 10 else _refuse()


def _refuse() -> date:
    raise ValueError("a date such as 2026-01-31 is needed")


@router.get("")
def list_audit_entries(
    gateway: InGateway,
    project: AuditedProject,
    day: Annotated[date, BeforeValidator(_written_out), Query(description="A day, by UTC.")],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> AuditPage:
    """What the project's keys asked for on a day, oldest first. Needs the scope `audit`."""
    return gateway.audit.page(project, day, limit, cursor)
