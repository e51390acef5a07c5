"""The generator's own errors, as jobs end with them and callers see them."""

from __future__ import annotations

from http import HTTPStatus

from shared.errors import GamutError, InvalidRequest, Reason, UnknownModel


class UnknownSource(InvalidRequest):
    """The request names a source that is not registered."""

    code = "unknown_source"
    reason = Reason.SOURCE_REFUSED


class SourceMismatch(UnknownModel):
    """The source serves another model than the request states."""

    code = "source_mismatch"


class BadPromptTemplate(InvalidRequest):
    """A prompt template of the request cannot be used."""

    code = "bad_template"


class SourceRefused(GamutError):
    """The source refuses every call of this request."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "source_refused"
    reason = Reason.SOURCE_REFUSED


class UncountableLengths(InvalidRequest):
    """Lengths cannot be counted in the unit that the request names."""

    code = "uncountable_lengths"


class CandidatesExhausted(GamutError):
    """The sources gave too few rows that pass."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "candidates_exhausted"
    reason = Reason.CANDIDATES_EXHAUSTED


class TargetUnreachable(GamutError):
    """The wanted diversity cannot be reached by what the dial may move."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "target_unreachable"
    reason = Reason.TARGET_UNREACHABLE


class BudgetExhausted(GamutError):
    """The budget was spent before the result was there."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "budget_exhausted"
    reason = Reason.BUDGET_EXHAUSTED


class AdapterRefused(InvalidRequest):
    """The source's server does not take this adapter."""

    code = "adapter_refused"
    reason = Reason.SOURCE_REFUSED
