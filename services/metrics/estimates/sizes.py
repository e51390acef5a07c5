"""How many rows the datasets that this service makes will have, from the requests and the inputs' sizes."""

from __future__ import annotations

from shared.contracts.advice import ProposalRequest
from shared.contracts.base import JobRequest
from shared.contracts.estimates import Coming
from shared.contracts.mixture import (
    DeduplicationRequest,
    FilterRequest,
    MixtureRequest,
    SampleRequest,
    SplitRequest,
)
from shared.estimates import KnownInputs

BYTES_A_WORD = 6.0
"""Of a dataset's rows as they are stored: English prose, its keys and its ids."""
WORDS_A_ROW = 100.0
"""Where no rows are known that tell it."""


def to_be_made(request: JobRequest, known: KnownInputs) -> Coming:
    """The dataset that a job makes. Its rows are taken to be as long as those it is taken from. Of a filter
    its rows are the most there can be; of a search for a mixture, those of a mixture in the middle of its
    range."""
    source = _source(request)
    if source is None:
        return Coming()
    size = known.size(source)
    rows = _rows(request, size.rows, words_a_row(source, known), known)
    each = None if size.bytes is None or not size.rows else size.bytes / size.rows
    return Coming(
        rows=rows,
        contexts=_contexts(request, size.contexts),
        bytes=None if rows is None or each is None else rows * each,
        like=size.like,
    )


def words(dataset: str, known: KnownInputs) -> float | None:
    """Words of a dataset's rows; None where its number of rows is not known."""
    rows = known.rows(dataset)
    return None if rows is None else rows * words_a_row(dataset, known)


def words_a_row(dataset: str, known: KnownInputs) -> float:
    """Of the dataset itself where it, or an estimate of it, says that; else of the one that it is like."""
    size = known.size(dataset)
    if (size.bytes is None or not size.rows) and size.like not in (None, dataset):
        size = known.size(str(size.like))
    return max(size.bytes / BYTES_A_WORD / size.rows, 1.0) if size.bytes and size.rows else WORDS_A_ROW


def _source(request: JobRequest) -> str | None:
    """The dataset that most of the rows are taken from, or are like."""
    if isinstance(request, ProposalRequest):
        return request.real
    if isinstance(request, MixtureRequest):
        return next(iter(request.sources.values()))
    if isinstance(request, SampleRequest | SplitRequest | FilterRequest | DeduplicationRequest):
        return request.dataset
    return None


def _rows(request: JobRequest, whole: int | None, each: float, known: KnownInputs) -> int | None:
    if isinstance(request, SampleRequest):
        rows = _asked(request.size, request.unit, whole, request.fraction, each)
        return whole if request.or_all and whole is not None and rows is not None and rows > whole else rows
    if isinstance(request, SplitRequest):
        return _asked(None, "rows", whole, request.shares[request.take], each)
    if isinstance(request, MixtureRequest):
        return _mixed(request, _asked(request.size, request.unit, whole, 1.0, each), known)
    if isinstance(request, ProposalRequest):
        return round(request.size / (1 - (request.search.low + request.search.high) / 2))
    return whole


def _mixed(request: MixtureRequest, size: int | None, known: KnownInputs) -> int | None:
    """Rows of a mixture of this size, which is that of its first part where it is additive or none is asked
    for."""
    if request.parts is None:
        weights = [1 - float(request.rho or 0), float(request.rho or 0)]
    else:
        weights = [part.weight for part in request.parts]
    if request.mode == "additive":
        return None if size is None else round(size * sum(weights) / weights[0])
    if request.parts is None or request.size is not None:
        return size
    shares = zip(request.parts, weights, strict=True)
    most = [(known.rows(part.dataset), weight / sum(weights)) for part, weight in shares if weight]
    if any(rows is None for rows, _ in most):
        return None
    return int(min(float(rows or 0) / share for rows, share in most))


def _contexts(request: JobRequest, whole: int | None) -> int | None:
    """Of a split that keeps the questions of a context together, its share of them."""
    if whole is None or not isinstance(request, SplitRequest) or request.group_by not in (None, "context_id"):
        return None
    return round(whole * request.shares[request.take])


def _asked(size: int | None, unit: str, whole: int | None, share: float | None, each: float) -> int | None:
    """Rows of a dataset of a `size` in its unit, or of a share of the `whole`; a row has `each` words."""
    if size is not None:
        return size if unit == "rows" else round(size / each)
    return None if whole is None or share is None else round(whole * share)
