"""The metrics service's own API: texts in, values out, in seconds.

`uvicorn --factory services.metrics.api:create_app`
"""

from __future__ import annotations

import base64

from fastapi import FastAPI

from services.metrics.errors import translated
from services.metrics.jobs.text_sets import Embedders, embedders
from services.metrics.measuring.measure import measure
from services.metrics.measuring.pictures import DRAW
from services.metrics.measuring.subject import Embedded, Subject, TextSet, sampled_rows
from services.metrics.settings import MetricsSettings
from shared.contracts.measurement import (
    DrawnPicture,
    MeasureTextsRequest,
    MeasureTextsResponse,
)
from shared.http.service import make_api
from shared.telemetry import configure_logging

DESCRIPTION = """Diversity, shift and quality of texts, each value with its estimator.

Send up to 20,000 texts in a body here; measure larger datasets as jobs through the gateway."""


def create_app(settings: MetricsSettings | None = None) -> FastAPI:
    """The service's app, ready to serve."""
    settings = settings or MetricsSettings()
    configure_logging(settings.log_level, settings.log_format)
    return create_api(embedders(settings.embeddings), settings.max_measure_bytes)


def create_api(find: Embedders, max_body_bytes: int) -> FastAPI:
    """The app around a way to find embedding models."""
    api = make_api("Gamut metrics", DESCRIPTION, "1", {}, max_body_bytes)

    @api.post("/v1/measure", tags=["measure"])
    def measure_texts(request: MeasureTextsRequest) -> MeasureTextsResponse:
        """Measure the texts and, beside a reference, their shift from it; draw a picture if asked."""
        with translated():
            subject = _subject(request, find)
            measured = measure(subject)
            return MeasureTextsResponse(measured=measured, picture=_picture(request, subject))

    return api


def _subject(request: MeasureTextsRequest, find: Embedders) -> Subject:
    def embed(texts: TextSet) -> Embedded:
        embedder = find(request.embedding, request.precision)
        rows = sampled_rows(len(texts), request.semantic_rows, request.seed)
        vectors = embedder.embed([texts.text(int(row)) for row in rows])
        return Embedded(rows, vectors, embedder.description)

    reference = None if request.reference is None else TextSet.of(request.reference)
    return Subject(TextSet.of(request.texts), request, embed, reference=reference)


def _picture(request: MeasureTextsRequest, subject: Subject) -> DrawnPicture | None:
    if request.picture is None:
        return None
    drawn = DRAW[request.picture](subject)
    return DrawnPicture(
        name=drawn.name,
        title=drawn.title,
        alt=drawn.alt,
        png_base64=base64.b64encode(drawn.png).decode(),
        data=[dict(row) for row in drawn.data],
    )
