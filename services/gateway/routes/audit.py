"""`/v1/audit`: who did what in the project."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query

from services.gateway.context import InGateway
from services.gateway.projects import AuditedProject
from services.gateway.routes.parameters import Cursor, Limit
from services.gateway.views import AuditPage

router = APIRouter(prefix="/v1/audit", tags=["audit"])


@router.get("")
def list_audit_entries(
    gateway: InGateway,
    project: AuditedProject,
    day: Annotated[date, Query(description="A day, by UTC.")],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> AuditPage:
    """What the project's keys asked for on a day, oldest first. Needs the scope `audit`."""
    return gateway.audit.page(project, day, limit, cursor)
