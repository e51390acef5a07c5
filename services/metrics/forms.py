"""A form of files of rows as the request that the same texts make."""

from __future__ import annotations

import json
from typing import Any

from fastapi import UploadFile
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from services.metrics.ingestion.texts import file_texts
from shared.contracts.measurement import MOST_TEXTS, MeasureTextsRequest
from shared.contracts.problems import FieldError
from shared.errors import InvalidRequest


def request_of(texts: UploadFile, reference: UploadFile | None, options: str) -> MeasureTextsRequest:
    """Raises InvalidData for rows that are none, InvalidRequest for two kinds, and InvalidRequest or
    RequestValidationError for options that make no sense."""
    return _request(_read(texts, reference), options)


def _read(texts: UploadFile, reference: UploadFile | None) -> dict[str, list[str]]:
    """The texts of each file."""
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
