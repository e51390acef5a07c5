"""The metrics service's own API: texts in, values and pictures out, in seconds.

`uvicorn --factory services.metrics.api:create_app`
"""

# No `from __future__ import annotations` here: FastAPI reads the classes that the annotations are set to.

from functools import cache
from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, Form, Header, Response, UploadFile

from services.metrics.estimates.jobs import ESTIMATORS
from services.metrics.media_types import PAGE, PICTURE
from services.metrics.settings import MetricsSettings
from shared.assembly import Platform, connect
from shared.contracts.measurement import MeasureTextsRequest, MeasureTextsResponse
from shared.estimates import add_estimates
from shared.http.service import Responses, make_api

if TYPE_CHECKING:
    from services.metrics.answers import MeasuringAtOnce

DESCRIPTION = """Diversity, shift and quality of texts, each value with its estimator.

Send up to 20,000 texts in a body here; measure larger datasets as jobs through the gateway."""

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

Accept = Annotated[str, Header(description="`application/json`, `text/html` or `image/png`.")]
Options = Annotated[
    str, Form(description="JSON: the fields of `MeasureTextsRequest` other than the texts themselves.")
]


def create_app(settings: MetricsSettings | None = None) -> FastAPI:
    """The service's app, ready to serve."""
    settings = settings or MetricsSettings()
    return create_api(settings, connect(settings))


def create_api(settings: MetricsSettings, platform: Platform) -> FastAPI:
    """The app on these connections."""
    api = make_api("Gamut metrics", DESCRIPTION, "1", {}, settings.max_measure_bytes)
    add_estimates(api, platform.store, ESTIMATORS)

    @cache
    def measuring() -> "MeasuringAtOnce":
        # What measures takes seconds and hundreds of megabytes to import, and most of these processes only
        # estimate: the workers measure.
        from services.metrics.answers import MeasuringAtOnce

        return MeasuringAtOnce(settings.embeddings)

    @api.post("/v1/measure", tags=["measure"], response_model=MeasureTextsResponse, responses=SHOWN)
    def measure_texts(
        request: MeasureTextsRequest, accept: Accept = "application/json"
    ) -> MeasureTextsResponse | Response:
        """Measure the texts and, beside a reference, their shift from it; draw a picture if asked."""
        return measuring().answer(request, accept)

    @api.post("/v1/measure/files", tags=["measure"], response_model=MeasureTextsResponse, responses=SHOWN)
    def measure_files(
        texts: UploadFile,
        reference: UploadFile | None = None,
        options: Options = "{}",
        accept: Accept = "application/json",
    ) -> MeasureTextsResponse | Response:
        """The same for files of rows (JSON, CSV, TSV or Parquet, also packed): {text}, {context, completion},
        {question, answer} or {messages}, both files of one kind."""
        from services.metrics.forms import request_of

        return measuring().answer(request_of(texts, reference, options), accept)

    if settings.prepared:
        measuring().prepare()
    return api
