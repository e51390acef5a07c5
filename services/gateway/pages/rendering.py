"""Renders a template; everything that comes from outside is escaped."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.gateway.documents.pointers import MAX_FAULTS

HERE = Path(__file__).parent
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


def ago(moment: datetime) -> str:
    """`3 minutes ago`."""
    seconds = int((datetime.now(UTC) - moment).total_seconds())
    for size, name in _UNITS:
        if seconds >= size:
            count = seconds // size
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "just now"


def short(name: str) -> str:
    """An id that fits into a table: its kind and the first eight digits."""
    kind, _, digits = name.rpartition("-")
    return f"{kind}-{digits[:8]}" if kind else name


def number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


_environment = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters |= {"ago": ago, "short": short, "number": number, "as_json": as_json}
_environment.globals["most_faults"] = MAX_FAULTS
_environment.tests["contains"] = lambda text, part: part in text


class Pages:
    """`frames`: the origins that reports and pictures are loaded from, beside the gateway's own."""

    def __init__(self, frames: str) -> None:
        self._policy = (
            f"default-src 'self'; img-src 'self' {frames} data:; frame-src 'self' {frames}; "
            "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        )

    def render(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        text = _environment.get_template(template).render(**values)
        headers = {
            "Content-Security-Policy": self._policy,
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        }
        return HTMLResponse(text, status, headers)
