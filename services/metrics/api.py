"""The metrics service's own API: texts in, values and pictures out, in seconds.

`uvicorn --factory services.metrics.api:create_app`
"""

# No `from __future__ import annotations` here: FastAPI reads the classes that the annotations are set to.

import json
from typing import Annotated, Any

from fastapi import FastAPI, Form, Header, Response, UploadFile
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from services.metrics.answers import SHOWN, answer
from services.metrics.errors import translated
from services.metrics.estimates.jobs import ESTIMATORS
from services.metrics.ingestion.texts import file_texts
from services.metrics.measuring.subject import Embedded, Subject, TextSet, sampled_rows
from services.metrics.operations.text_sets import Embedders, embedders
from services.metrics.settings import MetricsSettings
from shared.assembly import Platform, connect
from shared.contracts.measurement import MOST_TEXTS, MeasureTextsRequest, MeasureTextsResponse, Metric
from shared.contracts.problems import FieldError
from shared.errors import InvalidRequest
from shared.estimates import add_estimates
from shared.http.service import make_api

DESCRIPTION = """Diversity, shift and quality of texts, each value with its estimator.

Send up to 20,000 texts in a body here; measure larger datasets as jobs through the gateway."""

Accept = Annotated[str, Header(description="`application/json`, `text/html` or `image/png`.")]
Options = Annotated[
    str, Form(description="JSON: the fields of `MeasureTextsRequest` other than the texts themselves.")
]


def create_app(settings: MetricsSettings | None = None) -> FastAPI:
    """The service's app, ready to serve."""
    settings = settings or MetricsSettings()
    if settings.prepared:
        prepare(embedders(settings.embeddings))
    return create_api(settings, connect(settings))


def prepare(find: Embedders) -> None:
    """Measure two small sets in every way, so that whatever is compiled at its first use has been."""
    texts = ["the fox ran far away from the house", "the cat sat by the tree", "the dog ran to the fox"]
    metrics = sorted(set(Metric) - {Metric.DEFAULT, Metric.CONTAMINATION, Metric.REJECTS})
    request = MeasureTextsRequest(texts=texts * 3, reference=texts * 2, metrics=metrics)
    answer(_subject(request, find), None, "application/json")


def create_api(settings: MetricsSettings, platform: Platform) -> FastAPI:
    """The app on these connections."""
    find = embedders(settings.embeddings)
    api = make_api("Gamut metrics", DESCRIPTION, "1", {}, settings.max_measure_bytes)
    add_estimates(api, platform.store, ESTIMATORS)

    @api.post("/v1/measure", tags=["measure"], response_model=MeasureTextsResponse, responses=SHOWN)
    def measure_texts(
        request: MeasureTextsRequest, accept: Accept = "application/json"
    ) -> MeasureTextsResponse | Response:
        """Measure the texts and, beside a reference, their shift from it; draw a picture if asked."""
        with translated():
            return answer(_subject(request, find), request.picture, accept)

    @api.post("/v1/measure/files", tags=["measure"], response_model=MeasureTextsResponse, responses=SHOWN)
    def measure_files(
        texts: UploadFile,
        reference: UploadFile | None = None,
        options: Options = "{}",
        accept: Accept = "application/json",
    ) -> MeasureTextsResponse | Response:
        """The same for files of rows (JSON, CSV, TSV or Parquet, also packed): {text}, {context, completion},
        {question, answer} or {messages}, both files of one kind."""
        with translated():
            request = _request(_read(texts, reference), options)
            return answer(_subject(request, find), request.picture, accept)

    return api


def _read(texts: UploadFile, reference: UploadFile | None) -> dict[str, list[str]]:
    """The texts of each file. Raises InvalidData for rows that are none, InvalidRequest for two kinds."""
    kind, found = file_texts(texts.file, texts.filename or "", "texts", MOST_TEXTS)
    if reference is None:
        return {"texts": found}
    other, real = file_texts(reference.file, reference.filename or "", "reference", MOST_TEXTS)
    if kind is not None and other is not None and kind is not other:
        raise InvalidRequest(
            f"the texts are of kind `{kind}` and the reference of kind `{other}`: a shift between them would "
            "mean nothing",
            [FieldError(pointer="/reference", detail=f"must be of kind {kind}")],
        )
    return {"texts": found, "reference": real}


def _request(texts: dict[str, list[str]], options: str) -> MeasureTextsRequest:
    """Raises InvalidRequest or RequestValidationError for options that make no sense."""
    try:
        told: Any = json.loads(options)
    except ValueError as error:
        raise InvalidRequest(
            f"`options` is no JSON: {error}", [FieldError(pointer="/options", detail=str(error))]
        ) from error
    if not isinstance(told, dict) or told.keys() & {"texts", "reference"}:
        raise InvalidRequest(
            "`options` is a JSON object of options; texts come as files",
            [FieldError(pointer="/options", detail='an object such as {"metrics": ["default"]} is needed')],
        )
    try:
        return MeasureTextsRequest.model_validate(told | texts)
    except ValidationError as error:
        raise RequestValidationError(
            [
                {
                    **fault,
                    "loc": (
                        "body",
                        *(() if fault["loc"][:1] in (("texts",), ("reference",)) else ("options",)),
                        *fault["loc"],
                    ),
                }
                for fault in error.errors()
            ]
        ) from error


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
