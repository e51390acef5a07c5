"""How a service answers `POST /v1/estimate` for its own operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from shared.artifacts import find_manifest, project_store
from shared.contracts.artifacts import Manifest
from shared.contracts.base import JobRequest
from shared.contracts.estimates import Coming, EstimateRequest, JobEstimate
from shared.contracts.fields import Range
from shared.contracts.problems import FieldError
from shared.datasets import ROWS
from shared.errors import InputMissing, InvalidRequest
from shared.store.base import ObjectStore

WIDER = (0.5, 2.0)
"""How much lower and higher a range is told that follows from other rows than the job's own, as rows differ
in length."""


@dataclass(frozen=True)
class KnownInputs:
    """The artifacts that a request names: those in the project's store, and those still `coming`."""

    store: ObjectStore
    coming: Mapping[str, Coming]

    def find(self, artifact: str) -> Manifest | None:
        return find_manifest(self.store, artifact)

    def rows(self, dataset: str) -> int | None:
        """Rows that a dataset has or will have; None where that is not known."""
        return self.size(dataset).rows

    def size(self, dataset: str) -> Coming:
        """The dataset's rows, their bytes, and a dataset that exists and is like it: itself, if it does."""
        manifest = self.find(dataset)
        if manifest is None:
            return self.coming.get(dataset, Coming())
        part = manifest.part(ROWS)
        contexts = manifest.figure("contexts")
        return Coming(
            rows=int(manifest.figure("rows") or 0),
            contexts=None if contexts is None else int(contexts),
            bytes=part.bytes if part else 0,
            like=dataset,
        )

    def like(self, dataset: str) -> str:
        """The dataset, or the one that exists and that its rows will be like. Raises `InputMissing`."""
        found = self.size(dataset).like
        if found is None or self.find(found) is None:
            raise InputMissing(
                f"{dataset} does not exist, and nothing that does was named that its rows will be like"
            )
        return found

    def is_coming(self, artifact: str | None) -> bool:
        """Whether a request names an artifact here that does not exist yet."""
        return artifact is not None and self.find(artifact) is None


Estimator = Callable[[Any, KnownInputs], JobEstimate]
"""Takes the operation's request. Raises `InvalidRequest` and its like where the job could only fail."""


def add_estimates(api: FastAPI, store: ObjectStore, estimators: Mapping[type[JobRequest], Estimator]) -> None:
    """`POST /v1/estimate` for these operations."""
    known = {request.operation: (request, estimate) for request, estimate in estimators.items()}

    @api.post("/v1/estimate", tags=["estimates"])
    def estimate_job(asked: EstimateRequest) -> JobEstimate:
        """Calls, tokens, money and seconds of a job, each with a range, and the size of what it would make.
        Nothing is run and nothing is spent."""
        if asked.operation not in known:
            raise InvalidRequest(
                f"this service has no operation {asked.operation!r}; it has {', '.join(sorted(known))}",
                [FieldError(pointer="/operation", detail=f"must be one of {', '.join(sorted(known))}")],
            )
        request_class, estimate = known[asked.operation]
        try:
            request = request_class.model_validate(asked.request)
        except ValidationError as error:
            faults = [
                {**fault, "loc": ("body", "request", *fault["loc"])}
                for fault in error.errors(include_url=False)
            ]
            raise RequestValidationError(faults) from error
        return estimate(request, KnownInputs(project_store(store, asked.project), asked.coming))


def plus(one: Range, other: Range) -> Range:
    return Range(**{bound: getattr(one, bound) + getattr(other, bound) for bound in Range.model_fields})


def like_other_rows(found: Range, factor: float) -> Range:
    """A range that was found for other rows, of which there are 1/`factor` as many."""
    lower, higher = WIDER
    return Range(
        expected=found.expected * factor, low=found.low * factor * lower, high=found.high * factor * higher
    )
