"""A measurement at once, as the caller's `Accept` asks for it: JSON, a page, or a picture alone."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from fastapi import Response
from fastapi.responses import HTMLResponse

from services.metrics.errors import translated
from services.metrics.measuring.measure import measure
from services.metrics.measuring.pictures import DRAW, pictures
from services.metrics.measuring.subject import Embedded, Subject, TextSet, sampled_rows
from services.metrics.media_types import PAGE, PICTURE, VALUES
from services.metrics.operations.text_sets import Embedders, embedders
from services.metrics.pictures.picture import Picture
from services.metrics.reporting.page import render_measurement
from shared.contracts.measurement import DrawnPicture, MeasureTextsRequest, MeasureTextsResponse, Metric


class MeasuringAtOnce:
    """Measures texts in this process. It keeps the embedding model that it loaded last."""

    def __init__(self, embeddings: Mapping[str, str]) -> None:
        self._find = embedders(embeddings)

    def answer(self, request: MeasureTextsRequest, accept: str) -> MeasureTextsResponse | Response:
        """Raises InvalidRequest for a parameter at fault, InvalidData for the texts."""
        with translated():
            return answer(_subject(request, self._find), request.picture, accept)

    def prepare(self) -> None:
        """Measure two small sets in every way, so that whatever is compiled at its first use has been."""
        texts = [
            "the fox ran far away from the house",
            "the cat sat by the tree",
            "the dog ran to the fox",
        ]
        metrics = sorted(set(Metric) - {Metric.DEFAULT, Metric.CONTAMINATION, Metric.REJECTS})
        request = MeasureTextsRequest(texts=texts * 3, reference=texts * 2, metrics=metrics)
        self.answer(request, VALUES)


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
        drawn = list(pictures(subject, True if picture is None else (picture,)))
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


def _subject(request: MeasureTextsRequest, find: Embedders) -> Subject:
    def embed(texts: TextSet) -> Embedded:
        embedder = find(request.embedding, request.precision)
        rows = sampled_rows(len(texts), request.semantic_rows, request.seed)
        vectors = embedder.embed([texts.text(int(row)) for row in rows])
        return Embedded(rows, vectors, embedder.description)

    reference = (
        None if request.reference is None else TextSet.of(request.reference, keys=request.reference_groups)
    )
    test = None if request.test is None else TextSet.of(request.test)
    texts = TextSet.of(request.texts, request.contexts, request.groups, request.prompts)
    return Subject(texts, request, embed, reference=reference, test=test)
