"""A measurement as the caller's `Accept` asks for it: JSON, a page, or a picture alone."""

from __future__ import annotations

import base64

from fastapi import Response
from fastapi.responses import HTMLResponse

from services.metrics.measuring.measure import measure
from services.metrics.measuring.pictures import DRAW, QUICK, pictures
from services.metrics.measuring.subject import Subject
from services.metrics.pictures.picture import Picture
from services.metrics.reporting.page import render_measurement
from shared.contracts.measurement import DrawnPicture, MeasureTextsResponse
from shared.http.service import Responses

PAGE, PICTURE, VALUES = "text/html", "image/png", "application/json"
SHOWN: Responses = {
    200: {
        "model": MeasureTextsResponse,
        "description": "The values; as a page with pictures for `Accept: text/html`, or the picture alone "
        "for `Accept: image/png`.",
        "content": {
            PAGE: {"schema": {"type": "string"}},
            PICTURE: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
"""For the OpenAPI document."""


def wanted(accept: str) -> str:
    """The first media type of an `Accept` header that there is; JSON where it names none."""
    named = (part.partition(";")[0].strip().lower() for part in accept.split(","))
    return next((name for name in named if name in (PAGE, PICTURE, VALUES)), VALUES)


def answer(subject: Subject, picture: str | None, accept: str) -> MeasureTextsResponse | Response:
    """Measures the subject and draws. A page has the picture asked for, or every quick one; a picture alone
    is the lengths where none is asked for."""
    form = wanted(accept)
    if form == PICTURE:
        return Response(DRAW[picture or "lengths"](subject).png, media_type=PICTURE)
    measured = measure(subject)
    if form == PAGE:
        drawn = list(pictures(subject, QUICK if picture is None else (picture,)))
        rows = None if subject.reference is None else len(subject.reference)
        return HTMLResponse(render_measurement(measured, drawn, rows))
    return MeasureTextsResponse(
        measured=measured, picture=None if picture is None else told(DRAW[picture](subject))
    )


def told(drawn: Picture) -> DrawnPicture:
    return DrawnPicture(
        name=drawn.name,
        title=drawn.title,
        alt=drawn.alt,
        png_base64=base64.b64encode(drawn.png).decode(),
        data=[dict(row) for row in drawn.data],
    )
