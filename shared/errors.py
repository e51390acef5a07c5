"""Errors that carry what a caller needs: an HTTP status, a stable code, a reason, and what to do next.

The docstring of a class is its default message. A *reason* is why an attempt at a job ended badly; the
table `RETRIED` is the one place that says which reasons are worth another attempt.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import ClassVar

from shared.contracts.problems import FieldError, Problem


class Reason(StrEnum):
    INVALID_REQUEST = "invalid_request"
    INVALID_DATA = "invalid_data"
    INPUT_MISSING = "input_missing"
    UNREADABLE = "unreadable"
    DAMAGED_ARTIFACT = "damaged_artifact"
    UNKNOWN_MODEL = "unknown_model"
    CONTAMINATED = "contaminated"
    DOES_NOT_FIT = "does_not_fit"
    DIVERGED = "diverged"
    CANDIDATES_EXHAUSTED = "candidates_exhausted"
    TARGET_UNREACHABLE = "target_unreachable"
    BUDGET_EXHAUSTED = "budget_exhausted"
    DEPENDENCY_FAILED = "dependency_failed"
    SOURCE_REFUSED = "source_refused"
    SOURCE_UNAVAILABLE = "source_unavailable"
    STORE_UNAVAILABLE = "store_unavailable"
    QUOTA_EXCEEDED = "quota_exceeded"
    SERVICE_UNAVAILABLE = "service_unavailable"
    WORKER_LOST = "worker_lost"
    CANCELLED = "cancelled"
    INTERNAL = "internal"


RETRIED: frozenset[Reason] = frozenset(
    {
        Reason.SOURCE_UNAVAILABLE,
        Reason.STORE_UNAVAILABLE,
        Reason.QUOTA_EXCEEDED,
        Reason.SERVICE_UNAVAILABLE,
        Reason.WORKER_LOST,
        Reason.INTERNAL,
    }
)
"""Reasons that another attempt may cure. Every other reason would only fail again, at a cost."""


class GamutError(Exception):
    """Something went wrong inside the service. Look in its log for this job's id."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    code: ClassVar[str] = "internal"
    reason: ClassVar[Reason] = Reason.INTERNAL

    def __init__(self, detail: str | None = None, errors: Sequence[FieldError] = ()) -> None:
        self.detail = detail or inspect.cleandoc(self.__doc__ or "")
        self.errors = list(errors)
        super().__init__(self.detail)

    def problem(self) -> Problem:
        return Problem(
            type=f"urn:gamut:problem:{self.code}",
            title=self.status.phrase,
            status=self.status,
            detail=self.detail,
            code=self.code,
            retryable=self.reason in RETRIED,
            errors=self.errors,
        )


class InvalidRequest(GamutError):
    """The request does not describe a job that can run. `errors` names each field."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid_request"
    reason = Reason.INVALID_REQUEST


class InvalidData(GamutError):
    """The data cannot be read as the rows it is said to hold. `errors` names each row and line."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid_data"
    reason = Reason.INVALID_DATA


class NotFound(GamutError):
    """There is no such thing. Check the id; list what exists with a GET on the collection."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"
    reason = Reason.INPUT_MISSING


class InputMissing(GamutError):
    """An artifact that this request reads does not exist. Make it first, or correct the id."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "input_missing"
    reason = Reason.INPUT_MISSING


class Conflict(GamutError):
    """The job's state does not allow this move."""

    status = HTTPStatus.CONFLICT
    code = "conflict"
    reason = Reason.INVALID_REQUEST


class UnknownModel(GamutError):
    """The model is neither an artifact, nor a folder, nor a name on this server's allow-list."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "unknown_model"
    reason = Reason.UNKNOWN_MODEL


class TooLarge(GamutError):
    """The body is larger than this endpoint takes. Upload it as a dataset instead."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "too_large"
    reason = Reason.INVALID_REQUEST


class StoreUnavailable(GamutError):
    """The object store does not answer. The job is kept and tried again."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "store_unavailable"
    reason = Reason.STORE_UNAVAILABLE


class ServiceUnavailable(GamutError):
    """Another service that this one needs does not answer. Try again in a moment."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "service_unavailable"
    reason = Reason.SERVICE_UNAVAILABLE


class SourceUnavailable(GamutError):
    """No source of this job answers. The job is kept and tried again; check the source's address."""

    status = HTTPStatus.BAD_GATEWAY
    code = "source_unavailable"
    reason = Reason.SOURCE_UNAVAILABLE


class QuotaExceeded(GamutError):
    """This API key has used up what it may have at a time. Wait, or ask for a larger quota."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "quota_exceeded"
    reason = Reason.QUOTA_EXCEEDED
